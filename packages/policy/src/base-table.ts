import { contentHash } from './content-hash.ts';

export interface BaseTable {
  /** Hash of the script: a table that has it needs no other. */
  version: string;
  /** nft text. Creates the table, or replaces its base chains in one transaction; what the sets and maps hold stays. */
  script: string;
}

/** Interfaces that are ours, by the prefix that Weir gives them or one by one. */
const OURS = ['"weir*"', '@adopted'];

/** Neighbour discovery that a container has to be able to do before it has a neighbour; no router forwards it, so its hop limit is whole (RFC 4861 §6.1, §7.1). */
const NEIGHBOUR_DISCOVERY = 'ip6 hoplimit 255 icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert }';

const SETS = [
  'set adopted { type ifname; comment "interfaces of others that policy is over"; }',
  'set source4 { type ifname . ipv4_addr; comment "who may send from which address"; }',
  'set source6 { type ifname . ipv6_addr; comment "who may send from which address"; }',
  'map from_endpoint { type ifname : verdict; comment "egress policy by interface"; }',
  'map to_endpoint { type ifname : verdict; comment "ingress policy by interface"; }',
];

/** The name of the chain whose one rule holds, as its comment, the version. Nothing leads there. */
export const VERSION_CHAIN = 'version';

interface BaseChain {
  /** Of base chains, the hook. */
  hook?: string;
  rules: string[];
}

/**
 * The part of the table that policy does not change: who may send at all, what is let through unasked, and the way from an interface
 * to its endpoint's entry. Whatever it does not know on an interface of ours, it drops.
 *
 * @param options.agentPorts TCP ports of this host that containers always reach: an executor without its Mesos agent fails its task
 * @param options.healthChecks whether this host reaches its own containers beside all policy
 */
export function baseTable(options: { agentPorts: number[]; healthChecks: 'Always' | 'Policy' }): BaseTable {
  const chains = baseChains(options);
  const text = Object.entries(chains).map(([name, { hook, rules }]) => {
    const type = hook === undefined ? [] : [`type filter hook ${hook}; policy accept;`];
    return `  chain ${name} {\n${[...type, ...rules].map((line) => `    ${line}\n`).join('')}  }`;
  });
  const body = ['table inet weir {', ...SETS.map((line) => `  ${line}`), ...text].join('\n');
  const version = contentHash(body);
  const names = [...Object.keys(chains), VERSION_CHAIN];
  const marker = `  chain ${VERSION_CHAIN} {\n    return comment "${version}"\n  }\n}`;
  const script = [
    'add table inet weir',
    ...names.flatMap((name) => [
      `add chain inet weir ${name}${chains[name]?.hook === undefined ? '' : ` { type filter hook ${chains[name].hook}; policy accept; }`}`,
      `flush chain inet weir ${name}`,
    ]),
    body,
    marker,
  ];
  return { version, script: `${script.join('\n')}\n` };
}

function baseChains({ agentPorts, healthChecks }: { agentPorts: number[]; healthChecks: 'Always' | 'Policy' }): Record<string, BaseChain> {
  const ports = [...new Set(agentPorts)].sort((left, right) => left - right);
  return {
    prerouting: { hook: 'prerouting priority raw', rules: OURS.map((name) => `iifname ${name} jump source`) },
    forward: {
      hook: 'forward priority filter',
      rules: [
        'ct state established,related accept comment "policy decides on the first packet"',
        ...OURS.map((name) => `iifname ${name} jump from`),
        ...OURS.map((name) => `oifname ${name} jump to`),
      ],
    },
    input: {
      hook: 'input priority filter',
      rules: [
        'ct state established,related accept comment "answers to this host"',
        ...OURS.map((name) => `iifname ${name} jump from_to_host`),
      ],
    },
    output: {
      hook: 'output priority filter',
      rules:
        healthChecks === 'Always'
          ? []
          : [
              'ct state established,related accept comment "answers of this host"',
              `${NEIGHBOUR_DISCOVERY} accept comment "how the host finds its containers"`,
              ...OURS.map((name) => `oifname ${name} jump to`),
            ],
    },
    source: {
      rules: [
        'iifname . ip saddr @source4 return',
        'iifname . ip6 saddr @source6 return',
        `ip6 saddr { ::, fe80::/10 } ${NEIGHBOUR_DISCOVERY} return comment "a container looks for its gateway"`,
        'drop comment "not an address of this interface, or an interface not yet known"',
      ],
    },
    from_to_host: {
      rules: [
        `${NEIGHBOUR_DISCOVERY} accept comment "a container looks for its gateway"`,
        ...(ports.length === 0
          ? []
          : [`tcp dport { ${ports.join(', ')} } accept comment "an executor reaches its Mesos agent, whatever policy says"`]),
        'goto from',
      ],
    },
    from: { rules: [...UNSOUND, 'iifname vmap @from_endpoint', 'drop comment "no endpoint is known on this interface"'] },
    to: { rules: [...UNSOUND, 'oifname vmap @to_endpoint', 'drop comment "no endpoint is known on this interface"'] },
  };
}

const UNSOUND = [
  'ct state invalid drop',
  'ct state new tcp flags & (fin | syn | rst | ack) != syn drop comment "a flow that was cut does not come back in mid-stream"',
];
