import test from 'ava';
import { leaseName, leaseValue, parseLease, subnetsOf } from './lease.ts';

// As flannel's documentation shows it (reservations.md).
const DOCUMENTED =
  '{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}';

test('read and written as flannel has it', (t) => {
  const lease = parseLease('10.5.52.0-24', DOCUMENTED);
  t.deepEqual(lease, {
    backend: 'vxlan',
    ends: { IPv4: { subnet: '10.5.52.0/24', publicAddress: '192.168.64.3', vtep: { vni: 1, mac: 'c6:d2:32:6f:8f:44' } } },
  });
  t.is(leaseValue(lease), DOCUMENTED);
});

test('both families, and a backend without data', (t) => {
  const name = '10.5.52.0-24&fc00:0:0:7::-64';
  const subnets = { IPv4: '10.5.52.0/24', IPv6: 'fc00:0:0:7::/64' };
  t.deepEqual(subnetsOf(name), subnets);
  t.is(leaseName(subnets), name);
  const value = {
    PublicIP: '192.0.2.1',
    PublicIPv6: '2001:db8::1',
    BackendType: 'vxlan',
    BackendData: { VNI: 1, VtepMAC: 'c6:d2:32:6f:8f:44' },
    BackendV6Data: { VNI: 1, VtepMAC: 'c6:d2:32:6f:8f:45' },
  };
  const lease = parseLease(name, JSON.stringify(value));
  t.like(lease.ends.IPv6, { subnet: 'fc00:0:0:7::/64', publicAddress: '2001:db8::1', vtep: { mac: 'c6:d2:32:6f:8f:45' } });
  t.deepEqual(JSON.parse(leaseValue(lease)), value);

  const direct = parseLease('10.5.52.0-24', '{"PublicIP":"192.0.2.1","BackendType":"host-gw"}');
  t.deepEqual(direct, { backend: 'host-gw', ends: { IPv4: { subnet: '10.5.52.0/24', publicAddress: '192.0.2.1' } } });
});

test('what is no lease', (t) => {
  for (const name of ['config', '10.5.52.0', '10.5.52.9-24', '10.5.52.0-33', 'fc00::-64']) t.is(subnetsOf(name), undefined, name);
  for (const value of ['', '{}', '{"PublicIP":"here"}', '{"PublicIP":"192.0.2.1","BackendType":"vxlan"}'])
    t.throws(() => parseLease('10.5.52.0-24', value), undefined, value);
});
