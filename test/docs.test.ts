/** What the documentation says about files, objects, metrics and settings is held to what there is. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Parser } from '@oclif/core';
import { CNI_CODE } from '@weir/cni';
import { jsonSchemaOf, type Kind, type Policy, parseDocuments, parsePolicyTests, toKubernetes } from '@weir/resources';
import test from 'ava';
import { parse } from 'yaml';
import { createMetrics } from '../packages/agent/src/metrics.ts';
import { COMMANDS } from '../packages/cli/src/commands.ts';

/** Commands of its plugins. */
const OF_OCLIF = new Set(['autocomplete', 'help']);

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

interface CommandLine {
  words: string[];
  /** In a block of code, to be typed; in the text it may be cut short. */
  whole: boolean;
}

/** What stands behind `weir`, wherever a page says it. */
function commandLines(markdown: string): CommandLine[] {
  const typed = codeBlocks(markdown).flatMap(({ language, text }) => (['', 'sh', 'console'].includes(language) ? text.split('\n') : []));
  const inline = [...withoutCode(markdown).matchAll(/`(weir [^`]* -[^`]*)`/g)].map(({ 1: text = '' }) => text);
  const wordsOf = (line: string) =>
    line
      .replace(/ +# .*/, '')
      .split(/[|;]|&&/)
      .flatMap((command) => /^\s*(?:\$ )?weir (.*)/.exec(command)?.[1] ?? [])
      .map((words) =>
        [...words.replace(/ >.*/, '').matchAll(/'[^']*'|"[^"]*"|[^\s'"]+/g)].map(([word]) => word.replace(/^['"]|['"]$/g, '')),
      );
  return [
    ...typed.flatMap(wordsOf).map((words) => ({ words, whole: true })),
    ...inline.flatMap(wordsOf).map((words) => ({ words, whole: false })),
  ];
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

  test(`${page}: weir takes every command line of it`, async (t) => {
    for (const { words, whole } of commandLines(read(page))) {
      const [line, id] = [`weir ${words.join(' ')}`, [words.slice(0, 2).join(':'), words[0]!].find((one) => COMMANDS[one] !== undefined)];
      if (OF_OCLIF.has(words[0]!) || words.includes('--help')) continue;
      if (id === undefined) {
        t.fail(`${line}: there is no such command`);
        continue;
      }
      const { args, flags, baseFlags, strict } = COMMANDS[id]!;
      const parsed = Parser.parse(words.slice(id.split(':').length), { args, flags: { ...baseFlags, ...flags }, strict });
      if (whole) await t.notThrowsAsync(parsed, line);
      else t.notRegex(await parsed.then(() => '', String), /Nonexistent flag/, line);
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

/** `get` leaves them out. */
function withoutEmptyLabels(object: { metadata: { labels?: object } }): object {
  const { labels = {}, ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, ...(Object.keys(labels).length > 0 && { labels }) } };
}

test('docs/kubernetes-network-policy.md: what is printed of a NetworkPolicy is what becomes of it, and back', (t) => {
  const blocks = codeBlocks(read('docs/kubernetes-network-policy.md'));
  const given = [
    ...blocks.filter(({ language, text }) => language === 'yaml' && text.startsWith('kind: NetworkPolicy')).map(({ text }) => text),
    read('marathon/policies/access-nginx.yaml'),
  ].flatMap((text) => parseDocuments(text).map(({ object }) => object));
  const printed = blocks.flatMap(({ text }) => [
    ...text.matchAll(/^\$ weir get policy (\S+) -n (\S+) -o (yaml|kubernetes)\n((?!error)[\s\S]*?)(?=^\$|(?![\s\S]))/gm),
  ]);
  t.deepEqual(
    printed.map(([, name, , form]) => `${name} ${form}`),
    ['access-nginx yaml', 'web yaml', 'access-nginx kubernetes'],
  );
  for (const [command, name, namespace, form, text = ''] of printed) {
    const object = given.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace) as Policy;
    t.truthy(object, command);
    const expected = form === 'yaml' ? object : (toKubernetes(object) as { networkPolicy?: unknown }).networkPolicy;
    t.deepEqual(withoutEmptyLabels(parse(text)), withoutEmptyLabels(JSON.parse(JSON.stringify(expected))), command);
  }
});

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
