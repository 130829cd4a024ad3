import { type AnyObject, parseObject } from '@weir/resources';
import test from 'ava';
import { PolicyCalculator } from '../calculator.ts';
import { baseTable } from '../fixed-tables/base-table.ts';
import { readTable } from '../statements/read-table.ts';
import { difference, type Statement } from '../statements/statement.ts';
import { NftNamespace } from '../test-support/nft.ts';

const object = (kind: string, name: string, spec: object): AnyObject =>
  parseObject({ apiVersion: 'weir/v1', kind, metadata: { name }, spec });
const pool = (name: string, cidr: string, rest: object = {}): AnyObject => object('Pool', name, { cidr, ...rest });
const host = (name: string, ...addresses: string[]): AnyObject => object('Host', name, { addresses });

test('pools and hosts become the sets that the base chains look in, and the kernel holds them so', (t) => {
  const nft = NftNamespace.create(t);
  nft.run(baseTable({ agentPorts: [5051], healthChecks: 'Always', vxlan: { port: 4789, vni: 4096 } }).script);
  const calculator = new PolicyCalculator({ host: 'a' });
  const table = new Map<string, Statement>();
  const step = (): string[] => {
    const change = calculator.flush();
    nft.apply(change, table);
    for (const key of change.delete) table.delete(key);
    for (const [key, statement] of change.set) table.set(key, statement);
    t.deepEqual(difference(table, readTable(nft.list()).statements), { set: new Map(), delete: new Set() });
    return [...table.keys()].map((key) => key.replace('element/', '')).sort();
  };
  // Neighbours are one interval, as the kernel would make them one.
  calculator.upsert(pool('one', '10.64.0.0/17', { natOutgoing: true }));
  calculator.upsert(pool('two', '10.64.128.0/17', { visibility: 'Private' }));
  calculator.upsert(pool('six', 'fd00::/64', { natOutgoing: true, visibility: 'Exported' }));
  calculator.upsert(host('a', '192.0.2.1', '2001:db8::1'));
  calculator.upsert(host('b', '192.0.2.2'));
  t.deepEqual(step(), [
    'hosts4/192.0.2.1',
    'hosts4/192.0.2.2',
    'hosts6/2001:db8::1',
    'nat4/10.64.0.0-10.64.127.255',
    'nat6/fd00::-fd00::ffff:ffff:ffff:ffff',
    'pools4/10.64.0.0-10.64.255.255',
    'pools6/fd00::-fd00::ffff:ffff:ffff:ffff',
    'private4/10.64.128.0-10.64.255.255',
  ]);
  // Two hosts with one address: that one of them goes takes nothing from the other.
  calculator.upsert(host('c', '192.0.2.2'));
  step();
  calculator.remove('Host', 'c');
  calculator.remove('Pool', 'two');
  calculator.upsert(pool('six', 'fd00::/64'));
  t.deepEqual(step(), [
    'hosts4/192.0.2.1',
    'hosts4/192.0.2.2',
    'hosts6/2001:db8::1',
    'nat4/10.64.0.0-10.64.127.255',
    'pools4/10.64.0.0-10.64.127.255',
    'pools6/fd00::-fd00::ffff:ffff:ffff:ffff',
  ]);
});
