import test from 'ava';
import { bothUses, FULL_USE, type TableUse, tracks, useOf } from './table-use.ts';

const usedBy = (...sets: string[]): TableUse => useOf({ isUsed: (set) => sets.includes(set), links: false, policies: false });
const names = (use: TableUse): string[] => Object.entries(use).flatMap(([name, is]) => (is ? [name] : []));

test('what has elements in its sets is used', (t) => {
  t.deepEqual(names(usedBy()), []);
  t.deepEqual(names(usedBy('hosts4', 'pools6', 'source_mac')), []);
  t.deepEqual(names(usedBy('to_endpoint', 'adopted')), ['endpoints', 'adopted']);
  t.deepEqual(names(usedBy('from_bridged6')), ['endpoints']);
  for (const set of ['host_port4', 'any_host_port6', 'service4', 'service_port6', 'service_range4', 'nat6'])
    t.deepEqual(names(usedBy(set)), ['nat']);
  t.deepEqual(names(bothUses(usedBy('nat4'), usedBy('dns_client6'))), ['nat', 'dnsClients']);
});

test('connections are tracked for whoever asks for them, and from the first policy of the cluster', (t) => {
  t.false(tracks(usedBy()));
  t.false(tracks(usedBy('hosts4')));
  for (const set of ['from_endpoint', 'host_endpoint', 'any_host_endpoint', 'nat4', 'private6']) t.true(tracks(usedBy(set)), set);
  t.true(tracks(useOf({ isUsed: () => false, links: false, policies: true })));
  t.true(tracks(useOf({ isUsed: () => false, links: true, policies: false })));
  t.true(tracks(FULL_USE));
});
