import test from 'ava';
import { makeNamespace } from '../testing/namespaces.ts';
import { attach } from './attach.ts';
import { LinkReaper } from './link-reaper.ts';

test('a link goes with its peer and its routes', async (t) => {
  const host = makeNamespace(t, 'host');
  const container = makeNamespace(t, 'container');
  host.run(() =>
    attach({ namespace: container.path, interfaceName: 'eth0', hostInterface: 'weir0', addresses: ['10.65.0.7', 'fd00:65::7'] }),
  );
  const reaper = new LinkReaper(host.netlink);
  await reaper.remove('weir0');
  t.is(host.netlink.link('weir0'), undefined);
  t.is(container.netlink.link('eth0'), undefined);
  t.deepEqual(host.netlink.routes({ protocol: 121 }), []);
});

test('a link that is not there is no error, also beside one that is', async (t) => {
  const host = makeNamespace(t, 'host');
  host.netlink.addBridge({ name: 'weir0' });
  const reaper = new LinkReaper(host.netlink);
  await reaper.remove('weirnone');
  await Promise.all([reaper.remove('weirnone'), reaper.remove('weir0'), reaper.remove('weir0')]);
  t.deepEqual(
    host.netlink.links().map(({ name }) => name),
    ['lo'],
  );
});

test('many go together, those that come meanwhile in the next round, and others stay', async (t) => {
  const host = makeNamespace(t, 'host');
  const names = Array.from({ length: 30 }, (_, index) => `weir${index}`);
  for (const name of [...names, 'stays']) host.netlink.addBridge({ name });
  let rounds = 0;
  const counting = new Proxy(host.netlink, {
    get(target, property) {
      if (property === 'deleteLinkGroup') rounds++;
      const value = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const reaper = new LinkReaper(counting);
  const first = names.slice(0, 20).map((name) => reaper.remove(name));
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  const second = names.slice(20).map((name) => reaper.remove(name));
  await Promise.all(first);
  await Promise.all(second);
  t.is(rounds, 2);
  t.deepEqual(
    host.netlink.links().map(({ name }) => name),
    ['lo', 'stays'],
  );
});

test('a refused removal is told to who asked, and the next one is tried', async (t) => {
  const host = makeNamespace(t, 'host');
  host.netlink.addBridge({ name: 'weir0' });
  const reaper = new LinkReaper(host.netlink);
  await t.throwsAsync(reaper.remove('lo'), { code: 'EOPNOTSUPP' });
  await reaper.remove('weir0');
  t.is(host.netlink.link('weir0'), undefined);
});

test('close waits for what is under way', async (t) => {
  const host = makeNamespace(t, 'host');
  host.netlink.addBridge({ name: 'weir0' });
  const reaper = new LinkReaper(host.netlink);
  void reaper.remove('weir0');
  await reaper.close();
  t.is(host.netlink.link('weir0'), undefined);
});
