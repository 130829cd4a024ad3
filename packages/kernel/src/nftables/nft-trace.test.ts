import test from 'ava';
import { Netlink } from '../netlink/netlink.ts';
import { Probe } from '../probe.ts';
import { temporaryNamespace } from '../testing/index.ts';
import { decodeTrace, NftTrace } from './nft-trace.ts';
import { Nftables } from './nftables.ts';

const TRACED = `table inet traced {
  chain judged { udp dport 53 drop comment "no names" ; }
  chain out { type filter hook output priority 0; policy accept; meta nftrace set 1; udp dport 53 jump judged; }
}`;

test('the rules that a packet meets come in their order, and how it ends', (t) => {
  const namespace = temporaryNamespace(t);
  using netlink = Netlink.open({ namespace });
  netlink.setLink('lo', { up: true });
  using nftables = Nftables.open({ namespace });
  nftables.run(TRACED);
  using trace = NftTrace.open({ namespace });
  t.deepEqual(trace.read(), []);
  t.throws(() => Probe.send({ namespace, destination: '127.0.0.1', protocol: 17, port: 53 }), { code: 'EPERM' });
  const events = trace.read();
  t.deepEqual(
    events.map(({ chain, type, verdict, target }) => [chain, type, verdict, target].join(' ').trim()),
    ['out rule continue', 'out rule jump judged', 'judged rule drop'],
  );
  t.is(new Set(events.map(({ id }) => id)).size, 1);
  t.true(events.every(({ family, table, handle }) => family === 'inet' && table === 'traced' && handle! > 0));
  using probe = Probe.send({ namespace, destination: '127.0.0.1', protocol: 6, port: 9 });
  t.is(probe.answer, 'refused', 'nobody listens');
  t.like(
    trace.read().find(({ type }) => type === 'policy'),
    { chain: 'out', verdict: 'accept' },
  );
});

test('a message that says next to nothing is read for what it says', (t) => {
  t.deepEqual(decodeTrace({ payload: Buffer.from([2, 0, 0, 0]) }), {
    id: 0,
    family: 'ip',
    table: '',
    chain: '',
    type: 'rule',
    verdict: 'other',
  });
});
