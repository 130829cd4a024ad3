import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { openDescriptors, temporaryNamespace } from '../testing/temporary-namespace.ts';
import type { Change } from './monitor.ts';
import { Netlink } from './netlink.ts';

function open(t: Parameters<typeof temporaryNamespace>[0]): { netlink: Netlink; namespace: string } {
  const namespace = temporaryNamespace(t);
  const netlink = Netlink.open({ namespace });
  t.teardown(() => netlink.close());
  return { netlink, namespace };
}

/** Reads changes until one satisfies, and gives all of them. */
async function until(changes: AsyncIterable<Change>, satisfies: (change: Change) => boolean): Promise<Change[]> {
  const seen: Change[] = [];
  for await (const change of changes) {
    seen.push(change);
    if (satisfies(change)) break;
  }
  return seen;
}

test.serial('links, addresses, routes, neighbours and rules are told of as they come and go', async (t) => {
  const { netlink } = open(t);
  const changes = netlink.monitor(['link', 'address', 'route', 'neighbour', 'rule']);
  netlink.addVeth({ name: 'eth0', up: true, peer: { name: 'eth1' } });
  netlink.setLink('eth1', { up: true });
  const link = netlink.indexOf('eth0');
  netlink.addAddress('eth0', '10.0.0.1/32');
  netlink.addAddress('eth0', 'fd00::1/128', { noDad: true });
  netlink.addRoute({ destination: '10.1.0.0/26', link: 'eth0', protocol: 121 });
  netlink.addRoute({ destination: 'fd01::/122', link: 'eth0', protocol: 121 });
  netlink.addNeighbour({ link: 'eth0', address: 'fd00::2', mac: '02:00:00:00:00:01' });
  netlink.addRule({ version: 6, priority: 77, table: 500 });
  netlink.deleteRoute({ destination: 'fd01::/122' });
  netlink.deleteLink('eth0');
  const seen = await until(changes, (change) => change.type === 'link' && change.action === 'delete' && change.link.index === link);
  const told = (want: Record<string, unknown>): boolean =>
    seen.some((change) =>
      Object.entries(want).every(
        ([key, value]) => JSON.stringify((change as unknown as Record<string, unknown>)[key]) === JSON.stringify(value),
      ),
    );
  t.true(seen.some((change) => change.type === 'link' && change.action === 'set' && change.link.name === 'eth0'));
  t.true(seen.some((change) => change.type === 'address' && change.action === 'set' && change.address.cidr === '10.0.0.1/32'));
  t.true(seen.some((change) => change.type === 'address' && change.action === 'set' && change.address.cidr === 'fd00::1/128'));
  t.true(told({ type: 'route', action: 'set', route: { destination: '10.1.0.0/26', link, protocol: 121 } }));
  t.true(told({ type: 'route', action: 'set', route: { destination: 'fd01::/122', link, protocol: 121 } }));
  t.true(told({ type: 'route', action: 'delete', route: { destination: 'fd01::/122', link, protocol: 121 } }));
  t.true(seen.some((change) => change.type === 'neighbour' && change.action === 'set' && change.neighbour.address === 'fd00::2'));
  t.true(
    seen.some((change) => change.type === 'rule' && change.action === 'set' && change.rule.priority === 77 && change.rule.version === 6),
  );
});

test.serial('only the groups asked for are told of', async (t) => {
  const { netlink } = open(t);
  const changes = netlink.monitor(['route']);
  netlink.addBridge({ name: 'br0' });
  netlink.addRoute({ destination: '10.1.0.0/26', type: 'blackhole' });
  t.deepEqual(await until(changes, () => true), [
    { type: 'route', action: 'set', route: { destination: '10.1.0.0/26', type: 'blackhole' } },
  ]);
});

test.serial('what changed between two readings is kept, and a wait ends with close, signal or the loop', async (t) => {
  const { netlink } = open(t);
  const before = openDescriptors();
  const controller = new AbortController();
  const changes = netlink.monitor(['link'], { signal: controller.signal });
  netlink.addBridge({ name: 'br0' });
  t.like(await changes.next(), { done: false });
  for (let pending = changes.next(); ; pending = changes.next()) {
    controller.abort();
    if ((await pending).done) break;
  }
  t.like(await changes.next(), { done: true });
  changes.close();
  const another = netlink.monitor(['link']);
  const waiting = another.next();
  another.close();
  t.like(await waiting, { done: true });
  t.throws(() => netlink.monitor(['link'], { signal: AbortSignal.abort() }), { name: 'AbortError' });
  t.is(openDescriptors(), before);
});

test.serial('more changes than can be held are told of as lost, and what changes after that is told of again', async (t) => {
  const { netlink } = open(t);
  const changes = netlink.monitor(['route'], { signal: AbortSignal.timeout(30_000) });
  for (let round = 0; round < 60; round += 1) {
    netlink.batch((batch) => {
      for (let number = 0; number < 256; number += 1) batch.addRoute({ destination: `10.${round}.${number}.0/24`, type: 'blackhole' });
    });
  }
  let isLost = false;
  for await (const change of changes) {
    if (change.type === 'lost') {
      isLost = true;
      netlink.addRoute({ destination: '11.0.0.0/24', type: 'blackhole' });
    }
    if (isLost && change.type === 'route' && change.route.destination === '11.0.0.0/24') return t.pass();
  }
  t.fail(isLost ? 'nothing was told of after the loss' : 'nothing was lost');
});

test.serial('a change is told of at once, also when nothing else happens in the process', async (t) => {
  const { namespace } = open(t);
  const script = `
    import { Netlink } from ${JSON.stringify(import.meta.resolve('./netlink.ts'))};
    const netlink = Netlink.open({ namespace: ${JSON.stringify(namespace)} });
    const changes = netlink.monitor(['route']);
    setTimeout(() => netlink.addRoute({ destination: '10.1.0.0/26', type: 'blackhole' }), 200);
    for await (const change of changes) { console.log(change.route.destination); break; }
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
  t.is(stdout, '10.1.0.0/26\n');
});

test.serial('once closed, nothing keeps the process alive', async (t) => {
  const { namespace } = open(t);
  const script = `
    import { Netlink } from ${JSON.stringify(import.meta.resolve('./netlink.ts'))};
    const netlink = Netlink.open({ namespace: ${JSON.stringify(namespace)} });
    const changes = netlink.monitor(['link']);
    netlink.addBridge({ name: 'br0' });
    for await (const change of changes) { console.log(change.link.name); break; }
    const more = netlink.monitor(['link']);
    setImmediate(() => more.close());
    for await (const _ of more) {}
    console.log('end');
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
  t.is(stdout, 'br0\nend\n');
});
