import test from 'ava';
import { parseProtocols } from './bird-answer.ts';

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
