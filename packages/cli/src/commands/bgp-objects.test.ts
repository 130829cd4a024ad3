import test from 'ava';
import { Weir } from '../testing/weir.ts';

const peer = (password: object) => ({
  apiVersion: 'weir/v1',
  kind: 'BgpPeer',
  metadata: { name: 'tor-a' },
  spec: { address: '192.0.2.1', asNumber: 65001, hostSelector: "rack == 'a'", password, filters: ['edge'] },
});

test('BGP peers in tables and described: that there is a password, and not which', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: JSON.stringify(peer({ text: 'opensesame' })) });
  const table = await weir.ok(t, ['get', 'bgppeers', '-o', 'wide']);
  t.regex(table, /NAME +HOSTS +PEER +AS +FILTERS +PASSWORD/);
  t.regex(table, /tor-a +rack == 'a' +192\.0\.2\.1 +65001 +edge +set/);
  const text = await weir.ok(t, ['describe', 'bgppeer', 'tor-a']);
  t.regex(text, /Peer: +192\.0\.2\.1 port 179, AS 65001/);
  t.regex(text, /Password: +set, in the object/);
  t.notRegex(table + text, /opensesame/);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: JSON.stringify(peer({ file: '/etc/weir/tor' })) });
  t.regex(await weir.ok(t, ['describe', 'bgppeer', 'tor-a']), /Password: +in \/etc\/weir\/tor of each host/);
});

test('there is one BgpConfig', async (t) => {
  const weir = await Weir.in(t);
  const config = (name: string) =>
    JSON.stringify({ apiVersion: 'weir/v1', kind: 'BgpConfig', metadata: { name }, spec: { asNumber: 64999 } });
  t.regex(await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: config('mine') }), /there is one for the whole cluster, named "default"/);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: config('default') });
  t.regex(await weir.ok(t, ['get', 'bgpconfigs']), /default +64999 +on +179/);
});
