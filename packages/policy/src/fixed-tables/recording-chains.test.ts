import test from 'ava';
import { readTable } from '../statements/read-table.ts';
import { ruleText } from '../statements/rule.ts';
import { NftNamespace } from '../test-support/nft.ts';
import { baseTable } from './base-table.ts';
import { mutedRules } from './recording-chains.ts';

const BASE = baseTable({ agentPorts: [], healthChecks: 'Always', vxlan: { port: 4789, vni: 4096 } });

test('who is alone is compared with, of more there is a set, and as many are muted as there is room for', (t) => {
  t.is(mutedRules({ sources: [], destinations: [] }), undefined);
  const text = (sources: string[], destinations: string[]) => mutedRules({ sources, destinations })!.rules!.map(ruleText);
  t.deepEqual(text(['10.0.0.1'], ['fd00::1', 'fd00::2']), ['ip saddr { 10.0.0.1 } drop', 'ip6 daddr { fd00::1, fd00::2 } drop']);
  const many = Array.from({ length: 300 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  t.is(text(many, [])[0]!.split(',').length, 256);
});

test('an agent that starts finds in the kernel that somebody is muted; the fixed part is the same then', (t) => {
  const nft = NftNamespace.create(t);
  nft.run(BASE.script);
  t.deepEqual(readTable(nft.list()), { layout: BASE.layout, version: BASE.version, statements: new Map() });
  nft.run('add rule inet weir muted ip saddr 10.0.0.1 drop');
  const { version, statements } = readTable(nft.list());
  t.is(version, BASE.version);
  t.deepEqual([...statements], [['rules/muted', { kind: 'rules', chain: 'muted', rules: undefined }]]);
  nft.run(BASE.script);
  t.true(readTable(nft.list()).statements.has('rules/muted'), 'it stays when the fixed part is loaded anew');
});
