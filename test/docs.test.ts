/** What the documentation says about files, objects, metrics and settings is held to what there is. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { CNI_CODE } from '@weir/cni';
import { jsonSchemaOf, type Kind, parsePolicyTests } from '@weir/resources';
import test from 'ava';
import { createMetrics } from '../packages/agent/src/metrics.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'cni-configs/README.md',
  'marathon/README.md',
  ...globSync('docs/*.md', { cwd: root }).sort(),
];

interface Block {
  line: number;
  language: string;
  text: string;
}

function codeBlocks(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(({ index, 1: language = '', 2: text = '' }) => ({
    line: markdown.slice(0, index).split('\n').length,
    language,
    text,
  }));
}

const withoutCode = (markdown: string): string => markdown.replace(/^```\w*\n[\s\S]*?^```$/gm, '');

/** As GitHub makes them. */
function anchors(markdown: string): Set<string> {
  const headings = [...withoutCode(markdown).matchAll(/^#+ (.*)$/gm)].map(({ 1: heading = '' }) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\- _]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

test('there are pages to look at', (t) => {
  t.true(pages.length > 8, pages.join(', '));
});

for (const page of pages) {
  test(`${page}: every relative link leads somewhere`, (t) => {
    for (const { 1: target = '' } of withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : relative(root, join(root, dirname(page), path));
      t.true(existsSync(join(root, file)), `${target}: there is no ${file}`);
      if (anchor !== undefined) t.true(anchors(read(file)).has(anchor), `${target}: ${file} has no such heading`);
    }
    t.pass();
  });

  test(`${page}: every object is a valid one`, (t) => {
    for (const { line, language, text } of codeBlocks(read(page))) {
      if (language !== 'yaml' || !text.includes('apiVersion:')) continue;
      t.notThrows(() => parsePolicyTests(text, `${page}, block at line ${line}`));
    }
    t.pass();
  });
}

test('every metric of the agent is explained', async (t) => {
  const text = read('docs/troubleshooting.md');
  const metrics = await createMetrics().registry.getMetricsAsJSON();
  t.true(metrics.length > 0);
  for (const { name } of metrics) t.true(text.includes(`| \`${name}\` |`), name);
});

test('every key of agent.yaml is explained', (t) => {
  const text = read('docs/configuration.md');
  const [, schema = ''] = /const schema = z\.strictObject\(\{([\s\S]*?)^\}\);/m.exec(read('packages/agent/src/config.ts')) ?? [];
  const keys = [...schema.matchAll(/^ {2}(\w+): z\b/gm)].map(({ 1: key }) => key);
  t.true(keys.includes('addresses') && keys.includes('presenceTtl'), `the keys were not found in the source: ${keys}`);
  for (const key of keys) t.true(text.includes(`| \`${key}\` |`), key);
});

/** Of an object's spec, as its schema has them. */
function fieldsOf(kind: Kind): string[] {
  const { properties } = jsonSchemaOf(kind) as { properties: { spec: { properties: object } } };
  return Object.keys(properties.spec.properties);
}

test('every field of the kinds for BGP is explained', (t) => {
  const text = read('docs/bgp.md');
  for (const kind of ['BgpConfig', 'BgpPeer', 'BgpFilter'] as const) {
    t.true(fieldsOf(kind).length >= 2, kind);
    for (const field of fieldsOf(kind)) t.regex(text, new RegExp(`\\b${field}[\`:]`), `${field} of ${kind}`);
  }
});

test('docs/networks.md: every setting of its table of choices is one', (t) => {
  const [, table = ''] = /^## What to choose\n([\s\S]*?)^## /m.exec(read('docs/networks.md')) ?? [];
  const settings = new Set([...table.matchAll(/`((?!kind)\w+): (\w+)`/g)].map(({ 1: field = '', 2: value = '' }) => `${field}: ${value}`));
  t.true(settings.size > 8, [...settings].join(', '));
  for (const setting of settings) {
    const [kind, spec] = setting.startsWith('addressSpace') ? ['Network', setting] : ['Pool', `cidr: 10.64.0.0/16, ${setting}`];
    t.notThrows(
      () => parsePolicyTests(`{ apiVersion: weir/v1, kind: ${kind}, metadata: { name: a }, spec: { ${spec} } }`, setting),
      setting,
    );
  }
});

test('every variable and setting of the store is explained', (t) => {
  const text = read('docs/configuration.md');
  const source = read('packages/datastore/src/store-options.ts');
  const variables = new Set(source.match(/'(WEIR|ETCDCTL)_[A-Z_]+'/g));
  const [, section = ''] = /etcd: z\s+\.strictObject\(\{([\s\S]*?)\}\)/.exec(source) ?? [];
  const settings = [...section.matchAll(/(\w+): z\.unknown/g)].map(({ 1: key }) => `etcd.${key}`);
  t.true(variables.size > 10 && settings.length > 5);
  for (const name of variables) t.true(text.includes(`\`${name.slice(1, -1)}\``), name);
  for (const name of settings) t.true(text.includes(`\`${name}\``), name);
});

test('every code of a failed CNI call is explained', (t) => {
  const text = read('docs/troubleshooting.md');
  for (const [name, code] of Object.entries(CNI_CODE)) t.true(text.includes(`\n| ${code} |`), `${name}: ${code}`);
});
