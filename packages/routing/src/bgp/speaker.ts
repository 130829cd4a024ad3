/** What this host's routing daemon is to do. Pure. */
import { createHash } from 'node:crypto';
import { type BgpConfigSpec, type BgpFilter, type Block, type Community, communityOf, type Family, familyOf } from '@weir/resources';
import { type PoolRoutes, poolRoutes } from './announcement.ts';
import { type BgpSession, bgpSessions, type RefusedSession, type SessionState } from './session.ts';

export interface BgpState extends SessionState {
  blocks: readonly Block[];
}

export interface BgpSpeaker {
  host: string;
  /** In the form of an IPv4 address (RFC 6286): unique among the hosts. */
  routerId: string;
  /** TCP port that it listens on. */
  port: number;
  gracefulRestartSeconds: number;
  /** Where it reflects routes. */
  clusterId?: string;
  families: Record<Family, FamilyRoutes>;
  filters: readonly BgpFilter[];
  sessions: readonly BgpSession[];
}

export interface FamilyRoutes extends PoolRoutes {
  /** Ranges of services. */
  services: string[];
  /** Communities of routes within a CIDR. */
  marks: { cidr: string; communities: Community[] }[];
}

export interface BgpPlan {
  /** Absent: there is nobody to speak with. */
  speaker?: BgpSpeaker;
  refused: readonly RefusedSession[];
}

/** @param state everything that it depends on, in any order: equal states give equal plans */
export function bgpPlan(state: BgpState): BgpPlan {
  const { sessions, refused } = bgpSessions(state);
  if (sessions.length === 0) return { refused };
  const { self, config } = state;
  const used = new Set(sessions.flatMap(({ filters }) => filters));
  return {
    refused,
    speaker: {
      host: self.metadata.name,
      routerId: routerId(state),
      port: config.port,
      gracefulRestartSeconds: config.gracefulRestartSeconds,
      ...(self.spec.bgp?.clusterId !== undefined && { clusterId: self.spec.bgp.clusterId }),
      families: { IPv4: familyRoutes('IPv4', state), IPv6: familyRoutes('IPv6', state) },
      filters: state.filters.filter(({ metadata }) => used.has(metadata.name)).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)),
      sessions,
    },
  };
}

function familyRoutes(family: Family, { self, pools, blocks, config }: BgpState): FamilyRoutes {
  const isOf = (cidr: string) => familyOf(cidr) === family;
  return {
    ...poolRoutes(family, { self: self.metadata.name, pools, blocks }),
    services: config.serviceAddresses.filter(isOf).sort(),
    marks: config.prefixAdvertisements
      .filter(({ cidr }) => isOf(cidr))
      .map(({ cidr, communities }) => ({ cidr, communities: communities.map((name) => communityNamed(name, config)) })),
  };
}

function communityNamed(name: string, { communities }: BgpConfigSpec): Community {
  return communityOf(communities.find((one) => one.name === name)?.value ?? name)!;
}

/** Its IPv4 address; of a host without one, a number out of its name. */
function routerId({ self }: BgpState): string {
  const address = self.spec.addresses.find((candidate) => familyOf(candidate) === 'IPv4');
  if (address !== undefined) return address;
  const bytes = createHash('sha256').update(self.metadata.name).digest().subarray(0, 4);
  // No address of a network or of all hosts: some routers take none such.
  bytes[0] = (bytes[0]! % 223) + 1;
  return bytes.join('.');
}
