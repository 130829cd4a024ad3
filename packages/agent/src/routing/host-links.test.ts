import { randomBytes } from 'node:crypto';
import { createNamespace, deleteNamespace, inNamespace, Netlink } from '@weir/kernel';
import { LinkReaper } from '@weir/routing';
import test, { type ExecutionContext } from 'ava';
import type { OwnNetwork, OwnNetworks } from '../dataplane/own-networks.ts';
import { HostLinks } from './host-links.ts';

function makeNamespace(t: ExecutionContext, role: string): { path: string; netlink: Netlink } {
  const path = `/run/netns/weir-links-${role}-${process.pid}-${randomBytes(3).toString('hex')}`;
  createNamespace(path);
  t.teardown(() => deleteNamespace(path));
  const netlink = Netlink.open({ namespace: path });
  t.teardown(() => netlink.close());
  return { path, netlink };
}

test('a link that is being made counts as there, in its space, and as nothing to be put right, until it is done or abandoned', async (t) => {
  const [host, red, container] = ['host', 'red', 'container'].map((role) => makeNamespace(t, role)) as [Place, Place, Place];
  const network = { name: 'red', namespace: red.path, netlink: red.netlink, begun: 0 } as OwnNetwork;
  const ownNetworks = {
    isEmpty: false,
    ensure: () => network,
    having: (name: string) => (red.netlink.link(name) === undefined ? undefined : network),
    dropUnused: () => {},
  } as unknown as OwnNetworks;
  const { netlink } = host;
  const links = new HostLinks({ netlink, reaper: new LinkReaper(netlink), ownNetworks });
  const attach = (hostInterface: string, space?: string) =>
    inNamespace(host.path, () => links.attach({ namespace: container.path, interfaceName: `to-${hostInterface}`, hostInterface, space }));
  const about = (name: string) => [links.isBeingMade(name), links.spaceOf(name), network.begun];

  const ours = attach('weir1');
  const another = attach('weir2', 'red');
  t.deepEqual(about('weir1'), [true, undefined, 1]);
  t.deepEqual(about('weir2'), [true, 'red', 1]);
  await ours.finish({ addresses: ['10.65.0.1'] });
  t.deepEqual(about('weir1'), [false, undefined, 1]);
  await another.abandon();
  t.false(links.isBeingMade('weir2'));
  t.is(network.begun, 0);
  t.throws(() => links.spaceOf('weir2'), { code: 'ENOLINK' });
  // A failure ends it as well.
  const failed = attach('weir1').finish({ addresses: ['10.65.0.2'] });
  t.true(links.isBeingMade('weir1'));
  await t.throwsAsync(failed, { code: 'EEXIST' });
  t.false(links.isBeingMade('weir1'));
});

type Place = ReturnType<typeof makeNamespace>;
