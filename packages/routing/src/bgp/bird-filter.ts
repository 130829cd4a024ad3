/** BgpFilters in BIRD's language for filters. Pure. */
import { ADDRESS_BITS, type BgpFilter, type BgpFilterRule, cidrRange, type Family, familyOf } from '@weir/resources';
import { birdSymbol } from './bird-symbol.ts';

export type Way = 'import' | 'export';

/** Name of the function that a filter becomes for one family and way. */
export const filterFunction = (name: string, way: Way, family: Family): string => `'${birdSymbol(`${way}${version(family)}.${name}`)}'`;

const version = (family: Family): 4 | 6 => (family === 'IPv4' ? 4 : 6);

/** Decides by accept or reject; returns where no rule does. */
export function filterText({ metadata: { name }, spec }: BgpFilter, way: Way, family: Family): string {
  const lines = spec[way].flatMap((rule) => {
    const conditions = conditionsOf(rule, family);
    if (conditions === undefined) return [];
    return `  ${conditions.length === 0 ? '' : `if ${conditions.join(' && ')} then `}${rule.action === 'Accept' ? 'accept' : 'reject'};`;
  });
  return [`function ${filterFunction(name, way, family)}() {`, ...lines, '}'].join('\n');
}

/** Undefined: the rule is for the other family. */
function conditionsOf(rule: BgpFilterRule, family: Family): string[] | undefined {
  if (rule.ipVersion !== undefined && rule.ipVersion !== version(family)) return undefined;
  if (rule.cidr !== undefined && familyOf(rule.cidr) !== family) return undefined;
  return [
    ...destination(rule, family),
    ...(rule.interface === undefined ? [] : [`ifname ~ "${rule.interface}"`]),
    ...(rule.source === undefined ? [] : [SOURCES[rule.source]]),
  ];
}

const SOURCES = {
  Weir: 'source = RTS_STATIC',
  Peers: 'source = RTS_BGP',
  Host: '(source = RTS_DEVICE || source = RTS_INHERIT)',
} as const;

function destination({ cidr, operator = 'In', prefixLength: length }: BgpFilterRule, family: Family): string[] {
  const { minimum = 0, maximum = ADDRESS_BITS[family] } = length ?? {};
  if (cidr !== undefined && operator === 'In') {
    const shortest = Math.max(cidrRange(cidr).prefixLength, minimum);
    return [`net ~ [ ${cidr}${length === undefined ? '+' : `{${shortest},${maximum}}`} ]`];
  }
  const lengths = [
    ...(length?.minimum === undefined ? [] : [`net.len >= ${minimum}`]),
    ...(length?.maximum === undefined ? [] : [`net.len <= ${maximum}`]),
  ];
  if (cidr === undefined) return lengths;
  return [{ NotIn: `!(net ~ [ ${cidr}+ ])`, Equal: `net = ${cidr}`, NotEqual: `net != ${cidr}` }[operator as 'NotIn'], ...lengths];
}
