import test from 'ava';
import { bgpHost, bgpState, object } from '../testing/bgp.ts';
import { bgpSessions } from './session.ts';
import { sessionStatus } from './session-status.ts';

const self = bgpHost('a', ['192.0.2.11']);
const peers = [
  object('BgpPeer', 'tor', { address: '192.0.2.1', asNumber: 65001, password: { text: 'opensesame' } }),
  object('BgpPeer', 'lost', { address: '192.0.2.2', asNumber: 65001, filters: ['none'] }),
];
const plan = bgpSessions(bgpState({ self, peers }));
const routes = { in: 0, out: 0 };
const since = '2026-03-01 12:00:07';

const problemWhen = (state: string, error?: string): string | undefined =>
  sessionStatus(plan, [{ name: 'peer.tor', state, since, routes, ...(error !== undefined && { error }) }])[0]?.problem;

test('a session that is up, one that Weir refuses, and a daemon that does not run', (t) => {
  const [up, refused] = sessionStatus(plan, [
    { name: 'peer.tor', state: 'Established', since, routes: { in: 3, out: 2 }, error: 'Received: Hold timer expired' },
  ]);
  const iso = new Date(2026, 2, 1, 12, 0, 7).toISOString();
  t.deepEqual(up, { peer: 'tor', address: '192.0.2.1', asNumber: 65001, state: 'Established', since: iso, routes: { in: 3, out: 2 } });
  t.like(refused, { peer: 'lost', state: 'Refused', problem: 'there is no BgpFilter "none": nothing is exchanged without it' });
  t.like(sessionStatus(plan, [])[0], { state: 'Down', problem: 'the routing daemon does not run' });
});

test('a session with BFD is as it should be once BFD hears the peer', (t) => {
  const tor = object('BgpPeer', 'tor', { address: '192.0.2.1', asNumber: 65001, bfd: {} });
  const withBfd = bgpSessions(bgpState({ self, peers: [tor] }));
  const known = [{ name: 'peer.tor', state: 'Established', since, routes }];
  t.is(sessionStatus(withBfd, known, new Set(['192.0.2.1']))[0]?.problem, undefined);
  t.regex(sessionStatus(withBfd, known)[0]!.problem!, /^the peer does not answer by BFD, so that a dead link is seen after 90 s: /);
});

test('why a session is down, and what to do', (t) => {
  t.is(problemWhen('Idle', 'BGP Error: Bad peer AS'), 'the peer is of another AS than 65001: correct asNumber of BgpPeer tor');
  t.is(problemWhen('Idle', 'Received: Bad peer AS'), 'the peer says that it takes this host for another AS than 64512');
  t.is(
    problemWhen('Connect'),
    'no TCP connection to port 179 of the peer: is the peer there, does it expect this host, is the password right?',
  );
  t.regex(problemWhen('Active', 'Socket: No route to host')!, /Last error: Socket: No route to host$/);
  t.is(problemWhen('Idle', 'Received: Administrative shutdown'), 'Received: Administrative shutdown');
});
