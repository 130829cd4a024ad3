import test from 'ava';
import { KernelError } from '../error.ts';
import { descriptorsLeaked, temporaryNamespace } from '../testing/temporary-namespace.ts';
import { decodeLink, dumpLinks, getLink } from './link.ts';
import { deleteLink } from './link-change.ts';
import { addBridge } from './link-creation.ts';
import { NETLINK_ROUTE, NetlinkSocket } from './socket.ts';

function openSocket(t: Parameters<typeof temporaryNamespace>[0]): NetlinkSocket {
  const socket = NetlinkSocket.open(NETLINK_ROUTE, { namespace: temporaryNamespace(t) });
  t.teardown(() => socket.close());
  return socket;
}

const bridges = (count: number): ReturnType<typeof addBridge>[] =>
  Array.from({ length: count }, (_, number) => addBridge({ name: `br${number}` }));

test('a batch of many datagrams is carried out whole, and a dump of several datagrams read whole', (t) => {
  const socket = openSocket(t);
  socket.batch(bridges(150));
  t.is(socket.dump(dumpLinks(), decodeLink).length, 151);
});

test('a refused request of a batch is named, the others are carried out', (t) => {
  const socket = openSocket(t);
  const error = t.throws(
    () => socket.batch([addBridge({ name: 'a' }), addBridge({ name: 'a' }), deleteLink('missing'), addBridge({ name: 'b' })]),
    { instanceOf: KernelError },
  );
  t.like(error, { code: 'EEXIST', operation: 'ip link add a type bridge', batchIndex: 1 });
  t.is(error.others.length, 1);
  t.like(error.others[0], { code: 'ENODEV', operation: 'ip link delete missing', batchIndex: 2 });
  t.deepEqual(
    socket
      .dump(dumpLinks(), decodeLink)
      .map(({ name }) => name)
      .sort(),
    ['a', 'b', 'lo'],
  );
});

test('a batch in which everything is refused is read to its end', (t) => {
  const socket = openSocket(t);
  const error = t.throws(() => socket.batch(Array.from({ length: 1000 }, (_, number) => deleteLink(`missing${number}`))), {
    instanceOf: KernelError,
  });
  t.is(error.others.length, 999);
  t.like(error.others.at(-1), { operation: 'ip link delete missing999', batchIndex: 999 });
  t.is(decodeLink(socket.get(getLink('lo'))).name, 'lo', 'nothing is left over that a later request could take for its answer');
});

test('answers to an abandoned dump are not taken for those of the next request', (t) => {
  const socket = openSocket(t);
  socket.batch(bridges(100));
  t.throws(() =>
    socket.dump(dumpLinks(), () => {
      throw new Error('reader gave up');
    }),
  );
  t.is(decodeLink(socket.get(getLink('br7'))).name, 'br7');
  t.is(socket.dump(dumpLinks(), decodeLink).length, 101);
});

test('a dump during which the table changes starts over, and gives up when that never ends', (t) => {
  const namespace = temporaryNamespace(t);
  const socket = NetlinkSocket.open(NETLINK_ROUTE, { namespace });
  const other = NetlinkSocket.open(NETLINK_ROUTE, { namespace });
  t.teardown(() => socket.close());
  t.teardown(() => other.close());
  socket.batch(bridges(100)); // several datagrams: the change comes in between
  let changes = 0;
  const dumpWith = (mayChange: () => boolean): string[] => {
    let seen: string | undefined;
    return socket.dump(dumpLinks(), (message) => {
      const { name } = decodeLink(message);
      if (name === 'lo') seen = undefined;
      if (seen === undefined && mayChange()) {
        seen = `late${changes}`;
        changes += 1;
        other.request(addBridge({ name: seen }));
      }
      return name;
    });
  };
  t.is(dumpWith(() => changes === 0).filter((name) => name === 'late0').length, 1);
  t.is(changes, 1);
  t.like(
    t.throws(() => dumpWith(() => true)),
    { code: 'EINTR', operation: 'ip link show' },
  );
});

test('a closed socket says so', (t) => {
  const socket = openSocket(t);
  socket.close();
  socket.close();
  t.like(
    t.throws(() => socket.request(deleteLink('lo'))),
    { code: 'EBADF', extendedAck: 'the netlink socket is closed' },
  );
});

test('waiting for what does not come is an error, not a wait', (t) => {
  t.like(
    t.throws(() => openSocket(t).receive('ip monitor')),
    { code: 'EAGAIN' },
  );
});

test('a thousand sockets and refused requests leave no file descriptor open', (t) => {
  const namespace = temporaryNamespace(t);
  t.is(
    descriptorsLeaked(1000, () => NetlinkSocket.open(NETLINK_ROUTE, { namespace }).close()),
    0,
  );
  t.is(
    descriptorsLeaked(1000, () => t.throws(() => NetlinkSocket.open(NETLINK_ROUTE, { namespace: `${namespace}-missing` }))),
    0,
  );
  t.is(
    descriptorsLeaked(1000, () => t.throws(() => NetlinkSocket.open(99, { namespace }))),
    0,
  );
});
