import { DEFAULT_FAILSAFE_PORTS, type FailsafePorts, type HostDns } from '@weir/resources';
import { DENIALS } from '../program/packet-log.ts';
import { type BaseTable, type FixedChain, fixedTable } from '../statements/fixed-table.ts';
import { FAMILIES } from './address-families.ts';
import { BASE_SETS } from './base-sets.ts';
import { TOO_OFTEN } from './discovery-rate.ts';
import { hostEndpointChains } from './host-endpoint-chains.ts';
import { LEARNING } from './learning-chains.ts';
import { natChains } from './nat-chains.ts';
import { BY_NAME, bridged, NOT_OURS, OURS } from './our-interfaces.ts';
import { atDns, OWN_DNS } from './own-dns-chains.ts';
import { ALLOWED, RECORDING_CHAINS } from './recording-chains.ts';
import { FULL_USE, type TableUse, tracks } from './table-use.ts';
import { ofNetwork, type TunnelPackets, tunnelJumps, tunnelsFrom } from './tunnel-chains.ts';
import { UNSOUND } from './unsound.ts';

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

/** The same flow twice would be twice the work, and twice the room in the table of connections. */
const TRACKED_INSIDE = 'comment "a tunnel: the packets in it are tracked"';

/** DNS messages of endpoints whose rules name domains: a verdict ends the chain, and policy's own chains come later, or came before. */
const ASKED = 'comment "what it asks is what it may be told"';
const ANSWERED = 'comment "an answer waits until what it says is in force"';

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
    sets: BASE_SETS,
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
    ...LEARNING,
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

const RESOLVES = 'comment "a container asks the DNS of its host, whatever policy says"';

const NOBODY = `goto ${DENIALS.unknown} comment "no endpoint is known here"`;

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
