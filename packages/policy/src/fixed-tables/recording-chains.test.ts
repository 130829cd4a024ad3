import test from 'ava';
import { readTable } from '../statements/read-table.ts';
import { statementKey } from '../statements/statement.ts';
import { NftNamespace } from '../test-support/nft.ts';
import { baseTable } from './base-table.ts';
import { muted } from './recording-chains.ts';

test('as many sources are muted as there is room for, and an agent that starts finds them in the kernel', (t) => {
  const sources = Array.from({ length: 300 }, (_, index) => [`10.0.${index >> 8}.${index & 255}`, `fd00::${(index + 1).toString(16)}`]);
  const statements = muted(sources.flat());
  t.is(statements.length, 512);
  const nft = NftNamespace.create(t);
  nft.run(baseTable({ agentPorts: [], healthChecks: 'Always', vxlan: { port: 4789, vni: 4096 } }).script);
  const wanted = new Map(statements.map((statement) => [statementKey(statement), statement]));
  nft.apply({ set: wanted, delete: new Set() }, new Map());
  t.deepEqual([...readTable(nft.list()).statements.keys()].sort(), [...wanted.keys()].sort());
});
