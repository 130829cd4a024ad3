/**
 * Makes one file of the one-shot program's several hundred: without an agent a container waits for Node to load them.
 * Packages that are no plain JavaScript stay what they are, and are found from where the bundle is.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUILD_FOLDER, BUNDLE_INDEX, type BundleIndex, currentBundle, readBundleIndex, stampOf } from './one-shot-bundle.js';

const PROGRAM = fileURLToPath(new URL('serve-one-call.ts', import.meta.url));

/** The first has code of the machine's, the second a file of its own that it looks for; the others are needed by few calls. */
const LEFT_OUT = ['koffi', 'etcd3', 'axios', 'cockatiel'];

/** esbuild leaves the `require` of CommonJS packages to whoever runs an ECMAScript module, where there is none. */
const REQUIRE = "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);";

/** Bundles made by earlier sources go, but for the last one: a call may be reading it. */
const NAME = /^one-shot-[0-9a-f]{16}$/;

/**
 * Makes the bundle, about a second, unless it is there and current.
 * @returns its program
 */
export async function bundleOneShot(buildFolder = BUILD_FOLDER): Promise<string> {
  const current = currentBundle(buildFolder);
  if (current !== undefined) return current;
  const { build } = await import('esbuild');
  const { metafile, outputFiles } = await build({
    entryPoints: [PROGRAM],
    bundle: true,
    // What is imported only when it is needed stays apart.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: `node${process.versions.node}`,
    external: LEFT_OUT,
    banner: { js: REQUIRE },
    outdir: buildFolder,
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  const content = createHash('sha256');
  for (const { path, contents } of outputFiles) content.update(basename(path)).update(contents);
  const folder = `one-shot-${content.digest('hex').slice(0, 16)}`;
  const sources = Object.fromEntries(
    Object.keys(metafile.inputs).map((input) => {
      const path = resolve(input);
      return [path, stampOf(path)];
    }),
  );
  const program = relative(buildFolder, outputFiles.find(({ path }) => basename(path) === 'serve-one-call.js')!.path);
  const previous = readBundleIndex(buildFolder)?.folder;
  await mkdir(join(buildFolder, folder), { recursive: true });
  for (const { path, contents } of outputFiles) await writeFile(join(buildFolder, folder, basename(path)), contents);
  await placeIndex(buildFolder, { folder, program, sources });
  for (const name of await readdir(buildFolder)) {
    if (NAME.test(name) && name !== folder && name !== previous) await rm(join(buildFolder, name), { recursive: true });
  }
  return join(buildFolder, folder, program);
}

async function placeIndex(buildFolder: string, index: BundleIndex): Promise<void> {
  const draft = join(buildFolder, `${BUNDLE_INDEX}.${process.pid}`);
  await writeFile(draft, JSON.stringify(index));
  await rename(draft, join(buildFolder, BUNDLE_INDEX));
}
