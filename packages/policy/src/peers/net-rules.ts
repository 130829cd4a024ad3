import { addressFromNumber } from '@weir/resources';
import { contentHash } from '../statements/content-hash.ts';
import { type AddressField, type Rule, ruleText } from '../statements/rule.ts';
import { addressType, type ChainStatement, type ElementStatement, type KeyField, type MapStatement } from '../statements/statement.ts';
import type { Verdict } from '../statements/verdict.ts';
import { asVerdict, type ByManyPeers } from './many-peers.ts';
import type { PartSet } from './net-list.ts';

/** What becomes of peers in one of the sets of a list. */
export interface NetVerdict {
  /** Of the list. */
  readonly name: string;
  readonly sets: readonly PartSet[];
  readonly verdict: Verdict;
}

/** How a packet is looked up in lists of nets. */
export interface NetRules {
  readonly rules: readonly Rule[];
  /** That they lead to, or need to be there. */
  readonly structures: readonly (ChainStatement | MapStatement)[];
  readonly elements: readonly ElementStatement[];
}

/**
 * The rules for lists that have no address in common. A list of one set is a rule. One of several is a map that leads to the chain of the
 * part that the address is in, which looks it up in the part's set. That chain has to know how it goes on behind the list, too: to return
 * is to allow.
 *
 * @param many what comes behind the lists
 */
export function netRules(lists: readonly NetVerdict[], field: AddressField, many: ByManyPeers): NetRules {
  let behind = many;
  const structures: (ChainStatement | MapStatement)[] = [];
  const elements: ElementStatement[] = [];
  for (const list of lists.toReversed()) {
    const [only, ...more] = list.sets;
    if (only !== undefined && more.length === 0) {
      behind = { ...behind, rules: [memberRule(only, field, list.verdict), ...behind.rules] };
      continue;
    }
    const rest = asVerdict(behind);
    const map = partMap(list, field);
    structures.push(map, ...rest.chains);
    for (const part of list.sets) {
      const chain = partChain([memberRule(part, field, list.verdict), { expressions: [{ kind: 'verdict', verdict: rest.verdict }] }]);
      structures.push(chain);
      elements.push(partElement(map, part, field, chain));
    }
    const rule: Rule = { expressions: [{ kind: 'vmap', field, map: map.name }], comment: 'peers by net, in parts' };
    behind = { ...behind, rules: [rule, ...behind.rules] };
  }
  return { rules: behind.rules.slice(0, behind.rules.length - many.rules.length), structures, elements };
}

function memberRule({ statement }: PartSet, field: AddressField, verdict: Verdict): Rule {
  return {
    expressions: [
      { kind: 'member', field, set: statement.name },
      { kind: 'verdict', verdict },
    ],
    comment: 'peers by net',
  };
}

function partMap({ name }: NetVerdict, field: AddressField): MapStatement {
  return { kind: 'map', name: `${name}_parts`, type: `${addressType(familyOf(field))} : verdict`, interval: true };
}

function partChain(rules: Rule[]): ChainStatement {
  return { kind: 'chain', name: `n_${contentHash(rules.map(ruleText).join('\n'))}`, rules };
}

function partElement({ name }: MapStatement, { range }: PartSet, field: AddressField, chain: ChainStatement): ElementStatement {
  const family = familyOf(field);
  const key = (number: bigint): KeyField[] => [{ type: addressType(family), value: addressFromNumber(number, family) }];
  return { kind: 'element', set: name, key: key(range.first), to: key(range.last), verdict: { kind: 'goto', chain: chain.name } };
}

const familyOf = (field: AddressField) => (field.startsWith('ip6') ? 'IPv6' : 'IPv4');
