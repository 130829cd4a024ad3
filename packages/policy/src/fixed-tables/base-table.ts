import { DEFAULT_FAILSAFE_PORTS, type FailsafePorts, familyOf, type HostDns } from '@weir/resources';
import { DENIALS } from '../program/packet-log.ts';
import { type BaseTable, type FixedChain, fixedTable } from '../statements/fixed-table.ts';
import { DISCOVERY_SET, TOO_OFTEN } from './discovery-rate.ts';
import { ALLOWED, RECORDING_CHAINS, RECORDING_SETS } from './recording-chains.ts';
import { FULL_USE, type TableUse, tracks } from './table-use.ts';

/** How tunnels look on the wire: UDP port and VXLAN network number. */
export interface TunnelPackets {
  port: number;
  vni: number;
}

export interface BaseOptions {
  agentPorts: number[];
  healthChecks: 'Always' | 'Policy';
  vxlan: TunnelPackets;
  /** Of the flannel network that this host has joined, where that has tunnels. */
  flannel?: TunnelPackets;
  failsafePorts?: FailsafePorts;
  dns?: HostDns | undefined;
  /** Default: everything. */
  use?: TableUse;
}

const FAMILIES = [
  { ip: 'ip', version: '4' },
  { ip: 'ip6', version: '6' },
] as const;

/** The same flow twice would be twice the work, and twice the room in the table of connections. */
const TRACKED_INSIDE = 'comment "a tunnel: the packets in it are tracked"';

/** DNS messages of endpoints whose rules name domains: a verdict ends the chain, and policy's own chains come later, or came before. */
const ASKED = 'comment "what it asks is what it may be told"';
const ANSWERED = 'comment "an answer waits until what it says is in force"';

/** Interfaces that are ours, by the prefix that Weir gives them or one by one. */
const BY_NAME = ['"weir*"'];
const OURS = [...BY_NAME, '@adopted'];
const NOT_OURS = OURS.map((name) => `iifname != ${name}`).join(' ');

/** One look-up for both addresses, since each packet of a container waits for it. @param field the address, of the family that is put in for `ip` */
const sendersBy = (field: (ip: string) => string): string[] => [
  ...FAMILIES.map(({ ip, version }) => `iifname . ether saddr . ${field(ip)} @sender${version}`),
  ...FAMILIES.map(({ ip, version }) => `iifname . ${field(ip)} @source${version}`),
];
const SENDERS = sendersBy((ip) => `${ip} saddr`);

/**
 * Errors that tell of a flow (RFC 792, RFC 4443). Connection tracking looks who is told, and not who tells: a container might tell of flows
 * that it has no part in, and end or narrow them. Of those, errors are packets like others, for policy to decide on. Who is behind a bridge
 * is no interface here, and is believed as a router is.
 */
const RELATED: FixedChain = {
  rules: [
    `${NOT_OURS} accept comment "routers tell of what passes them"`,
    ...['original', 'reply']
      .flatMap((direction) => sendersBy((ip) => `ct ${direction} ${ip} saddr`))
      .map((sender) => `${sender} accept comment "one end tells the other"`),
  ],
};

/** Neighbour discovery that a container has to be able to do before it has a neighbour; no router forwards it, so its hop limit is whole (RFC 4861 §6.1, §7.1). */
const NEIGHBOUR_DISCOVERY = 'ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert }';

/** Which multicast groups somebody on the link listens to (RFC 2710, RFC 3810). */
const MULTICAST_LISTENERS = 'icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report }';

const SETS = [
  ...RECORDING_SETS,
  'set adopted { type ifname; comment "interfaces of others that policy is over"; }',
  'set sender4 { type ifname . ether_addr . ipv4_addr; comment "who may send from which hardware address and address"; }',
  'set sender6 { type ifname . ether_addr . ipv6_addr; comment "who may send from which hardware address and address"; }',
  'set source4 { type ifname . ipv4_addr; comment "who may send from which address, where no hardware address is known"; }',
  'set source6 { type ifname . ipv6_addr; comment "who may send from which address, where no hardware address is known"; }',
  'set source_mac { type ifname . ether_addr; comment "who may send from which hardware address"; }',
  'set any_mac { type ifname; comment "whose hardware address is not known"; }',
  ...(['4', '6'] as const).map(
    (version) => `set local${version} { type ipv${version}_addr; comment "containers of this host, each behind its own interface"; }`,
  ),
  DISCOVERY_SET,
  'map from_endpoint { type ifname : verdict; comment "egress policy by interface"; }',
  'map to_endpoint { type ifname : verdict; comment "ingress policy by interface"; }',
  ...(['4', '6'] as const).flatMap((version) => [
    `set bridged${version} { type ipv${version}_addr; comment "endpoints behind bridges, by address"; }`,
    `map from_bridged${version} { type ipv${version}_addr : verdict; comment "their egress policy"; }`,
    `map to_bridged${version} { type ipv${version}_addr : verdict; comment "their ingress policy"; }`,
  ]),
  'map host_port4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; comment "ports of one address of this host"; }',
  'map host_port6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; comment "ports of one address of this host"; }',
  'map any_host_port4 { type inet_proto . inet_service : ipv4_addr . inet_service; comment "ports of all addresses of this host"; }',
  'map any_host_port6 { type inet_proto . inet_service : ipv6_addr . inet_service; comment "ports of all addresses of this host"; }',
  ...FAMILIES.flatMap(({ ip, version }) => [
    `map service${version} { type ipv${version}_addr . inet_proto . inet_service : verdict; comment "virtual addresses of services"; }`,
    `map service_port${version} { type inet_proto . inet_service : verdict; comment "ports of all hosts that are services'"; }`,
    // nft takes no rule with a map whose type is that of `th dport`; the type of all ports is one.
    `map backend${version} { typeof ${ip} daddr . meta l4proto . tcp dport . numgen inc mod 2 : ${ip} daddr . tcp dport; comment "to whom services lead"; }`,
    `map port_backend${version} { typeof meta l4proto . tcp dport . numgen inc mod 2 : ${ip} daddr . tcp dport; comment "to whom their ports of the hosts lead"; }`,
    `set far_backend${version} { type ipv${version}_addr . inet_proto . inet_service; comment "those of them on other hosts"; }`,
    `set service_range${version} { type ipv${version}_addr; flags interval; comment "what services have their addresses from"; }`,
  ]),
  'set hairpin4 { type ipv4_addr . ipv4_addr; comment "who may reach itself by a port of this host"; }',
  'set hairpin6 { type ipv6_addr . ipv6_addr; comment "who may reach itself by a port of this host"; }',
  ...['', 'any_'].flatMap((any) => {
    const [type, where] = any === '' ? ['ifname', 'by interface'] : ['ether_type', 'where none is named'];
    return [
      `set ${any}host_endpoint { type ${type}; comment "endpoints of the host itself, ${where}"; }`,
      `map ${any}to_host { type ${type} : verdict; comment "ingress policy of this host, ${where}"; }`,
      `map ${any}from_host { type ${type} : verdict; comment "egress policy of this host, ${where}"; }`,
      `map ${any}forward_in { type ${type} : verdict; comment "policy of what comes through, ${where}"; }`,
      `map ${any}forward_out { type ${type} : verdict; comment "policy of what leaves through, ${where}"; }`,
    ];
  }),
  ...(['4', '6'] as const).map(
    (version) => `map dns_client${version} { type ipv${version}_addr : verdict; comment "whose DNS messages the agent looks at"; }`,
  ),
  ...(['4', '6'] as const).map(
    (version) =>
      `set dns_rate${version} { type ipv${version}_addr; flags dynamic,timeout; timeout 30s; size 4096; comment "who asks the DNS of this host, and how often"; }`,
  ),
  ...(['4', '6'] as const).flatMap((version) => [
    `set pools${version} { type ipv${version}_addr; flags interval; comment "all pools"; }`,
    `set private${version} { type ipv${version}_addr; flags interval; comment "pools that nobody outside of the cluster reaches"; }`,
    `set nat${version} { type ipv${version}_addr; flags interval; comment "pools whose containers leave under their host's address"; }`,
    `set clusters${version} { type ipv${version}_addr; flags interval; comment "other clusters' containers"; }`,
    `set hosts${version} { type ipv${version}_addr; comment "addresses of the cluster's hosts"; }`,
    `set flannel${version} { type ipv${version}_addr; comment "addresses of the hosts of the flannel network"; }`,
  ]),
];

/**
 * The part of the table that policy does not change: who may send at all, what is let through unasked, and the way from an interface
 * to its endpoint's entry. Whatever it does not know on an interface of ours, it drops.
 *
 * @param options.agentPorts TCP ports of this host that containers always reach: an executor without its Mesos agent fails its task
 * @param options.healthChecks whether this host reaches its own containers beside all policy
 * @param options.vxlan and `flannel`: containers may make no such tunnels, and they come from the hosts of their network alone
 * @param options.dns the DNS server of this host, which only it and its containers ask
 * @param options.failsafePorts see `FailsafePorts`; beside them, the tunnels' port
 */
export function baseTable(options: BaseOptions): BaseTable {
  const use = options.use ?? FULL_USE;
  return fixedTable('inet weir', {
    sets: SETS,
    chains: tracks(use) ? baseChains({ ...options, use }) : idleChains(options),
    layout: { ...baseChains(STANDARD), ...idleChains(STANDARD) },
    all: baseChains({ ...options, use: FULL_USE }),
  });
}

/** What the layout is that of. */
const STANDARD: BaseOptions & { use: TableUse } = {
  agentPorts: [5051],
  healthChecks: 'Policy',
  vxlan: { port: 4789, vni: 4096 },
  flannel: { port: 8472, vni: 1 },
  dns: { addresses: ['169.254.1.53', 'fd00::53'], queries: 'Always' },
  use: FULL_USE,
};

/** Of a host where nothing is asked of the table: no connection is tracked, since no rule names one, and what passes through the host passes no hook. */
function idleChains({ vxlan, flannel, dns }: BaseOptions): Record<string, FixedChain> {
  return {
    input: { hook: 'filter hook input priority filter', rules: [...tunnelJumps(vxlan, flannel), ...atDns(dns, 'jump own_dns')] },
    tunnels: tunnelsFrom('hosts', vxlan),
    ...(flannel !== undefined && { flannel_tunnels: tunnelsFrom('flannel', flannel) }),
    ...OWN_DNS,
    ...RECORDING_CHAINS,
  };
}

function baseChains({
  agentPorts,
  healthChecks,
  vxlan,
  flannel,
  failsafePorts = DEFAULT_FAILSAFE_PORTS,
  dns,
  use,
}: BaseOptions & { use: TableUse }): Record<string, FixedChain> {
  const tunnels = [{ ...vxlan, ends: 'hosts' }, ...(flannel === undefined ? [] : [{ ...flannel, ends: 'flannel' }])].flatMap((tunnel) =>
    FAMILIES.map((family) => ({ ...tunnel, ...family })),
  );
  const tunnelPorts = [...new Set(tunnels.map(({ port }) => port))];
  const ports = [...new Set(agentPorts)].sort((left, right) => left - right);
  const toHost = [
    `${NEIGHBOUR_DISCOVERY} accept comment "a container looks for its gateway"`,
    ...(ports.length === 0
      ? []
      : [`tcp dport { ${ports.join(', ')} } accept comment "an executor reaches its Mesos agent, whatever policy says"`]),
    ...(dns?.queries === 'Always' ? atDns(dns, `meta l4proto { tcp, udp } th dport 53 accept ${RESOLVES}`) : []),
    ...tunnelPorts.map((port) => `udp dport ${port} goto ${DENIALS.tunnel} comment "a container makes no tunnel"`),
  ];
  const noTunnel = [
    ...tunnels.map(
      ({ ip, version, port, ends }) =>
        `${ip} daddr @${ends}${version} udp dport ${port} goto ${DENIALS.tunnel} comment "a container makes no tunnel"`,
    ),
    // A host has more addresses than its Host object tells, and under the address of its own host a container's packets would be believed.
    ...new Set(
      tunnels.map(
        ({ port, vni }) => `udp dport ${port} ${ofNetwork(vni)} goto ${DENIALS.tunnel} comment "nor to an address that may be a host's"`,
      ),
    ),
  ];
  const forged = FAMILIES.map(
    ({ ip, version }) =>
      `${NOT_OURS} ${ip} saddr @local${version} goto ${DENIALS.source} comment "no container of this host sends from there"`,
  );
  return {
    prerouting: {
      hook: 'filter hook prerouting priority raw',
      rules: [
        ...(use.adopted ? OURS : BY_NAME).map((name) => `iifname ${name} goto source`),
        'meta l4proto udp goto udp_of_others comment "what every packet passes is kept short"',
      ],
    },
    udp_of_others: {
      rules: [
        ...tunnels.map(
          ({ ip, version, port, ends }) => `udp dport ${port} ${ip} saddr @${ends}${version} notrack accept ${TRACKED_INSIDE}`,
        ),
        ...(use.dnsClients ? ['goto asks'] : []),
      ],
    },
    asks: { rules: FAMILIES.map(({ ip, version }) => `udp dport 53 ${ip} saddr vmap @dns_client${version} ${ASKED}`) },
    untracked_output: {
      hook: 'filter hook output priority raw',
      rules: tunnels.map(
        ({ ip, version, port, ends }) => `udp dport ${port} ${ip} daddr @${ends}${version} notrack accept ${TRACKED_INSIDE}`,
      ),
    },
    forward: {
      hook: 'filter hook forward priority filter',
      rules: [
        'ct state established accept comment "policy decides on the first packet"',
        'ct state related jump related',
        ...forged,
        ...tunnelPorts.map(
          (port) => `udp dport ${port} ct status & dnat == dnat goto ${DENIALS.tunnel} comment "no port leads into a tunnel"`,
        ),
        ...FAMILIES.map(
          ({ ip, version }) =>
            `${ip} daddr @private${version} ${ip} saddr != @pools${version} ${ip} saddr != @hosts${version} ct status & dnat != dnat goto ${DENIALS.private} comment "private, but for ports that were published"`,
        ),
        `${NEIGHBOUR_DISCOVERY} accept comment "only bridged packets come here with a whole hop limit"`,
        ...OURS.map((name) => `iifname ${name} jump from`),
        ...bridged('saddr', 'from_bridged'),
        ...OURS.map((name) => `oifname ${name} jump to`),
        ...bridged('daddr', 'to_bridged'),
        'jump forward_in',
        'jump forward_out',
        ...['iifname', 'oifname'].flatMap((field) => OURS.map((name) => `${field} ${name} goto ${ALLOWED}`)),
        ...bridged('saddr', ALLOWED, 'goto'),
        ...bridged('daddr', ALLOWED, 'goto'),
      ],
    },
    input: {
      hook: 'filter hook input priority filter',
      rules: [
        ...tunnelJumps(vxlan, flannel),
        ...atDns(dns, 'jump own_dns'),
        'ct state established accept comment "answers to this host"',
        'ct state related jump related',
        ...OURS.map((name) => `iifname ${name} jump from_to_host`),
        ...bridged('saddr', 'from_bridged_to_host'),
        ...OURS.map((name) => `iifname ${name} goto ${ALLOWED}`),
        ...bridged('saddr', ALLOWED, 'goto'),
        ...forged,
        'jump to_host',
      ],
    },
    tunnels: tunnelsFrom('hosts', vxlan),
    ...(flannel !== undefined && { flannel_tunnels: tunnelsFrom('flannel', flannel) }),
    ...((use.hostEndpoints || healthChecks === 'Policy') && {
      output: {
        hook: 'filter hook output priority filter',
        rules: [
          ...tunnelPorts.map((port) => `udp dport ${port} ct state untracked accept comment "a tunnel"`),
          'ct state established,related accept comment "answers of this host"',
          ...(healthChecks === 'Always'
            ? []
            : [
                `${NEIGHBOUR_DISCOVERY} accept comment "how the host finds its containers"`,
                ...OURS.map((name) => `oifname ${name} jump to`),
                ...bridged('daddr', 'to_bridged'),
              ]),
          'jump from_host',
        ],
      },
    }),
    ...hostEndpointChains({ ...failsafePorts, tunnels: tunnelPorts.map((port) => `udp/${port}`) }),
    ...(use.nat && natChains()),
    ...((use.dnsClients || healthChecks === 'Policy') && { postrouting: postrouting(healthChecks, use) }),
    ...RECORDING_CHAINS,
    source: {
      rules: [
        `ip daddr 127.0.0.0/8 goto ${DENIALS.source} comment "no container reaches the loopback of its host"`,
        ...SENDERS.map((sender) => `${sender} ${use.dnsClients ? 'goto asks' : 'accept'}`),
        // A kernel says it for each new interface, also for one that is not known yet: nobody should have to look past it among what was denied.
        `ip6 saddr { ::, fe80::/10 } ${MULTICAST_LISTENERS} drop comment "which groups it listens to is no flow"`,
        `iifname . ether saddr != @source_mac iifname != @any_mac goto ${DENIALS.source} comment "not the hardware address of this interface"`,
        `ip6 saddr { ::, fe80::/10 } ${NEIGHBOUR_DISCOVERY} ${TOO_OFTEN}`,
        `ip6 saddr { ::, fe80::/10 } ${NEIGHBOUR_DISCOVERY} return comment "a container looks for its gateway"`,
        'ip6 saddr { ::, fe80::/10 } drop comment "what else neighbours say to each other is no flow"',
        `goto ${DENIALS.source} comment "not an address of this interface, or an interface not yet known"`,
      ],
    },
    ...OWN_DNS,
    related: RELATED,
    from_to_host: { rules: [...toHost, 'goto from'] },
    from_bridged_to_host: { rules: [...toHost, 'goto from_bridged'] },
    from: { rules: [...UNSOUND, ...noTunnel, 'iifname vmap @from_endpoint', NOBODY] },
    to: { rules: [...UNSOUND, 'oifname vmap @to_endpoint', NOBODY] },
    from_bridged: {
      rules: [...UNSOUND, ...noTunnel, ...FAMILIES.map(({ ip, version }) => `${ip} saddr vmap @from_bridged${version}`), NOBODY],
    },
    to_bridged: { rules: [...UNSOUND, ...FAMILIES.map(({ ip, version }) => `${ip} daddr vmap @to_bridged${version}`), NOBODY] },
  };
}

/** Packets of one container to the DNS server of its host: far more than a program needs, and no burden to the agent. */
const DNS_RATE = 2_000;
const DNS_BURST = 20_000;

const OWN_DNS: Record<string, FixedChain> = {
  own_dns: {
    rules: [
      'iifname "lo" return',
      ...OURS.map((name) => `iifname ${name} goto dns_pace`),
      ...bridged('saddr', 'dns_pace', 'goto'),
      `goto ${DENIALS.unknown} comment "a host's DNS is for itself and its containers"`,
    ],
  },
  dns_pace: {
    rules: FAMILIES.map(
      ({ ip, version }) =>
        `add @dns_rate${version} { ${ip} saddr limit rate over ${DNS_RATE}/second burst ${DNS_BURST} packets } counter drop comment "one container does not keep the agent from all others"`,
    ),
  },
};

const RESOLVES = 'comment "a container asks the DNS of its host, whatever policy says"';

function atDns(dns: HostDns | undefined, rest: string): string[] {
  return (dns?.addresses ?? []).map((address) => `${familyOf(address) === 'IPv4' ? 'ip' : 'ip6'} daddr ${address} ${rest}`);
}

function tunnelJumps(vxlan: TunnelPackets, flannel: TunnelPackets | undefined): string[] {
  return [`udp dport ${vxlan.port} jump tunnels`, ...(flannel === undefined ? [] : [`udp dport ${flannel.port} jump flannel_tunnels`])];
}

/** VXLAN's header follows UDP's 8 bytes: flags of 32 bits, then the VNI (RFC 7348 §5). */
const ofNetwork = (vni: number): string => `@th,96,24 ${vni}`;

function tunnelsFrom(ends: 'hosts' | 'flannel', { vni }: TunnelPackets): FixedChain {
  return {
    rules: [
      ...FAMILIES.map(({ ip, version }) => `${ip} saddr @${ends}${version} accept comment "a tunnel"`),
      `${ofNetwork(vni)} goto ${DENIALS.tunnel} comment "tunnels of a network come from its hosts"`,
    ],
  };
}

/** What a host needs of its neighbours to have them and its addresses at all (RFC 4861, RFC 2710, RFC 3810). */
const NEIGHBOURS =
  'icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report }';

/**
 * Policy of this host's own interfaces. One that it does not know is open: what has no HostEndpoint is not Weir's to close. The host's
 * traffic with its own containers is theirs, and not asked for again.
 */
function hostEndpointChains({ inbound, outbound, tunnels }: FailsafePorts & { tunnels: string[] }): Record<string, FixedChain> {
  const chain = (name: string, interfaceKey: 'iifname' | 'oifname', open: string[]): FixedChain => {
    const field = interfaceKey === 'iifname' ? 'saddr' : 'daddr';
    return {
      rules: [
        `${interfaceKey} "lo" return`,
        ...OURS.map((ours) => `${interfaceKey} ${ours} return`),
        ...FAMILIES.map(({ ip, version }) => `${ip} ${field} @bridged${version} return`),
        ...open,
        `${interfaceKey} @host_endpoint jump sound`,
        `${interfaceKey} vmap @${name}`,
        'meta protocol @any_host_endpoint jump sound',
        `meta protocol vmap @any_${name}`,
      ],
    };
  };
  const failsafe = (ports: string[]) => [
    ...['tcp', 'udp'].flatMap((protocol) => {
      const own = [...new Set([...ports, ...tunnels])]
        .filter((port) => port.startsWith(protocol))
        .map((port) => Number(port.split('/')[1]));
      const numbers = own.sort((left, right) => left - right).join(', ');
      return own.length === 0 ? [] : [`${protocol} dport { ${numbers} } accept comment "failsafe"`];
    }),
    `${NEIGHBOURS} accept comment "neighbours"`,
  ];
  return {
    to_host: chain('to_host', 'iifname', failsafe(inbound)),
    from_host: chain('from_host', 'oifname', [...OWN_CONTAINERS, ...failsafe(outbound)]),
    forward_in: chain('forward_in', 'iifname', []),
    forward_out: chain('forward_out', 'oifname', []),
    sound: { rules: UNSOUND },
  };
}

/** Led to by a virtual address: the hook still sees the interface by which that would have left. */
const OWN_CONTAINERS = FAMILIES.map(
  ({ ip, version }) =>
    `ct status & dnat == dnat ${ip} daddr . ${ip} daddr @hairpin${version} return comment "its own containers are theirs"`,
);

const NOBODY = `goto ${DENIALS.unknown} comment "no endpoint is known here"`;

/** Behind a bridge an interface is not seen; the table bridge sees to it that addresses can be trusted there. */
function bridged(field: 'saddr' | 'daddr', chain: string, how: 'jump' | 'goto' = 'jump'): string[] {
  return FAMILIES.map(({ ip, version }) => `${ip} ${field} @bridged${version} ${how} ${chain}`);
}

/**
 * Ports of the host that lead to containers. The destination changes before the filter chains, so that policy sees where a packet ends;
 * the source stays, so that it sees where it begins. Only where no answer could find back does the source become the host's.
 */
function natChains(): Record<string, FixedChain> {
  return {
    nat_prerouting: { hook: 'nat hook prerouting priority dstnat', rules: ['jump services', 'fib daddr type local goto host_ports'] },
    nat_output: {
      // nft knows the name dstnat for prerouting alone.
      hook: 'nat hook output priority -100',
      rules: [
        'ip6 daddr ::1 return comment "what has this source cannot leave the host"',
        'jump services',
        'fib daddr type local goto host_ports',
      ],
    },
    nat_postrouting: {
      hook: 'nat hook postrouting priority srcnat',
      rules: [
        'ip saddr . ip daddr @hairpin4 masquerade comment "nobody answers itself over the network"',
        'ip6 saddr . ip6 daddr @hairpin6 masquerade comment "nobody answers itself over the network"',
        ...OURS.map((name) => `ip saddr 127.0.0.0/8 oifname ${name} masquerade comment "to a container this is its own loopback"`),
        ...FAMILIES.map(
          ({ ip, version }) =>
            `ct status & dnat == dnat ${ip} daddr . meta l4proto . th dport @far_backend${version} ${NOT_OURS} ${ip} saddr != @bridged${version} fib saddr type != local masquerade comment "its answer would not come back this way"`,
        ),
        ...FAMILIES.map(
          ({ ip, version }) =>
            `${ip} saddr @nat${version} ${ip} daddr != @pools${version} ${ip} daddr != @clusters${version} masquerade comment "natOutgoing of their pool"`,
        ),
      ],
    },
    host_ports: {
      rules: [
        'dnat ip to ip daddr . meta l4proto . th dport map @host_port4',
        'dnat ip6 to ip6 daddr . meta l4proto . th dport map @host_port6',
        'meta nfproto ipv4 dnat ip to meta l4proto . th dport map @any_host_port4',
        'meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @any_host_port6',
        'ip saddr 127.0.0.0/8 return comment "what has this source cannot go to another host"',
        ...FAMILIES.map(({ version }) => `meta nfproto ipv${version} meta l4proto . th dport vmap @service_port${version}`),
      ],
    },
    services: {
      rules: [
        ...FAMILIES.map(({ ip, version }) => `${ip} daddr . meta l4proto . th dport vmap @service${version}`),
        ...FAMILIES.map(({ ip, version }) => `${ip} daddr @service_range${version} goto no_backend`),
      ],
    },
    // A packet to nobody is to be told of at once; who connects would wait for its timeout otherwise.
    no_backend: { rules: ['meta l4proto tcp reject with tcp reset', 'reject with icmpx type port-unreachable'] },
  };
}

/** In the hook output a packet whose destination was changed still has the interface that it would have left by. */
function postrouting(healthChecks: 'Always' | 'Policy', { dnsClients }: TableUse): FixedChain {
  return {
    hook: 'filter hook postrouting priority filter',
    rules: [
      ...(dnsClients ? FAMILIES : []).map(
        ({ ip, version }) => `udp sport 53 ct state established ct direction reply ${ip} daddr vmap @dns_client${version} ${ANSWERED}`,
      ),
      ...(healthChecks === 'Always'
        ? []
        : [
            'ct state established,related accept comment "answers of this host"',
            ...OURS.map((name) => `ct status dnat oifname ${name} fib saddr type local jump to`),
            ...bridged('daddr', 'to_bridged').map((rule) => `ct status dnat fib saddr type local ${rule}`),
          ]),
    ],
  };
}

const UNSOUND = [
  `ct state invalid goto ${DENIALS.state}`,
  `ct state new tcp flags & (fin | syn | rst | ack) != syn goto ${DENIALS.state} comment "a flow that was cut does not come back in mid-stream"`,
];
