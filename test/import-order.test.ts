/**
 * The layout is the architecture: imports only go down one list of packages, and the pure packages touch nothing outside.
 * This test reads the sources as text, so it also sees imports that are only made at run time (`await import()`).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import test from 'ava';

/** From the highest to the lowest; a package may name only those after it. */
const ORDER = ['lab', 'cli', 'agent', 'docker', 'mesos', 'cni', 'routing', 'ipam', 'policy', 'kernel', 'datastore', 'resources'];
/** Packages that calculate only, and the built-in modules that calculate only. */
const PURE = ['policy', 'resources'];
const PURE_BUILT_INS = ['node:crypto'];

interface Manifest {
  dependencies?: Record<string, string>;
  oclif?: { plugins?: string[] };
}

const packages = join(import.meta.dirname, '..', 'packages');

/** `paths`: packages whose files are named by path, since they are run as programs. */
function sources(packageName: string): { file: string; imports: string[]; paths: string[] }[] {
  return readdirSync(join(packages, packageName), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
    .map((file) => {
      const text = readFileSync(join(packages, packageName, file), 'utf8');
      const imports = [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"\s,]+)['"]/g)].map((match) => match[1]!);
      const paths = [...text.matchAll(/['"`]packages\/([a-z]+)\//g)].map((match) => match[1]!);
      return { file: `packages/${packageName}/${file}`, imports, paths };
    });
}

const isTest = (file: string): boolean => /\.test\.ts$|\/(testing|test-support)\//.test(file);

test('every package is in the order, and nothing else is', (t) => {
  t.deepEqual(readdirSync(packages).sort(), [...ORDER].sort());
});

for (const [position, name] of ORDER.entries()) {
  test(`${name} imports only packages below it`, (t) => {
    const allowed = new Set([name, ...ORDER.slice(position + 1)]);
    for (const { file, imports } of sources(name)) {
      for (const specifier of imports) {
        const target = /^@weir\/([^/]+)/.exec(specifier)?.[1];
        if (target) t.true(allowed.has(target), `${file} imports ${specifier}, which is above ${name}`);
        t.notRegex(
          specifier,
          /^(\.\.\/)+packages\/|^(\.\.\/){2,}[a-z]+\/src\//,
          `${file} reaches into another package by path: ${specifier}`,
        );
      }
    }
  });

  test(`${name} declares what it imports`, (t) => {
    const manifest = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8')) as Manifest;
    const declared = new Set([`@weir/${name}`, ...Object.keys(manifest.dependencies ?? {})]);
    const used = new Set<string>();
    const programs = new Set<string>();
    for (const { file, imports, paths } of sources(name)) {
      for (const path of paths) programs.add(path);
      for (const specifier of imports.filter((text) => !text.startsWith('.') && !text.startsWith('node:'))) {
        const dependency = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
        used.add(dependency);
        if (!isTest(file))
          t.true(declared.has(dependency), `${file} imports ${dependency}, which packages/${name}/package.json does not declare`);
      }
    }
    // Loaded by name at run time: pino's pretty printer, the command line's plugins, and programs of other packages that are run.
    const loaded = new Set(['pino-pretty', ...(manifest.oclif?.plugins ?? []), ...used]);
    for (const program of programs) loaded.add(`@weir/${program}`);
    for (const dependency of Object.keys(manifest.dependencies ?? {})) {
      t.true(loaded.has(dependency), `packages/${name}/package.json declares ${dependency}, which nothing uses`);
    }
  });
}

for (const name of PURE) {
  test(`${name} is pure`, (t) => {
    for (const { file, imports } of sources(name).filter(({ file }) => !isTest(file))) {
      for (const specifier of imports.filter((text) => text.startsWith('node:'))) {
        t.true(PURE_BUILT_INS.includes(specifier), `${file} imports ${specifier}: a pure package touches nothing outside`);
      }
    }
  });
}

/** What a file imports of its own package when it runs, with those that import it again: types are gone by then. */
function circle(name: string): string[] {
  const root = join(packages, name);
  const importsOf = new Map<string, string[]>();
  for (const { file } of sources(name)) {
    const path = join(packages, '..', file);
    const text = readFileSync(path, 'utf8');
    const specifiers = [...text.matchAll(/^(?:import|export) (?!type )(?:[^;']*? from )?'(\.{1,2}\/[^']+)';/gm)].map((match) => match[1]!);
    importsOf.set(
      path,
      specifiers.map((specifier) => resolve(dirname(path), specifier)),
    );
  }
  const finished = new Set<string>();
  const visit = (path: string, way: string[]): string[] => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path].map((file) => relative(root, file));
    if (finished.has(path)) return [];
    for (const next of importsOf.get(path) ?? []) {
      const found = visit(next, [...way, path]);
      if (found.length > 0) return found;
    }
    finished.add(path);
    return [];
  };
  for (const path of importsOf.keys()) {
    const found = visit(path, []);
    if (found.length > 0) return found;
  }
  return [];
}

for (const name of ORDER) {
  test(`${name}: no file imports one that imports it`, (t) => {
    t.deepEqual(circle(name), []);
  });
}
