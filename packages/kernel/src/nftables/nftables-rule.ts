/**
 * Rules as data, and what they are to the kernel: a list of expressions that load registers, compare them and give a verdict
 * (linux/netfilter/nf_tables.h). A part of what nft can say. Pure.
 */
import type { MessageWriter } from '../netlink/message.ts';
import { type Element, type Verdict, writeData, writeVerdict } from './nftables-element.ts';
import { encodeField, fieldLength, type KeyField, type NumberType, padded, type TextType } from './nftables-field.ts';
import type { SetShape } from './nftables-set.ts';

/** What of a packet is looked at, in nft's words. A field of a header is met only by packets that have that header. */
export type NumberField =
  | 'meta protocol'
  | 'meta l4proto'
  | `${'tcp' | 'udp' | 'udplite' | 'sctp'} ${'sport' | 'dport'}`
  | `${'icmp' | 'icmpv6'} ${'type' | 'code'}`;
export type AddressField = `${'ip' | 'ip6'} ${'saddr' | 'daddr'}`;

export interface Rule {
  /** Carried out in their order, as far as the packet matches. */
  expressions: readonly RuleExpression[];
  comment?: string;
}

/** First and last, both included. */
type Range = readonly [first: number, last: number];

export type RuleExpression =
  /** Goes on with packets whose fields, taken together, are in one of the members (`not`: in none), which have a range for each field. */
  | { kind: 'match'; fields: readonly NumberField[]; not?: boolean; members: readonly (readonly Range[])[] }
  /** Goes on with packets whose address is in a named set. */
  | { kind: 'member'; field: AddressField; set: string }
  /** Does what a verdict map, named or written out, gives for an address; goes on where it has nothing. */
  | { kind: 'vmap'; field: AddressField; map: string | readonly { address: string; verdict: Verdict }[] }
  /** Goes on with as many packets a second, and with so many more that were saved up meanwhile. */
  | { kind: 'limit'; perSecond: number; burst: number }
  /** Shows the packet to who listens to that group of NFLOG: see `PacketLog`. */
  | { kind: 'log'; prefix: string; group: number }
  /** Hands the packet to whoever listens to the queue, and lets it go on when nobody does. `asTarget`: by iptables' target, for kernels without nft's own. */
  | { kind: 'queue'; number: number; asTarget?: boolean }
  | Balance
  | { kind: 'verdict'; verdict: Verdict };

/**
 * Leads a new flow to one of several targets: a map gives address and port for the flow's service and a number below `slots`, which is
 * drawn by lot or, for one source address, always the same. Goes on where the map has nothing.
 */
export interface Balance {
  kind: 'balance';
  network: 'ip' | 'ip6';
  /** What of the packet the map's key begins with, before the number. */
  service: 'address' | 'port';
  by: 'lot' | 'source';
  slots: number;
  map: string;
}

/** A set of one rule: made in the same batch, gone with the rule. */
export interface AnonymousSet extends SetShape {
  elements: readonly Element[];
}

/** One expression of the kernel. `idOf` gives the number that the batch has for an anonymous set. */
export interface Expression {
  name: string;
  write(writer: MessageWriter, idOf: (set: AnonymousSet) => number): void;
}

export interface CompiledRule {
  sets: readonly AnonymousSet[];
  expressions: readonly Expression[];
}

export type Family = 'inet' | 'bridge' | 'ip' | 'ip6';

const NFTA_META_DREG = 1;
const NFTA_META_KEY = 2;
const NFT_META_PROTOCOL = 1;
const NFT_META_NFPROTO = 15;
const NFT_META_L4PROTO = 16;
const NFTA_PAYLOAD_DREG = 1;
const NFTA_PAYLOAD_BASE = 2;
const NFTA_PAYLOAD_OFFSET = 3;
const NFTA_PAYLOAD_LEN = 4;
const NETWORK_HEADER = 1;
const TRANSPORT_HEADER = 2;
const NFTA_CMP_SREG = 1;
const NFTA_CMP_OP = 2;
const NFTA_CMP_DATA = 3;
const NFTA_RANGE_SREG = 1;
const NFTA_RANGE_OP = 2;
const NFTA_RANGE_FROM_DATA = 3;
const NFTA_RANGE_TO_DATA = 4;
const EQUAL = 0;
const NOT_EQUAL = 1;
const NFTA_LOOKUP_SET = 1;
const NFTA_LOOKUP_SREG = 2;
const NFTA_LOOKUP_DREG = 3;
const NFTA_LOOKUP_SET_ID = 4;
const NFTA_LOOKUP_FLAGS = 5;
const NFT_LOOKUP_F_INV = 1;
const NFTA_IMMEDIATE_DREG = 1;
const NFTA_IMMEDIATE_DATA = 2;
const NFTA_LOG_GROUP = 1;
const NFTA_LOG_PREFIX = 2;
const NFTA_LIMIT_RATE = 1;
const NFTA_LIMIT_UNIT = 2;
const NFTA_LIMIT_BURST = 3;
const NFTA_LIMIT_TYPE = 4;
const NFTA_LIMIT_FLAGS = 5;
const NFT_LIMIT_PKTS = 0;
const ONE_SECOND = 1n;
const NFTA_QUEUE_NUM = 1;
const NFTA_QUEUE_TOTAL = 2;
const NFTA_QUEUE_FLAGS = 3;
const NFTA_NG_DREG = 1;
const NFTA_NG_MODULUS = 2;
const NFTA_NG_TYPE = 3;
const NFTA_NG_OFFSET = 4;
const NFT_NG_RANDOM = 1;
const NFTA_HASH_SREG = 1;
const NFTA_HASH_DREG = 2;
const NFTA_HASH_LEN = 3;
const NFTA_HASH_MODULUS = 4;
const NFTA_HASH_SEED = 5;
const NFTA_HASH_OFFSET = 6;
const NFTA_HASH_TYPE = 7;
const NFT_HASH_JENKINS = 0;
/** The same on all hosts and after each restart, so that a source comes to the same target. Without one the kernel draws it by lot. */
const HASH_SEED = 1;
const NFTA_NAT_TYPE = 1;
const NFTA_NAT_FAMILY = 2;
const NFTA_NAT_REG_ADDR_MIN = 3;
const NFTA_NAT_REG_ADDR_MAX = 4;
const NFTA_NAT_REG_PROTO_MIN = 5;
const NFTA_NAT_REG_PROTO_MAX = 6;
const NFTA_NAT_FLAGS = 7;
const NFT_NAT_DNAT = 1;
/** NF_NAT_RANGE_MAP_IPS and NF_NAT_RANGE_PROTO_SPECIFIED of linux/netfilter/nf_nat.h. */
const ADDRESS_AND_PORT = 3;
const NFTA_TARGET_NAME = 1;
const NFTA_TARGET_REV = 2;
const NFTA_TARGET_INFO = 3;
const NFT_QUEUE_FLAG_BYPASS = 1;
const VERDICT_REGISTER = 0;
/** NFT_REG32_00 to NFT_REG32_15: the registers that packets' fields are loaded in, of 4 bytes each. */
const FIRST_REGISTER = 8;
const REGISTER_BYTES = 4;
/** NFT_REG32_12: the last four, clear of any key. */
const HASHED_REGISTER = 20;

const ETHER_TYPE = { ip: 0x0800, ip6: 0x86dd } as const;
const NFPROTO = { ip: 2, ip6: 10 } as const;

type Source = { meta: number } | { base: number; offset: number };

interface FieldShape<Type> {
  type: Type;
  from: Source;
  /** What a packet must be to have the field. */
  of: { network?: 'ip' | 'ip6'; transport?: number };
}

const ADDRESS_FIELDS: Readonly<Record<AddressField, FieldShape<TextType>>> = {
  'ip saddr': { type: 'ipv4_addr', from: { base: NETWORK_HEADER, offset: 12 }, of: { network: 'ip' } },
  'ip daddr': { type: 'ipv4_addr', from: { base: NETWORK_HEADER, offset: 16 }, of: { network: 'ip' } },
  'ip6 saddr': { type: 'ipv6_addr', from: { base: NETWORK_HEADER, offset: 8 }, of: { network: 'ip6' } },
  'ip6 daddr': { type: 'ipv6_addr', from: { base: NETWORK_HEADER, offset: 24 }, of: { network: 'ip6' } },
};

const port = (transport: number, offset: number): FieldShape<NumberType> => ({
  type: 'inet_service',
  from: { base: TRANSPORT_HEADER, offset },
  of: { transport },
});
const icmp = (type: NumberType, network: 'ip' | 'ip6', offset: number): FieldShape<NumberType> => ({
  type,
  from: { base: TRANSPORT_HEADER, offset },
  of: { network, transport: network === 'ip' ? 1 : 58 },
});

const NUMBER_FIELDS: Readonly<Record<NumberField, FieldShape<NumberType>>> = {
  'meta protocol': { type: 'ether_type', from: { meta: NFT_META_PROTOCOL }, of: {} },
  'meta l4proto': { type: 'inet_proto', from: { meta: NFT_META_L4PROTO }, of: {} },
  'tcp sport': port(6, 0),
  'tcp dport': port(6, 2),
  'udp sport': port(17, 0),
  'udp dport': port(17, 2),
  'sctp sport': port(132, 0),
  'sctp dport': port(132, 2),
  'udplite sport': port(136, 0),
  'udplite dport': port(136, 2),
  'icmp type': icmp('icmp_type', 'ip', 0),
  'icmp code': icmp('icmp_code', 'ip', 1),
  'icmpv6 type': icmp('icmpv6_type', 'ip6', 0),
  'icmpv6 code': icmp('icmpv6_code', 'ip6', 1),
};

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

function compileBalance({ network, service, by, slots, map }: Balance, family: Family): (Expression | Dependency)[] {
  const source = ADDRESS_FIELDS[`${network} saddr`];
  const destination = ADDRESS_FIELDS[`${network} daddr`];
  const transportPort: FieldShape<NumberType> = { type: 'inet_service', from: { base: TRANSPORT_HEADER, offset: 2 }, of: {} };
  const key = [...(service === 'address' ? [destination] : []), NUMBER_FIELDS['meta l4proto'], transportPort];
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

function byLot(slots: number, register: number): Expression {
  return {
    name: 'numgen',
    write(writer) {
      writer.be32(NFTA_NG_DREG, register);
      writer.be32(NFTA_NG_MODULUS, slots);
      writer.be32(NFTA_NG_TYPE, NFT_NG_RANDOM);
      writer.be32(NFTA_NG_OFFSET, 0);
    },
  };
}

function byHash(slots: number, type: KeyField['type'], register: number): Expression {
  return {
    name: 'hash',
    write(writer) {
      writer.be32(NFTA_HASH_SREG, HASHED_REGISTER);
      writer.be32(NFTA_HASH_DREG, register);
      writer.be32(NFTA_HASH_LEN, fieldLength(type));
      writer.be32(NFTA_HASH_MODULUS, slots);
      writer.be32(NFTA_HASH_SEED, HASH_SEED);
      writer.be32(NFTA_HASH_OFFSET, 0);
      writer.be32(NFTA_HASH_TYPE, NFT_HASH_JENKINS);
    },
  };
}

function changeDestination(network: 'ip' | 'ip6', registers: { address: number; port: number }): Expression {
  return {
    name: 'nat',
    write(writer) {
      writer.be32(NFTA_NAT_TYPE, NFT_NAT_DNAT);
      writer.be32(NFTA_NAT_FAMILY, NFPROTO[network]);
      writer.be32(NFTA_NAT_REG_ADDR_MIN, registers.address);
      writer.be32(NFTA_NAT_REG_ADDR_MAX, registers.address);
      writer.be32(NFTA_NAT_REG_PROTO_MIN, registers.port);
      writer.be32(NFTA_NAT_REG_PROTO_MAX, registers.port);
      writer.be32(NFTA_NAT_FLAGS, ADDRESS_AND_PORT);
    },
  };
}

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

function load({ type, from }: FieldShape<KeyField['type']>, register: number): Expression {
  if ('meta' in from) {
    return {
      name: 'meta',
      write(writer) {
        writer.be32(NFTA_META_KEY, from.meta);
        writer.be32(NFTA_META_DREG, register);
      },
    };
  }
  return {
    name: 'payload',
    write(writer) {
      writer.be32(NFTA_PAYLOAD_DREG, register);
      writer.be32(NFTA_PAYLOAD_BASE, from.base);
      writer.be32(NFTA_PAYLOAD_OFFSET, from.offset);
      writer.be32(NFTA_PAYLOAD_LEN, fieldLength(type));
    },
  };
}

function compare(type: NumberType, [first, last]: Range, not: boolean): Expression {
  const operator = not ? NOT_EQUAL : EQUAL;
  const from = encodeField({ type, value: first });
  if (first === last) {
    return {
      name: 'cmp',
      write(writer) {
        writer.be32(NFTA_CMP_SREG, FIRST_REGISTER);
        writer.be32(NFTA_CMP_OP, operator);
        writeData(writer, NFTA_CMP_DATA, from);
      },
    };
  }
  const to = encodeField({ type, value: last });
  return {
    name: 'range',
    write(writer) {
      writer.be32(NFTA_RANGE_SREG, FIRST_REGISTER);
      writer.be32(NFTA_RANGE_OP, operator);
      writeData(writer, NFTA_RANGE_FROM_DATA, from);
      writeData(writer, NFTA_RANGE_TO_DATA, to);
    },
  };
}

/** What an anonymous set is called until the kernel has named it. */
export const anonymousName = ({ data }: SetShape): string => (data === undefined ? '__set%d' : '__map%d');

/** @param options.to the register that takes what a map gives */
function lookup(set: string | AnonymousSet, { not = false, to }: { not?: boolean; to?: number }): Expression {
  return {
    name: 'lookup',
    write(writer, idOf) {
      writer.string(NFTA_LOOKUP_SET, typeof set === 'string' ? set : anonymousName(set));
      writer.be32(NFTA_LOOKUP_SREG, FIRST_REGISTER);
      if (to !== undefined) writer.be32(NFTA_LOOKUP_DREG, to);
      if (typeof set !== 'string') writer.be32(NFTA_LOOKUP_SET_ID, idOf(set));
      if (not) writer.be32(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    },
  };
}

function log({ prefix, group }: Extract<RuleExpression, { kind: 'log' }>): Expression {
  return {
    name: 'log',
    write(writer) {
      writer.be16(NFTA_LOG_GROUP, group);
      writer.string(NFTA_LOG_PREFIX, prefix);
    },
  };
}

function limit({ perSecond, burst }: Extract<RuleExpression, { kind: 'limit' }>): Expression {
  return {
    name: 'limit',
    write(writer) {
      writer.be64(NFTA_LIMIT_RATE, BigInt(perSecond));
      writer.be64(NFTA_LIMIT_UNIT, ONE_SECOND);
      writer.be32(NFTA_LIMIT_BURST, burst);
      writer.be32(NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
      writer.be32(NFTA_LIMIT_FLAGS, 0);
    },
  };
}

function immediate(verdict: Verdict): Expression {
  return {
    name: 'immediate',
    write(writer) {
      writer.be32(NFTA_IMMEDIATE_DREG, VERDICT_REGISTER);
      writeVerdict(writer, NFTA_IMMEDIATE_DATA, verdict);
    },
  };
}

function queue(number: number): Expression {
  return {
    name: 'queue',
    write(writer) {
      writer.be16(NFTA_QUEUE_NUM, number);
      writer.be16(NFTA_QUEUE_TOTAL, 1);
      writer.be16(NFTA_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
    },
  };
}

function queueTarget(number: number): Expression {
  const info = Buffer.alloc(8); // struct xt_NFQ_info_v3: number u16, total u16, flags u16, padding
  info.writeUInt16LE(number, 0);
  info.writeUInt16LE(1, 2);
  info.writeUInt16LE(NFT_QUEUE_FLAG_BYPASS, 4);
  return {
    name: 'target',
    write(writer) {
      writer.string(NFTA_TARGET_NAME, 'NFQUEUE');
      writer.be32(NFTA_TARGET_REV, 3);
      writer.data(NFTA_TARGET_INFO, info);
    },
  };
}
