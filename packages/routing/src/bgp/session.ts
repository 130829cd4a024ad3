/** With whom this host speaks BGP. Pure. */
import {
  type BfdSpec,
  type BgpConfigSpec,
  type BgpFilter,
  type BgpPeer,
  cidrContains,
  type Family,
  familyOf,
  type Host,
  matches,
  type PasswordSource,
  type Pool,
  parseSelector,
} from '@weir/resources';
import { birdSymbol } from './bird-symbol.ts';

export interface BgpSession {
  /** In BIRD, where it is unique. */
  name: string;
  /** For people: the name of the BgpPeer, or of the other host. */
  peer: string;
  /** `Host`: one of the cluster, which tells of pools alone. `Fabric`: whatever else. */
  to: 'Host' | 'Fabric';
  /** Whose routes it carries: the family of its addresses, and IPv4 beside IPv6 where IPv4 has IPv6 next hops (RFC 8950). */
  families: readonly Family[];
  /** Of the peer. */
  address: string;
  port: number;
  asNumber: number;
  localAsNumber: number;
  localAddress?: string;
  /** Whether the peer is on a link of this host; else routers may be between. */
  direct: boolean;
  bfd?: BfdSpec;
  /** At most so many hops. */
  ttlSecurity?: number;
  /** Whether this host, as a route reflector, passes on to the peer what others tell, and the other way round. */
  reflects: boolean;
  password?: string;
  holdSeconds: number;
  keepaliveSeconds?: number;
  /** Names of BgpFilters. */
  filters: readonly string[];
}

/** A session that is not to be, since something is wrong with it. */
export type RefusedSession = Pick<BgpSession, 'name' | 'peer' | 'address' | 'asNumber'> & {
  /** What, and what to do, for people. */
  problem: string;
};

export interface SessionState {
  self: Host;
  hosts: readonly Host[];
  pools: readonly Pool[];
  config: BgpConfigSpec;
  peers: readonly BgpPeer[];
  filters: readonly BgpFilter[];
  /** Subnets of this host's links. */
  links: readonly string[];
  /** What a password is. Throws an Error that says why it cannot be had, and not what it is. */
  password: (source: PasswordSource) => string;
}

const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

/** The session, but for what can be wrong. */
type Draft = Omit<BgpSession, 'password' | 'reflects' | 'localAsNumber' | 'direct'> & { password: PasswordSource | undefined };

/**
 * Sessions by name, in an order that does not depend on when objects were made:
 * - one for each BgpPeer with an address that is for this host;
 * - one for each host and family, where a BgpPeer with `peerSelector` joins the two, from either side;
 * - one for each other host and family, where a pool of that family has its routes by BGP and the mesh is on.
 * Two hosts that share no IPv4 have one over IPv6 for both families.
 * An address is spoken with once: what stands first in this list, and by name, goes first.
 */
export function bgpSessions(state: SessionState): { sessions: BgpSession[]; refused: RefusedSession[] } {
  const sessions = new Map<string, BgpSession>();
  const refused: RefusedSession[] = [];
  for (const { password, ...draft } of [...routers(state), ...selectedHosts(state), ...mesh(state)]) {
    const other = sessions.get(draft.address);
    // The same pair of hosts may well be joined twice, by the mesh and by route reflectors.
    if (other !== undefined && other.to === 'Host' && draft.to === 'Host') continue;
    try {
      if (other !== undefined) throw new Error(`BgpPeer "${other.peer}" has this address already: remove one of the two`);
      sessions.set(draft.address, complete(draft, password, state));
    } catch (error) {
      const { name, peer, address, asNumber } = draft;
      refused.push({ name, peer, address, asNumber, problem: (error as Error).message });
    }
  }
  return { sessions: [...sessions.values()], refused };
}

function complete(draft: Omit<Draft, 'password'>, password: PasswordSource | undefined, state: SessionState): BgpSession {
  const known = new Set(state.filters.map(({ metadata }) => metadata.name));
  const missing = draft.filters.filter((name) => !known.has(name));
  if (missing.length > 0) throw new Error(`there is no BgpFilter "${missing.join('", "')}": nothing is exchanged without it`);
  const localAsNumber = asNumberOf(state.self, state.config);
  return {
    ...draft,
    localAsNumber,
    direct: draft.ttlSecurity === 1 || state.links.some((subnet) => cidrContains(subnet, draft.address)),
    reflects: draft.to === 'Host' && draft.asNumber === localAsNumber && isReflectorFor(state.self, draft.peer, state.hosts),
    ...(password !== undefined && { password: state.password(password) }),
  };
}

function isReflectorFor(self: Host, peer: string, hosts: readonly Host[]): boolean {
  const clusterId = self.spec.bgp?.clusterId;
  // Reflectors of one cluster have the same clients, and tell each other as plain peers.
  return clusterId !== undefined && hosts.find(({ metadata }) => metadata.name === peer)?.spec.bgp?.clusterId !== clusterId;
}

function routers({ self, config, peers }: SessionState): Draft[] {
  return byName(peers).flatMap(({ metadata: { name }, spec }) => {
    const { address, asNumber, port, sourceAddress, extendedNextHop, filters } = spec;
    if (address === undefined || asNumber === undefined || !isFor(spec, self)) return [];
    return {
      ...{ name: birdSymbol(`peer.${name}`), peer: name, to: 'Fabric', address, port, asNumber, filters },
      families: [familyOf(address), ...(extendedNextHop ? (['IPv4'] as const) : [])],
      ...(sourceAddress !== undefined && { localAddress: sourceAddress }),
      ...livenessOf(spec, config),
      password: spec.password,
    };
  });
}

function selectedHosts(state: SessionState): Draft[] {
  const { self, hosts, config, peers } = state;
  return byName(peers).flatMap(({ spec }) => {
    const { peerSelector, filters, password } = spec;
    if (peerSelector === undefined) return [];
    const selector = parseSelector(peerSelector);
    const isPeer = ({ metadata }: Host) => matches(selector, metadata.labels);
    const joined = byName(hosts).filter((other) => (isFor(spec, self) && isPeer(other)) || (isPeer(self) && isFor(spec, other)));
    return joined.flatMap((other) =>
      between(state, other, FAMILIES).map((ends) => ({ ...ends, ...livenessOf(spec, config), filters, password })),
    );
  });
}

function mesh(state: SessionState): Draft[] {
  const { hosts, pools, config } = state;
  if (!config.nodeMesh) return [];
  const families = FAMILIES.filter((family) => pools.some(({ spec }) => spec.routes === 'Bgp' && familyOf(spec.cidr) === family));
  return byName(hosts).flatMap((other) =>
    between(state, other, families).map((ends) => ({
      ...ends,
      holdSeconds: config.holdSeconds,
      filters: [],
      password: config.meshPassword,
    })),
  );
}

type Ends = Pick<Draft, 'name' | 'peer' | 'to' | 'families' | 'address' | 'port' | 'asNumber'> & { localAddress: string };

/**
 * Sessions that carry routes of these families to another host and back: each over its own, and IPv4 over IPv6 where the two share no IPv4.
 * None for a family that cannot be carried, and with this host itself.
 */
function between({ self, config }: SessionState, other: Host, families: readonly Family[]): Ends[] {
  const { name } = other.metadata;
  if (name === self.metadata.name) return [];
  const endsOf = (family: Family): [string, string] | undefined => {
    const [own, theirs] = [self, other].map(({ spec }) => spec.addresses.find((candidate) => familyOf(candidate) === family));
    return own === undefined || theirs === undefined || own === theirs ? undefined : [own, theirs];
  };
  const carrierOf = (family: Family): Family => (endsOf(family) === undefined ? 'IPv6' : family);
  return FAMILIES.flatMap((carrier) => {
    const [ends, carried] = [endsOf(carrier), families.filter((family) => carrierOf(family) === carrier)];
    if (ends === undefined || carried.length === 0) return [];
    const [localAddress, address] = ends;
    const title = birdSymbol(`host.${name}.${carrier === 'IPv4' ? '4' : '6'}`);
    const { port } = config;
    return [{ name: title, peer: name, to: 'Host', families: carried, address, port, asNumber: asNumberOf(other, config), localAddress }];
  });
}

function isFor({ host, hostSelector }: BgpPeer['spec'], { metadata }: Host): boolean {
  if (host !== undefined) return host === metadata.name;
  return hostSelector === undefined || matches(parseSelector(hostSelector), metadata.labels);
}

/** What tells that the peer is there, and is the peer. */
function livenessOf(
  { holdSeconds, keepaliveSeconds, bfd, ttlSecurity }: BgpPeer['spec'],
  config: BgpConfigSpec,
): Pick<Draft, 'holdSeconds' | 'keepaliveSeconds' | 'bfd' | 'ttlSecurity'> {
  return {
    holdSeconds: holdSeconds ?? config.holdSeconds,
    ...(keepaliveSeconds !== undefined && { keepaliveSeconds }),
    ...(bfd !== undefined && { bfd }),
    ...(ttlSecurity !== undefined && { ttlSecurity }),
  };
}

const asNumberOf = ({ spec }: Host, config: BgpConfigSpec): number => spec.bgp?.asNumber ?? config.asNumber;

const byName = <T extends { metadata: { name: string } }>(objects: readonly T[]): T[] =>
  [...objects].sort(({ metadata: { name: a } }, { metadata: { name: b } }) => (a < b ? -1 : 1));
