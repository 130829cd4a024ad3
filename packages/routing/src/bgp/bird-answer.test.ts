import test from 'ava';
import { parseBfdSessions, parseProtocols } from './bird-answer.ts';

/** Of BIRD 2.0.12. */
const ANSWER = `Name       Proto      Table      State  Since         Info
kernel4    Kernel     master4    up     2026-03-01 12:00:01  
  Channel ipv4
    State:          UP
    Routes:         1 imported, 2 exported, 1 preferred

host.h2.4  BGP        ---        up     2026-03-01 12:00:07  Established   
  Description:    h2
  BGP state:          Established
    Neighbor address: 192.0.2.2
    Session:          internal multihop AS4
  Channel ipv4
    State:          UP
    Routes:         3 imported, 1 filtered, 2 exported, 1 preferred
    Route change stats:     received   rejected   filtered    ignored   accepted

peer.tor-a BGP        ---        start  2026-03-01 12:00:35  Idle          Received: Bad peer AS
  Description:    tor-a
  BGP state:          Idle
    Neighbor address: 192.0.2.1
    Error wait:       52.255/60
    Last error:       Received: Bad peer AS
  Channel ipv4
    State:          DOWN

peer.tor-b BGP        ---        down   2026-03-01 12:00:00  
`;

test('sessions with their state, since when, routes, and why they are down', (t) => {
  t.deepEqual(parseProtocols(ANSWER.split('\n')), [
    { name: 'host.h2.4', state: 'Established', since: '2026-03-01 12:00:07', routes: { in: 3, out: 2 } },
    { name: 'peer.tor-a', state: 'Idle', since: '2026-03-01 12:00:35', error: 'Received: Bad peer AS', routes: { in: 0, out: 0 } },
  ]);
});

test('peers that are heard by BFD', (t) => {
  const answer = `bfd1:
IP address                Interface  State      Since         Interval  Timeout
198.18.1.1                eth1       Up         17:57:49.124    0.300    0.900
2001:db8:a1::1            eth1       Init       17:57:50.001    0.300    0.000
203.0.113.9               ---        Up         17:57:50.001    0.300    0.900
198.18.2.1                eth2       Down       17:57:49.124    1.000    0.000`;
  t.deepEqual([...parseBfdSessions(answer.split('\n'))], ['198.18.1.1', '203.0.113.9']);
});
