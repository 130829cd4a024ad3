import test from 'ava';
import { sysctl } from '../sysctl.ts';
import { runWithin } from '../testing/temporary-namespace.ts';
import { trackedNamespace } from '../testing/tracked-namespace.ts';
import { Conntrack } from './conntrack.ts';
import { EndedFlows } from './ended-flows.ts';

test('flows are listed with what they carried until now, and told of with all of it when they end', async (t) => {
  const namespace = trackedNamespace(t);
  const send = (port: number) => runWithin(namespace, 'bash', '-c', `echo 0123456789 > /dev/udp/127.0.0.1/${port}`);
  using conntrack = Conntrack.open({ namespace });
  using ended = EndedFlows.open({ namespace });
  send(998);
  const [uncounted] = await conntrack.list();
  t.is(uncounted!.counts, undefined, 'the kernel does not count unless it is told to');
  sysctl('net/netfilter/nf_conntrack_acct', 1, { namespace });
  for (const port of [1001, 1002, 1003]) send(port);
  const counted = (await conntrack.list()).filter(({ original }) => original.destinationPort! > 1000);
  t.is(counted.length, 3);
  // Header of IP and of UDP, and eleven bytes.
  for (const { counts } of counted) t.deepEqual(counts, { original: { packets: 1, bytes: 39 }, reply: { packets: 0, bytes: 0 } });
  t.deepEqual(ended.take(), { flows: [], isLost: false });
  conntrack.delete(counted);
  const first = ended.take(2);
  t.is(first.flows.length, 2);
  const all = [...first.flows, ...ended.take().flows];
  t.deepEqual(
    all.map(({ id, counts }) => ({ id, counts })),
    counted.map(({ id, counts }) => ({ id, counts })),
  );
  t.deepEqual(ended.take(), { flows: [], isLost: false });
});
