import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

/** Looks for an executable file in the folders of `a:b`, first hit wins; `undefined` when there is none. */
export function findPlugin(type: string, searchPath: string): string | undefined {
  return searchPath
    .split(':')
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, type))
    .find(isExecutableFile);
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not for us: the search goes on
  }
}
