import test from 'ava';
import { makeNamespace, ping } from '../testing/namespaces.ts';
import { attach } from './attach.ts';
import { mendContainers } from './mend-containers.ts';

test('what attach made on the host comes back, also after the link was down; what is whole is left alone', (t) => {
  const host = makeNamespace(t, 'host');
  host.netlink.addAddress('lo', '192.0.2.1/32');
  const container = makeNamespace(t, 'container');
  const addresses = ['10.65.0.7', 'fd00:65::7'];
  const { containerMac: mac } = host.run(() =>
    attach({ namespace: container.path, interfaceName: 'eth0', hostInterface: 'weirtest', addresses }),
  );
  const attached = [
    { hostInterface: 'weirtest', addresses, mac },
    { hostInterface: 'weirgone', addresses: ['10.65.0.8'] },
  ];
  t.deepEqual(mendContainers(host.netlink, attached), []);

  host.ip('route del 10.65.0.7');
  host.ip('neighbour del fd00:65::7 dev weirtest');
  t.deepEqual(mendContainers(host.netlink, attached), ['10.65.0.7/32 dev weirtest', 'neighbour fd00:65::7 dev weirtest']);

  host.ip('link set weirtest down');
  t.true(mendContainers(host.netlink, attached).includes('link weirtest up'));
  for (const address of addresses) ping(host, address);
  ping(container, 'fe80::1%eth0');
  t.deepEqual(mendContainers(host.netlink, attached), []);
});

test("the gateway's address of a container whose neighbours are others' doing comes back", (t) => {
  const host = makeNamespace(t, 'host');
  const addresses = ['10.65.0.7'];
  host.run(() => attach({ interfaceName: 'waiting', hostInterface: 'weirtest', addresses }));
  const attached = [{ hostInterface: 'weirtest', addresses, answersArp: true }];
  t.deepEqual(mendContainers(host.netlink, attached), []);
  host.ip('address del 169.254.1.1/32 dev weirtest');
  // With a link's last IPv4 address its routes go, too.
  t.deepEqual(mendContainers(host.netlink, attached), ['address 169.254.1.1/32 dev weirtest', '10.65.0.7/32 dev weirtest']);
  t.deepEqual(mendContainers(host.netlink, attached), []);
});

test("a destination that has somebody else's route is left to it", (t) => {
  const host = makeNamespace(t, 'host');
  const container = makeNamespace(t, 'container');
  host.run(() => attach({ namespace: container.path, interfaceName: 'eth0', hostInterface: 'weirtest', addresses: ['10.65.0.7'] }));
  host.ip('route del 10.65.0.7');
  host.ip('route add blackhole 10.65.0.7/32');
  t.deepEqual(mendContainers(host.netlink, [{ hostInterface: 'weirtest', addresses: ['10.65.0.7'] }]), []);
  t.regex(host.ip('route show 10.65.0.7'), /blackhole/);
});
