/** Where the bundle of the one-shot program is, and whether it still is what the sources say. Read at each such call: small, and JavaScript. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BUILD_FOLDER = fileURLToPath(new URL('../../build', import.meta.url));

/** Made last, so that it names a bundle that is whole. */
export const BUNDLE_INDEX = 'one-shot.json';

/**
 * @typedef {object} BundleIndex
 * @property {string} folder beside the index
 * @property {string} program in that folder
 * @property {Record<string, string>} sources their stamps, by path, when the bundle was made
 */

/**
 * @param {string} [buildFolder]
 * @returns {BundleIndex | undefined} undefined when there is none that can be read
 */
export function readBundleIndex(buildFolder = BUILD_FOLDER) {
  try {
    return JSON.parse(readFileSync(join(buildFolder, BUNDLE_INDEX), 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * The program of the bundle; undefined when there is none, or when a source is another one now: Weir was upgraded since.
 *
 * @param {string} [buildFolder]
 */
export function currentBundle(buildFolder = BUILD_FOLDER) {
  const index = readBundleIndex(buildFolder);
  if (index === undefined || !Object.entries(index.sources).every(([path, stamp]) => stampOf(path) === stamp)) return undefined;
  return join(buildFolder, index.folder, index.program);
}

/** @param {string} path of a source */
export function stampOf(path) {
  const { mtimeMs, size } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return `${mtimeMs} ${size}`;
}
