import type { Flow } from '@weir/kernel';
import test from 'ava';
import { FlowVolumes } from './flow-volumes.ts';

const flow = (bytes: number | undefined, { id = 1, sourcePort = 40_000 } = {}): Flow => ({
  version: 4,
  protocol: 6,
  original: { source: '10.0.0.2', destination: '10.0.0.1', sourcePort, destinationPort: 80 },
  reply: { source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 80, destinationPort: sourcePort },
  mark: 0,
  id,
  ...(bytes !== undefined && { counts: { original: { packets: bytes / 100, bytes }, reply: { packets: bytes / 200, bytes: bytes / 2 } } }),
});

const volume = (bytes: number) => ({ packets: bytes / 100, bytes, replyPackets: bytes / 200, replyBytes: bytes / 2 });

test('a flow carried what its totals grew by, from its begin to its end', (t) => {
  const volumes = new FlowVolumes();
  t.deepEqual(volumes.listed(flow(1_000), 0), volume(1_000));
  t.deepEqual(volumes.listed(flow(1_000), 1), volume(0));
  t.deepEqual(volumes.listed(flow(4_000), 2), volume(3_000));
  t.deepEqual(volumes.ended(flow(4_200)), volume(200));
  t.is(volumes.size, 0);
});

test('one that began and ended between two listings carried all of it', (t) => {
  t.deepEqual(new FlowVolumes().ended(flow(600)), volume(600));
});

test('another flow with the number of one that ended, or the ports of it, begins anew', (t) => {
  const volumes = new FlowVolumes();
  volumes.listed(flow(5_000), 0);
  t.deepEqual(volumes.listed(flow(400), 1), volume(400), 'its end was not told');
  t.deepEqual(volumes.listed(flow(5_000, { sourcePort: 40_001 }), 1), volume(5_000));
  t.deepEqual(volumes.listed(flow(5_000, { id: 2 }), 1), volume(5_000));
});

test('one that the kernel does not count carries nothing that is known', (t) => {
  const volumes = new FlowVolumes();
  t.is(volumes.listed(flow(undefined), 0), undefined);
  t.is(volumes.ended(flow(undefined)), undefined);
  t.is(volumes.size, 0);
});

test('beyond the limit a flow is told of when it ends, and once', (t) => {
  const volumes = new FlowVolumes({ limit: 1 });
  volumes.listed(flow(100), 0);
  const beyond = (bytes: number) => flow(bytes, { id: 2 });
  t.is(volumes.listed(beyond(200), 0), undefined);
  t.deepEqual(volumes.ended(beyond(400)), volume(400));
});

test('one that is no longer listed is remembered for a while, in case its end comes late', (t) => {
  const volumes = new FlowVolumes();
  volumes.listed(flow(100), 0);
  volumes.forgetLost(30_000);
  t.deepEqual(volumes.ended(flow(300)), volume(200));
  volumes.listed(flow(100), 0);
  volumes.forgetLost(60_001);
  t.is(volumes.size, 0);
});
