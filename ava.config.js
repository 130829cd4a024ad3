// Processes, not worker threads: setns(2) and koffi handles belong to a process, and a crash of one file must not take the others.
export default {
  files: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 2,
  timeout: '120s',
};
