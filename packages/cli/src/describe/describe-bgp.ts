/** What speaks BGP with whom, as people read it. Passwords are never shown. */
import type { BgpConfig, BgpFilter, BgpFilterRule, BgpPeer, HostBgp, PasswordSource } from '@weir/resources';
import type { Field } from './field.ts';

export function bgpFields(object: BgpConfig | BgpPeer | BgpFilter): Field[] {
  switch (object.kind) {
    case 'BgpConfig':
      return configFields(object);
    case 'BgpPeer':
      return peerFields(object);
    case 'BgpFilter':
      return [
        ['Import', ruleLines(object.spec.import, 'is taken in')],
        ['Export', ruleLines(object.spec.export, 'goes as the pools say')],
      ];
  }
}

function configFields({ spec }: BgpConfig): Field[] {
  return [
    ['AS number', String(spec.asNumber)],
    ['Mesh', spec.nodeMesh ? 'each host with each other one, for pools with routes: Bgp' : 'none'],
    ['Port', `tcp/${spec.port}`],
    ['Hold time', `${spec.holdSeconds} s`],
    ['Graceful restart', `${spec.gracefulRestartSeconds} s`],
    ['Mesh password', passwordText(spec.meshPassword)],
    ['Communities', spec.communities.map(({ name, value }) => `${name} ${value}`)],
    ['Marks', spec.prefixAdvertisements.map(({ cidr, communities }) => `${cidr} ${communities.join(' ')}`)],
    ['Services', spec.serviceAddresses],
  ];
}

function peerFields({ spec }: BgpPeer): Field[] {
  const { host, hostSelector, address, asNumber, peerSelector } = spec;
  return [
    ['Hosts', host ?? (hostSelector === undefined ? 'all' : `those with ${hostSelector}`)],
    [
      'Peer',
      address === undefined ? `hosts with ${peerSelector}, and from their side too` : `${address} port ${spec.port}, AS ${asNumber}`,
    ],
    ...(spec.extendedNextHop ? [['Carries', 'IPv4 routes too, with IPv6 next hops'] satisfies Field] : []),
    ['Source address', spec.sourceAddress ?? 'by route'],
    ['Password', passwordText(spec.password)],
    ['Hold time', spec.holdSeconds === undefined ? 'as BgpConfig says' : `${spec.holdSeconds} s`],
    ['BFD', spec.bfd === undefined ? 'off' : `each ${spec.bfd.intervalMilliseconds} ms, ${spec.bfd.multiplier} missed ones are the end`],
    ['TTL security', spec.ttlSecurity === undefined ? 'off' : `${spec.ttlSecurity} ${spec.ttlSecurity === 1 ? 'hop' : 'hops'} at most`],
    ['Filters', spec.filters],
  ];
}

function passwordText(source: PasswordSource | undefined): string {
  if (source === undefined) return 'none';
  return source.file === undefined ? 'set, in the object' : `in ${source.file} of each host`;
}

function ruleLines(rules: readonly BgpFilterRule[], otherwise: string): string[] {
  return [...rules.map((rule, index) => `${index + 1}. ${ruleText(rule)}`), `what no rule decides ${otherwise}`];
}

const OPERATORS = { In: 'within', NotIn: 'not within', Equal: 'equal to', NotEqual: 'not equal to' } as const;
const SOURCES = { Weir: 'of Weir', Peers: 'of BGP peers', Host: 'of the host' } as const;

function ruleText({ action, ipVersion, cidr, operator = 'In', prefixLength, interface: link, source }: BgpFilterRule): string {
  return [
    action,
    ...(cidr === undefined ? [`any ${ipVersion === undefined ? '' : `IPv${ipVersion} `}route`] : [`${OPERATORS[operator]} ${cidr}`]),
    ...(prefixLength === undefined ? [] : [`/${prefixLength.minimum ?? 0} to /${prefixLength.maximum ?? 'any'}`]),
    ...(link === undefined ? [] : [`by ${link}`]),
    ...(source === undefined ? [] : [SOURCES[source]]),
  ].join(' ');
}

export function hostBgpText({ asNumber, clusterId }: HostBgp): string {
  const parts = [
    ...(asNumber === undefined ? [] : [`AS ${asNumber}`]),
    ...(clusterId === undefined ? [] : [`route reflector of cluster ${clusterId}`]),
  ];
  return parts.join(', ') || 'as BgpConfig says';
}
