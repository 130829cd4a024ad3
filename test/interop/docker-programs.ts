/** Debian's Docker, unpacked beside the project: nothing of it is installed, and no daemon is started. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileLock } from '@weir/kernel';

const CACHE = new URL('../../node_modules/.cache', import.meta.url).pathname;
const PACKAGES = ['docker.io', 'containerd'];
const PROGRAMS = ['usr/sbin/dockerd', 'usr/bin/docker', 'usr/bin/containerd', 'usr/bin/containerd-shim-runc-v2'];
/** Less than ava lets a file wait. */
const LIMIT_MS = 90_000;

const run = promisify(execFile);

/** The folder that they are in, or why they cannot be had here. */
export async function dockerPrograms(): Promise<{ path: string } | { missing: string }> {
  const path = join(CACHE, 'docker');
  try {
    mkdirSync(CACHE, { recursive: true });
    using _unpacking = await fileLock(`${path}.lock`, { wait: LIMIT_MS });
    if (!existsSync(path)) await unpack(path);
    // Says which library is missing, if one is.
    await run(join(path, 'dockerd'), ['--version']);
    return { path };
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    return { missing: (stderr || message).trim().split('\n').at(-1)! };
  }
}

async function unpack(path: string): Promise<void> {
  const folder = mkdtempSync(`${path}-`);
  try {
    await run('apt-get', ['download', '-qq', ...PACKAGES], {
      cwd: folder,
      timeout: LIMIT_MS,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    });
    await run('sh', ['-c', 'for package in *.deb; do dpkg -x "$package" root; done'], { cwd: folder });
    mkdirSync(join(folder, 'programs'));
    for (const program of PROGRAMS) cpSync(join(folder, 'root', program), join(folder, 'programs', program.split('/').at(-1)!));
    renameSync(join(folder, 'programs'), path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
