import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { LabFolder } from '@weir/lab';

/** Compiles a C file of this folder into another, a lab's, say, which takes it away with it. @returns the program's path */
export function compile(source: string, folder: Pick<LabFolder, 'path'>): string {
  const program = join(folder.path, source.replace(/\.c$/, ''));
  execFileSync('cc', ['-O2', '-Wall', '-o', program, join(import.meta.dirname, source)], { stdio: ['ignore', 'ignore', 'inherit'] });
  return program;
}
