/** The whole of it: two hosts joined by a switch, containers on both, packets across, and blocks that come and go. */
import test from 'ava';
import { attach } from './container/attach.ts';
import { LinkReaper } from './container/link-reaper.ts';
import { hostSetup } from './host/host-setup.ts';
import { RouteTable } from './routes/route-table.ts';
import { makeHosts, makeNamespace, ping } from './testing/namespaces.ts';
import { block, host, routesOf } from './testing/objects.ts';

for (const [family, addresses, containers, blocks] of [
  ['IPv4', { a: '192.0.2.1', b: '192.0.2.2' }, { a: '10.65.0.7', b: '10.65.0.70' }, { a: '10.65.0.0/26', b: '10.65.0.64/26' }],
  ['IPv6', { a: '2001:db8::1', b: '2001:db8::2' }, { a: 'fd00:65::7', b: 'fd00:65::47' }, { a: 'fd00:65::/122', b: 'fd00:65::40/122' }],
] as const) {
  test(`${family}: containers of two hosts reach each other and both hosts`, async (t) => {
    const length = family === 'IPv4' ? 24 : 64;
    const hosts = makeHosts(t, { a: [`${addresses.a}/${length}`], b: [`${addresses.b}/${length}`] });
    const [a, b] = [hosts.a, hosts.b];
    const inside = { a: makeNamespace(t, 'container'), b: makeNamespace(t, 'container') };
    const objects = [host('a', addresses.a), host('b', addresses.b)];
    const owned = [block(blocks.a, 'a'), block(blocks.b, 'b')];
    const tables = { a: new RouteTable(a.netlink), b: new RouteTable(b.netlink) };
    for (const [self, namespace] of Object.entries({ a, b }) as ['a' | 'b', typeof a][]) {
      namespace.run(() => hostSetup());
      namespace.run(() =>
        attach({ namespace: inside[self].path, interfaceName: 'eth0', hostInterface: 'weirtest', addresses: [containers[self]] }),
      );
      t.deepEqual(tables[self].apply(routesOf({ self, hosts: objects, blocks: owned })).failed, []);
    }
    ping(inside.a, containers.b);
    ping(inside.b, containers.a);
    ping(inside.a, addresses.a);
    ping(inside.a, addresses.b);
    ping(b, containers.a);

    const nobody = family === 'IPv4' ? '10.65.0.65' : 'fd00:65::41';
    t.throws(() => ping(inside.a, nobody), { message: /Command failed/ });

    // An address of a's block that b holds.
    const borrowed = family === 'IPv4' ? '10.65.0.9' : 'fd00:65::9';
    const lent = [block(blocks.a, 'a', { [borrowed]: 'b' }), block(blocks.b, 'b')];
    const borrower = makeNamespace(t, 'container');
    // Wired before the routes are in step, as a container is.
    b.run(() => attach({ namespace: borrower.path, interfaceName: 'eth0', hostInterface: 'weirlent', addresses: [borrowed] }));
    for (const self of ['a', 'b'] as const) t.deepEqual(tables[self].apply(routesOf({ self, hosts: objects, blocks: lent })).failed, []);
    ping(inside.a, borrowed);
    ping(inside.b, borrowed);
    ping(borrower, containers.a);
    // It comes to the block's own host, where the route to b is still there when the container is wired.
    await new LinkReaper(b.netlink).remove('weirlent');
    const returned = makeNamespace(t, 'container');
    a.run(() => attach({ namespace: returned.path, interfaceName: 'eth0', hostInterface: 'weirback', addresses: [borrowed] }));
    ping(inside.a, borrowed);
    for (const self of ['a', 'b'] as const) t.deepEqual(tables[self].apply(routesOf({ self, hosts: objects, blocks: owned })).failed, []);
    ping(inside.b, borrowed);

    // The block goes from b to a, as if it had been released and claimed again.
    await new LinkReaper(b.netlink).remove('weirtest');
    const moved = makeNamespace(t, 'container');
    a.run(() => attach({ namespace: moved.path, interfaceName: 'eth0', hostInterface: 'weirmoved', addresses: [containers.b] }));
    for (const self of ['a', 'b'] as const) {
      t.deepEqual(tables[self].apply(routesOf({ self, hosts: objects, blocks: [block(blocks.a, 'a'), block(blocks.b, 'a')] })).failed, []);
    }
    ping(inside.a, containers.b);
    ping(b, containers.b);
  });
}
