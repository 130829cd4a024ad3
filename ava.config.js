import { fileURLToPath } from 'node:url';

// Processes, not worker threads: setns(2) and koffi handles belong to a process, and a crash of one file must not take the others.
export default {
  files: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 2,
  timeout: '120s',
  // Each file is a process of its own, and most of them read the same modules: what Node once compiled of these is kept.
  environmentVariables: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url)) },
};
