/** What is told of a session, and why it is down. Pure. */
import type { BirdProtocol } from './bird-answer.ts';
import type { BgpSession, RefusedSession } from './session.ts';

/** As `weir node status` shows it. */
export interface BgpSessionStatus {
  /** Name of the BgpPeer or the other host. */
  peer: string;
  address: string;
  asNumber: number;
  /** `Established`, another state of RFC 4271, or `Refused` where Weir does not make the session. */
  state: string;
  /** Since when it is up or down, ISO 8601; absent where that is not known. */
  since?: string;
  /** Taken in, and told. */
  routes: { in: number; out: number };
  /** Why it is not as it should be, for people. */
  problem?: string;
}

/**
 * @param known what the daemon says of its sessions; none while it does not run
 * @param heard addresses that it hears by BFD
 */
export function sessionStatus(
  { sessions, refused }: { sessions: readonly BgpSession[]; refused: readonly RefusedSession[] },
  known: readonly BirdProtocol[],
  heard: ReadonlySet<string> = new Set(),
): BgpSessionStatus[] {
  const byName = new Map(known.map((protocol) => [protocol.name, protocol]));
  return [
    ...sessions.map((session): BgpSessionStatus => {
      const { peer, address, asNumber } = session;
      const protocol = byName.get(session.name);
      if (protocol === undefined)
        return { peer, address, asNumber, state: 'Down', routes: { in: 0, out: 0 }, problem: 'the routing daemon does not run' };
      const { state, since, routes } = protocol;
      const problem = state === 'Established' ? unheard(session, heard) : problemOf(session, protocol);
      return {
        peer,
        address,
        asNumber,
        state,
        since: new Date(since.replace(' ', 'T')).toISOString(),
        routes,
        ...(problem && { problem }),
      };
    }),
    ...refused.map(
      ({ peer, address, asNumber, problem }): BgpSessionStatus => ({
        ...{ peer, address, asNumber, state: 'Refused', routes: { in: 0, out: 0 }, problem },
      }),
    ),
  ];
}

/** A session comes up without BFD, and stays up when it never was there: so a peer that has none is found when its link has died. */
function unheard({ peer, address, bfd, holdSeconds }: BgpSession, heard: ReadonlySet<string>): string | undefined {
  if (bfd === undefined || heard.has(address)) return undefined;
  return `the peer does not answer by BFD, so that a dead link is seen after ${holdSeconds} s: switch BFD on there, or take it out of BgpPeer ${peer}`;
}

function problemOf({ peer, to, asNumber, localAsNumber, port, password }: BgpSession, { state, error }: BirdProtocol): string {
  const object = to === 'Host' ? 'the Hosts or BgpConfig' : `BgpPeer ${peer}`;
  if (error === 'BGP Error: Bad peer AS') return `the peer is of another AS than ${asNumber}: correct asNumber of ${object}`;
  if (error === 'Received: Bad peer AS') return `the peer says that it takes this host for another AS than ${localAsNumber}`;
  if (state === 'Connect' || state === 'Active') {
    const checks = [
      'is the peer there',
      'does it expect this host',
      ...(password === undefined ? ['does it want a password'] : ['is the password right']),
    ];
    return `no TCP connection to port ${port} of the peer: ${checks.join(', ')}?${error === undefined ? '' : ` Last error: ${error}`}`;
  }
  return error ?? `the session is not up yet (${state})`;
}
