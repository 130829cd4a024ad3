/** What of the language of policies packets have met: a generator that draws something seldom, or never where it decides, tests it not. */
import type { MetRule } from '@weir/policy/test-support';
import { type Peer, protocolNumber } from '@weir/resources';
import type { Asked } from './expected.ts';

/** Nets of a rule that come to several sets of the table, where a set has few. */
const LONG_LIST = 6;

/** Everything that has to have decided on packets. */
const FEATURES: readonly string[] = [
  ...['Allow', 'Deny', 'Pass', 'Log'].map((action) => `action ${action}`),
  ...['Policy', 'GlobalPolicy'],
  ...['default', 'kube-admin', 'kube-baseline', 'own'].map((tier) => `tier ${tier}`),
  'order',
  'namespaceSelector of a policy',
  'ipVersion',
  ...['TCP', 'UDP', 'SCTP', 'UDPLite', 'ICMP', 'ICMPv6', 'number'].map((name) => `protocol ${name}`),
  ...['name', 'number'].map((form) => `notProtocol by ${form}`),
  'icmp type',
  'icmp code',
  'notICMP',
  ...['source', 'destination'].flatMap((end) =>
    ['nets', 'notNets', 'selector', 'notSelector', 'namespaceSelector', 'ports', 'notPorts', 'ports by name', 'services'].map(
      (field) => `${end}.${field}`,
    ),
  ),
  'namespaceSelector: global()',
  'destination.domains',
  'source.nets in parts',
  'destination.nets in parts',
  ...(['container', 'host', 'forwarded', 'failsafe port', 'Mesos agent port', 'health checks', 'no endpoint'] as const).map(
    (terms) => `asked: ${terms}`,
  ),
  'no rule, allowed',
  'no rule, denied',
  'staged policies differ',
];

export class FeatureCount {
  readonly #counts = new Map<string, number>();

  /** Takes note of what made the verdict at the ends of one packet. */
  note(ends: readonly Asked[]): void {
    const met = new Set(
      ends.flatMap(({ terms, met: rules, verdict, stagedDiffers }) => [
        `asked: ${terms}`,
        ...(stagedDiffers ? ['staged policies differ'] : []),
        ...(rules.length === 0 && ['container', 'host', 'forwarded'].includes(terms)
          ? [`no rule, ${verdict === 'Allow' ? 'allowed' : 'denied'}`]
          : []),
        ...rules.flatMap(featuresOf),
      ]),
    );
    for (const feature of met) this.#counts.set(feature, (this.#counts.get(feature) ?? 0) + 1);
  }

  /** How many packets met what is rarest of a rule's features. */
  rarity(met: MetRule): number {
    return Math.min(...featuresOf(met).map((feature) => this.#counts.get(feature) ?? 0));
  }

  /** Those of {@link FEATURES} that no packet met. */
  get missing(): string[] {
    return FEATURES.filter((feature) => !this.#counts.has(feature));
  }

  /** How many packets met each, the rarest first. */
  get rarest(): [feature: string, packets: number][] {
    return [...this.#counts].filter(([feature]) => FEATURES.includes(feature)).sort(([, left], [, right]) => left - right);
  }
}

function featuresOf({ policy, rule }: MetRule): string[] {
  const { action, ipVersion, protocol, notProtocol, icmp, notICMP, source = {}, destination = {} } = rule;
  const { tier = 'default', order } = policy.spec;
  return [
    `action ${action}`,
    policy.kind,
    `tier ${['default', 'kube-admin', 'kube-baseline'].includes(tier) ? tier : 'own'}`,
    ...(order === undefined ? [] : ['order']),
    ...('namespaceSelector' in policy.spec ? ['namespaceSelector of a policy'] : []),
    ...(ipVersion === undefined ? [] : ['ipVersion']),
    ...(protocol === undefined ? [] : [`protocol ${typeof protocol === 'number' ? 'number' : protocol}`]),
    ...(notProtocol === undefined ? [] : [`notProtocol by ${protocolNumber(notProtocol) === notProtocol ? 'number' : 'name'}`]),
    ...(icmp === undefined ? [] : ['icmp type', ...(icmp.code === undefined ? [] : ['icmp code'])]),
    ...(notICMP === undefined ? [] : ['notICMP']),
    ...(
      [
        ['source', source],
        ['destination', destination],
      ] as const
    ).flatMap(([end, { nets = [] }]) => (nets.length >= LONG_LIST ? [`${end}.nets in parts`] : [])),
    ...endFeatures(source).map((field) => `source.${field}`),
    ...endFeatures(destination).map((field) => `destination.${field}`),
    ...([source, destination].some(({ namespaceSelector }) => namespaceSelector?.includes('global()'))
      ? ['namespaceSelector: global()']
      : []),
  ];
}

function endFeatures(peer: Peer): string[] {
  const names = [...(peer.ports ?? []), ...(peer.notPorts ?? [])].some((port) => port === 'http' || port === 'dns');
  return [...Object.keys(peer), ...(names ? ['ports by name'] : [])];
}
