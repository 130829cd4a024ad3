import test from 'ava';
import { parseWith } from '../validation/parse-with.ts';
import { remoteClusterSpecSchema, remoteEndpointName } from './remote-cluster.ts';
import { remoteEndpointSpecSchema } from './remote-endpoint.ts';

const cidrs = (...list: unknown[]) => parseWith(remoteClusterSpecSchema, { cidrs: list });

test('RemoteCluster: what its containers may have', (t) => {
  t.deepEqual(cidrs('10.9.0.0/16', 'FD00:9::/48'), { cidrs: ['10.9.0.0/16', 'fd00:9::/48'] });
  t.throws(() => cidrs(), { message: /cidrs: \[\] is empty/ });
  t.throws(() => parseWith(remoteClusterSpecSchema, {}), { message: /cidrs/ });
  t.throws(() => cidrs('0.0.0.0/0'), { message: /cidrs\[0\]: "0\.0\.0\.0\/0" is every address/ });
  t.throws(() => cidrs('::/0'), { message: /is every address/ });
  t.throws(() => cidrs('10.9.0.0/16', '10.9.4.0/24'), {
    message: /cidrs\[1\]: "10\.9\.4\.0\/24" overlaps "10\.9\.0\.0\/16" of the same list/,
  });
  t.throws(() => cidrs('10.9.0.1/16', 'x'), { message: /cidrs\[0\].*\n.*cidrs\[1\]/s });
});

test('RemoteCluster: its connection is not in the object', (t) => {
  t.throws(() => parseWith(remoteClusterSpecSchema, { cidrs: ['10.9.0.0/16'], etcd: { endpoints: [] } }), { message: /etcd/ });
});

test('RemoteEndpoint: ready unless it says otherwise', (t) => {
  const spec = { cluster: 'east', host: 'h1', addresses: ['10.9.0.1'] };
  t.deepEqual(parseWith(remoteEndpointSpecSchema, spec), { ...spec, ready: true });
  t.throws(() => parseWith(remoteEndpointSpecSchema, { ...spec, cluster: 'east_1' }), {
    message: /cluster: "east_1" is no name of a RemoteCluster/,
  });
});

test('names of remote endpoints: of two clusters never the same, and none too long', (t) => {
  t.is(remoteEndpointName('east', '1234-eth0'), 'east_1234-eth0');
  const [one, other] = ['a', 'b'].map((end) => remoteEndpointName('east', 'x'.repeat(252) + end));
  t.is(one!.length, 253);
  t.not(one, other);
});
