/**
 * A configuration of BIRD 2, as somebody would write it. Pure.
 *
 * BIRD writes routes of its own protocol number (12, `ip route show proto bird`) to the main table, and none for what Weir itself writes
 * there (121): blocks of pools whose routes are not by BGP. What others wrote is read, to find next hops, and never changed or told.
 */
import { createHash } from 'node:crypto';
import { type Community, type Family, familyOf } from '@weir/resources';
import { ROUTE_PROTOCOL } from '../addresses.ts';
import { filterFunction, filterText } from './bird-filter.ts';
import type { BgpSession } from './session.ts';
import type { BgpSpeaker, FamilyRoutes } from './speaker.ts';

/** Of BIRD's routes in the kernel; above the default of either family, so that a route that an operator made for the same destination wins. */
const METRIC = 2048;

/** Name of a constant in the configuration with its hash, by which a running BIRD tells which one it has. */
export const CONFIG_HASH = 'WEIR_CONFIG';

/** How long a BIRD that starts anew waits for peers that it had before it trusts what it knows, seconds. */
const RECOVERY_WAIT = 30;

/** Between two looks at the kernel's routes, seconds: what others took away is missed for no longer. 10,000 routes take a hundredth of a processor. */
const SCAN_INTERVAL = 1;

export interface BirdConfig {
  text: string;
  /** Of all else in the text. */
  hash: string;
}

export function birdConfig(speaker: BgpSpeaker): BirdConfig {
  const body = bodyOf(speaker);
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 16);
  const head = `# Made by weir agent on ${speaker.host}, which writes over changes. It follows from: weir get bgpconfigs,bgppeers,bgpfilters,pools,hosts\n`;
  return { hash, text: `${head}define ${CONFIG_HASH} = "${hash}";\n${body}` };
}

function bodyOf(speaker: BgpSpeaker): string {
  const families = Object.entries(speaker.families) as [Family, FamilyRoutes][];
  const used = families.filter(([family]) => speaker.sessions.some((session) => session.families.includes(family)));
  const parts = [
    globals(speaker),
    ...used.flatMap(([family, routes]) => familyParts(family, routes, speaker.clusterId !== undefined)),
    ...speaker.filters.flatMap((filter) =>
      used.flatMap(([family]) => [filterText(filter, 'import', family), filterText(filter, 'export', family)]),
    ),
    ...(speaker.sessions.some(({ bfd }) => bfd !== undefined) ? ['protocol bfd {}'] : []),
    template(speaker),
    ...speaker.sessions.map((session) => sessionText(session, speaker)),
  ];
  return `${parts.join('\n\n')}\n`;
}

function globals({ routerId }: BgpSpeaker): string {
  return `log stderr { info, remote, warning, error, auth, fatal, bug };
timeformat protocol iso long;
router id ${routerId};
graceful restart wait ${RECOVERY_WAIT};

protocol device {}

# Where next hops are found. Nothing of it is told to anybody, unless a BgpFilter says so.
protocol direct {
  ipv4;
  ipv6;
  interface -"weir*", "*";
}`;
}

function familyParts(family: Family, routes: FamilyRoutes, isReflector: boolean): string[] {
  const n = numberOf(family);
  const { pools, byBgp, exported, own, services, marks } = routes;
  return [
    `# ${family} pools: all of them, those whose blocks hosts learn of by BGP, and those that the fabric hears of.
function pools${n}() { return ${within(pools)}; }
function by_bgp${n}() { return ${within(byBgp)}; }
function exported${n}() { return ${within(exported)}; }`,
    `# This host's blocks, and addresses out of others' blocks that it has.\n${staticRoutes(`blocks${n}`, n, own)}`,
    ...(services.length === 0 ? [] : [`# Ranges of services.\n${staticRoutes(`services${n}`, n, services)}`]),
    `filter to_kernel${n} {
  if source != RTS_BGP then reject;
  # To blocks of other pools Weir itself makes the routes.
  if pools${n}() && !by_bgp${n}() then reject;
  accept;
}`,
    `protocol kernel kernel${n} {
  scan time ${SCAN_INTERVAL};
  metric ${METRIC};
  merge paths on;
  graceful restart on;
  learn;
  ipv${n} {
    import where krt_source != ${ROUTE_PROTOCOL};
    export filter to_kernel${n};
  };
}`,
    ...(marks.length === 0 ? [] : [`function mark${n}() {\n${marks.map(markText).join('')}}`]),
    `# What may be told. A route reflector passes on what other hosts told; everybody else tells of its own alone.
function told_to_hosts${n}() { return ${anyOf(n, ['blocks'], isReflector)}; }
function told_to_fabric${n}() { return ${anyOf(n, ['blocks', ...(services.length === 0 ? [] : ['services'])], isReflector)}; }`,
  ];
}

const numberOf = (family: Family): 4 | 6 => (family === 'IPv4' ? 4 : 6);

function staticRoutes(name: string, n: 4 | 6, destinations: readonly string[]): string {
  return `protocol static ${name} {\n  ipv${n};\n${destinations.map((destination) => `  route ${destination} blackhole;\n`).join('')}}`;
}

/** `&&` and `||` bind alike in BIRD, from left to right. */
function anyOf(n: 4 | 6, statics: readonly string[], isReflector: boolean): string {
  const own = statics.map((name) => `proto = "${name}${n}"`);
  return [...own, ...(isReflector ? ['(source = RTS_BGP && proto ~ "host.*")'] : [])].join(' || ');
}

const within = (cidrs: readonly string[]): string =>
  cidrs.length === 0 ? 'false' : `net ~ [ ${cidrs.map((cidr) => `${cidr}+`).join(', ')} ]`;

function markText({ cidr, communities }: FamilyRoutes['marks'][number]): string {
  const additions = communities.map((community) => `${attributeOf(community)}.add((${community.join(', ')}));`);
  return `  if net ~ [ ${cidr}+ ] then { ${additions.join(' ')} }\n`;
}

const attributeOf = (community: Community): string => (community.length === 2 ? 'bgp_community' : 'bgp_large_community');

function template({ gracefulRestartSeconds, clusterId }: BgpSpeaker): string {
  return `template bgp weir {
  graceful restart on;
  graceful restart time ${gracefulRestartSeconds};
  connect delay time 1;
  connect retry time 5;
  error wait time 2, 10;${clusterId === undefined ? '' : `\n  rr cluster id ${clusterId};`}
}`;
}

function sessionText(session: BgpSession, speaker: BgpSpeaker): string {
  const { name, peer, address, asNumber, password, holdSeconds, keepaliveSeconds, bfd } = session;
  const options = [
    `description "${peer}"`,
    local(session, speaker),
    `neighbor ${address}${session.port === 179 ? '' : ` port ${session.port}`} as ${asNumber}`,
    hops(session),
    ...(session.ttlSecurity === undefined ? [] : ['ttl security on']),
    ...(password === undefined ? [] : [`password "${password}"`]),
    `hold time ${holdSeconds}`,
    ...(keepaliveSeconds === undefined ? [] : [`keepalive time ${keepaliveSeconds}`]),
    ...(bfd === undefined ? [] : [`bfd { interval ${bfd.intervalMilliseconds} ms; multiplier ${bfd.multiplier}; }`]),
    ...(session.reflects ? ['rr client'] : []),
  ];
  return `protocol bgp '${name}' from weir {
${options.map((option) => `  ${option};\n`).join('')}${session.families.map((family) => channel(family, session, speaker)).join('\n')}
}`;
}

function channel(family: Family, { to, filters, ...session }: BgpSession, { families }: BgpSpeaker): string {
  const n = numberOf(family);
  const asked = (way: 'import' | 'export') => filters.map((filter) => `${filterFunction(filter, way, family)}();`);
  // Other hosts speak of pools, unless a filter takes in more; the fabric hears of no pool that is not exported, whatever a filter says.
  const inBounds = to === 'Host' ? [`if !pools${n}() then reject;`] : [];
  const outBounds = to === 'Host' ? [] : [`if pools${n}() && !exported${n}() then reject;`];
  const marks = families[family].marks.length === 0 ? [] : [`mark${n}();`];
  const imports = [...asked('import'), ...inBounds, 'accept;'];
  const exports = [
    ...outBounds,
    ...marks,
    ...asked('export'),
    `if told_to_${to === 'Host' ? 'hosts' : 'fabric'}${n}() then accept;`,
    'reject;',
  ];
  const block = (lines: readonly string[]) => lines.map((line) => `      ${line}\n`).join('');
  // A next hop may be that of another host, on no link of the peer's.
  const gateway = session.localAsNumber === session.asNumber ? '    gateway recursive;\n' : '';
  // Clients need not know the way to the fabric's routers.
  const nextHop = session.reflects ? '    next hop self ebgp;\n' : '';
  // Both ends have to say so.
  const extended = family === familyOf(session.address) ? '' : '    extended next hop on;\n';
  return `  ipv${n} {
${extended}${gateway}${nextHop}    import filter {
${block(imports)}    };
    export filter {
${block(exports)}    };
  };`;
}

function local({ localAddress, localAsNumber }: BgpSession, { port }: BgpSpeaker): string {
  return ['local', localAddress, port === 179 ? undefined : `port ${port}`, `as ${localAsNumber}`]
    .filter((word) => word !== undefined)
    .join(' ');
}

function hops({ direct, ttlSecurity }: BgpSession): string {
  if (ttlSecurity !== undefined && ttlSecurity > 1) return `multihop ${ttlSecurity}`;
  return direct ? 'direct' : 'multihop';
}
