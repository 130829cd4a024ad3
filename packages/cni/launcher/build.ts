/** Builds the launcher. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const [SOURCE, HEADER] = ['launcher.c', 'syscalls.h'].map((name) => fileURLToPath(new URL(name, import.meta.url))) as [string, string];
// Without C library and stack protector, whose canary the library would set up.
const FLAGS = ['-std=gnu11', '-Wall', '-Wextra', '-Os', '-s', '-static', '-nostdlib', '-ffreestanding', '-fno-stack-protector'];

/** Processors that Node from npm runs on, with Debian's compiler for each where it is not the machine's own. */
const CROSS_COMPILERS = {
  x64: ['x86_64-linux-gnu-gcc', 'gcc-x86-64-linux-gnu'],
  arm64: ['aarch64-linux-gnu-gcc', 'gcc-aarch64-linux-gnu'],
} as const;

export type Processor = keyof typeof CROSS_COMPILERS;

/** Where the launcher of this installation is compiled to. */
export const BUILD_FOLDER = fileURLToPath(new URL('../build', import.meta.url));

export class LauncherBuildError extends Error {
  override readonly name = 'LauncherBuildError';
  /** ENOCOMPILER: there is none; ECOMPILE: it refused the source. */
  readonly code: 'ENOCOMPILER' | 'ECOMPILE';

  constructor(code: 'ENOCOMPILER' | 'ECOMPILE', message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Compiles the launcher into `folder`, unless the same source was compiled there before.
 * @param options.processor that it is for; default: the machine's own
 * @returns the binary's path
 * @throws LauncherBuildError
 */
export async function buildLauncher(folder = BUILD_FOLDER, options: { compiler?: string; processor?: Processor } = {}): Promise<string> {
  const { processor = process.arch as Processor } = options;
  const { compiler = processor === process.arch ? (process.env.CC ?? 'cc') : CROSS_COMPILERS[processor][0] } = options;
  const binary = await launcherPath(folder, processor);
  if (await exists(binary)) return binary;
  await mkdir(folder, { recursive: true });
  const draft = `${binary}.${process.pid}`;
  try {
    await promisify(execFile)(compiler, [...FLAGS, '-o', draft, SOURCE]);
    await rename(draft, binary);
  } catch (error) {
    throw explain(error as NodeJS.ErrnoException & { stderr?: string }, compiler, processor);
  } finally {
    await rm(draft, { force: true });
  }
  return binary;
}

/** Where `buildLauncher` puts the binary of this source: a file is there once it was compiled. */
export async function launcherPath(folder = BUILD_FOLDER, processor: string = process.arch): Promise<string> {
  const [source, header] = await Promise.all([readFile(SOURCE), readFile(HEADER)]);
  const hash = createHash('sha256').update(source).update(header).update(FLAGS.join(' ')).update(processor).digest('hex').slice(0, 16);
  return join(folder, `weir-launcher-${hash}`);
}

function explain(error: NodeJS.ErrnoException & { stderr?: string }, compiler: string, processor: Processor): LauncherBuildError {
  if (error.code === 'ENOENT') {
    const packages = processor === process.arch ? 'gcc libc6-dev' : `${CROSS_COMPILERS[processor][1]} libc6-dev-${processor}-cross`;
    return new LauncherBuildError(
      'ENOCOMPILER',
      `there is no C compiler "${compiler}": install one (Debian: apt-get install ${packages}), or set CC`,
      { cause: error },
    );
  }
  return new LauncherBuildError('ECOMPILE', `${compiler} could not build the launcher: ${error.stderr || error.message}`, { cause: error });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
