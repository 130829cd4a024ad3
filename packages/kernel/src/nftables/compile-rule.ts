/** From a rule to the kernel's expressions. Pure. */
import type { Element, Verdict } from './nftables-element.ts';
import {
  type AnonymousSet,
  byHash,
  byLot,
  changeDestination,
  compare,
  type Expression,
  FIRST_REGISTER,
  HASHED_REGISTER,
  immediate,
  isField,
  limit,
  load,
  log,
  lookup,
  NFPROTO,
  queue,
  queueTarget,
  VERDICT_REGISTER,
} from './nftables-expression.ts';
import { fieldLength, type KeyField, type NumberType, padded, type TextType } from './nftables-field.ts';
import type { Balance, Range, Rule, RuleExpression } from './nftables-rule.ts';
import {
  ADDRESS_FIELDS,
  DESTINATION_PORT,
  type FieldShape,
  NFT_META_L4PROTO,
  NFT_META_NFPROTO,
  NFT_META_PROTOCOL,
  NUMBER_FIELDS,
} from './packet-field.ts';

export type Family = 'inet' | 'bridge' | 'ip' | 'ip6';

export interface CompiledRule {
  sets: readonly AnonymousSet[];
  expressions: readonly Expression[];
}

const REGISTER_BYTES = 4;
const ETHER_TYPE = { ip: 0x0800, ip6: 0x86dd } as const;

/** What a rule is in tables of a family. Throws TypeError for values that their fields cannot have. */
export function compileRule(rule: Rule, family: Family): CompiledRule {
  const sets: AnonymousSet[] = [];
  const expressions = withoutRepetition(rule.expressions.flatMap((expression) => compile(expression, family, sets)));
  return { sets, expressions };
}

/** A test that came before holds for the rest of the rule. */
function withoutRepetition(parts: readonly (Expression | Dependency)[]): Expression[] {
  const held = new Set<string>();
  return parts.flatMap((part) => {
    if (!('test' in part)) return [part];
    if (held.has(part.test)) return [];
    held.add(part.test);
    return part.expressions;
  });
}

/** Expressions that make sure that a packet has a header. */
interface Dependency {
  test: string;
  expressions: readonly Expression[];
}

function compile(expression: RuleExpression, family: Family, sets: AnonymousSet[]): (Expression | Dependency)[] {
  switch (expression.kind) {
    case 'match':
      return compileMatch(expression, family, sets);
    case 'member': {
      const shape = ADDRESS_FIELDS[expression.field];
      return [...dependencies(shape, family), load(shape, FIRST_REGISTER), lookup(expression.set, {})];
    }
    case 'among':
      return compileAmong(expression, family, sets);
    case 'vmap': {
      const shape = ADDRESS_FIELDS[expression.field];
      const map = typeof expression.map === 'string' ? expression.map : verdictMap(shape.type, expression.map);
      if (typeof map !== 'string') sets.push(map);
      return [...dependencies(shape, family), load(shape, FIRST_REGISTER), lookup(map, { to: VERDICT_REGISTER })];
    }
    case 'log':
      return [log(expression)];
    case 'limit':
      return [limit(expression)];
    case 'queue':
      return [expression.asTarget === true ? queueTarget(expression.number) : queue(expression.number)];
    case 'balance':
      return compileBalance(expression, family);
    case 'verdict':
      return [immediate(expression.verdict)];
  }
}

/** To compare costs the kernel a tenth of a look-up, so one address is not made a set. */
function compileAmong(
  { field, addresses }: Extract<RuleExpression, { kind: 'among' }>,
  family: Family,
  sets: AnonymousSet[],
): (Expression | Dependency)[] {
  const shape = ADDRESS_FIELDS[field];
  const loads = [...dependencies(shape, family), load(shape, FIRST_REGISTER)];
  const elements = addresses.map((value): Element => ({ key: [{ type: shape.type, value }] }));
  if (elements.length === 1) return [...loads, isField(elements[0]!.key[0]!)];
  const set: AnonymousSet = { key: [shape.type], interval: false, elements };
  sets.push(set);
  return [...loads, lookup(set, {})];
}

function compileBalance({ network, service, by, slots, map }: Balance, family: Family): (Expression | Dependency)[] {
  const source = ADDRESS_FIELDS[`${network} saddr`];
  const destination = ADDRESS_FIELDS[`${network} daddr`];
  const key = [...(service === 'address' ? [destination] : []), NUMBER_FIELDS['meta l4proto'], DESTINATION_PORT];
  const slotRegister = FIRST_REGISTER + key.reduce((count, { type }) => count + registersOf(type), 0);
  const draw = by === 'lot' ? [byLot(slots, slotRegister)] : [load(source, HASHED_REGISTER), byHash(slots, source.type, slotRegister)];
  return [
    ...dependencies(source, family),
    ...loadAll(key),
    ...draw,
    lookup(map, { to: FIRST_REGISTER }),
    changeDestination(network, { address: FIRST_REGISTER, port: FIRST_REGISTER + registersOf(destination.type) }),
  ];
}

const registersOf = (type: KeyField['type']): number => padded(fieldLength(type)) / REGISTER_BYTES;

function verdictMap(type: TextType, members: readonly { address: string; verdict: Verdict }[]): AnonymousSet {
  const elements = members.map(({ address, verdict }) => ({ key: [{ type, value: address }], verdict }));
  return { key: [type], data: 'verdict', interval: false, elements };
}

function compileMatch(
  { fields, not = false, members }: Extract<RuleExpression, { kind: 'match' }>,
  family: Family,
  sets: AnonymousSet[],
): (Expression | Dependency)[] {
  const shapes = fields.map((field) => NUMBER_FIELDS[field]);
  const loads = [...shapes.flatMap((shape) => dependencies(shape, family)), ...loadAll(shapes)];
  const [only] = members;
  const [shape] = shapes;
  if (members.length === 1 && shapes.length === 1) return [...loads, compare(shape!.type, only![0]!, not)];
  const set = numberSet(
    shapes.map(({ type }) => type),
    members,
  );
  sets.push(set);
  return [...loads, lookup(set, { not })];
}

function numberSet(types: readonly NumberType[], members: readonly (readonly Range[])[]): AnonymousSet {
  const interval = members.some((ranges) => ranges.some(([first, last]) => first !== last));
  const edge = (ranges: readonly Range[], end: 0 | 1): KeyField[] =>
    ranges.map((range, at): KeyField => ({ type: types[at]!, value: range[end] }));
  const elements = members.map((ranges): Element => ({ key: edge(ranges, 0), ...(interval && { to: edge(ranges, 1) }) }));
  return { key: types, interval, elements };
}

/** As nft makes them. Only tables of one network protocol need not ask for it. */
function dependencies({ of: { network, transport } }: FieldShape<unknown>, family: Family): Dependency[] {
  const byNetwork =
    network === undefined || family === network
      ? []
      : [
          family === 'bridge'
            ? isEqual(NFT_META_PROTOCOL, 'ether_type', ETHER_TYPE[network])
            : isEqual(NFT_META_NFPROTO, 'inet_proto', NFPROTO[network]),
        ];
  return [...byNetwork, ...(transport === undefined ? [] : [isEqual(NFT_META_L4PROTO, 'inet_proto', transport)])];
}

function isEqual(meta: number, type: NumberType, value: number): Dependency {
  return {
    test: `${meta} ${value}`,
    expressions: [load({ type, from: { meta }, of: {} }, FIRST_REGISTER), compare(type, [value, value], false)],
  };
}

function loadAll(shapes: readonly FieldShape<KeyField['type']>[]): Expression[] {
  let register = FIRST_REGISTER;
  return shapes.map((shape) => {
    const expression = load(shape, register);
    register += registersOf(shape.type);
    return expression;
  });
}
