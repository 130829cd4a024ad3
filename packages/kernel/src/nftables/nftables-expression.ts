/** The kernel's expressions, one by one (linux/netfilter/nf_tables.h): they load registers, compare them and give a verdict. */
import type { MessageWriter } from '../netlink/message.ts';
import { type Element, type Verdict, writeData, writeVerdict } from './nftables-element.ts';
import { encodeField, fieldLength, type KeyField, type NumberType } from './nftables-field.ts';
import type { Range, RuleExpression } from './nftables-rule.ts';
import type { SetShape } from './nftables-set.ts';
import type { FieldShape } from './packet-field.ts';

/** A set of one rule: made in the same batch, gone with the rule. */
export interface AnonymousSet extends SetShape {
  elements: readonly Element[];
}

/** One expression of the kernel. `idOf` gives the number that the batch has for an anonymous set. */
export interface Expression {
  name: string;
  write(writer: MessageWriter, idOf: (set: AnonymousSet) => number): void;
}

const NFTA_META_DREG = 1;
const NFTA_META_KEY = 2;
const NFTA_PAYLOAD_DREG = 1;
const NFTA_PAYLOAD_BASE = 2;
const NFTA_PAYLOAD_OFFSET = 3;
const NFTA_PAYLOAD_LEN = 4;
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
export const VERDICT_REGISTER = 0;
/** NFT_REG32_00 to NFT_REG32_15: the registers that packets' fields are loaded in, of 4 bytes each. */
export const FIRST_REGISTER = 8;
/** NFT_REG32_12: the last four, clear of any key. */
export const HASHED_REGISTER = 20;
export const NFPROTO = { ip: 2, ip6: 10 } as const;

export function byLot(slots: number, register: number): Expression {
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

export function byHash(slots: number, type: KeyField['type'], register: number): Expression {
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

export function changeDestination(network: 'ip' | 'ip6', registers: { address: number; port: number }): Expression {
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

export function load({ type, from }: FieldShape<KeyField['type']>, register: number): Expression {
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

export function compare(type: NumberType, [first, last]: Range, not: boolean): Expression {
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

/** Goes on where the loaded field has that value. */
export function isField(field: KeyField): Expression {
  return {
    name: 'cmp',
    write(writer) {
      writer.be32(NFTA_CMP_SREG, FIRST_REGISTER);
      writer.be32(NFTA_CMP_OP, EQUAL);
      writeData(writer, NFTA_CMP_DATA, encodeField(field));
    },
  };
}

/** What an anonymous set is called until the kernel has named it. */
export const anonymousName = ({ data }: SetShape): string => (data === undefined ? '__set%d' : '__map%d');

/** @param options.to the register that takes what a map gives */
export function lookup(set: string | AnonymousSet, { not = false, to }: { not?: boolean; to?: number }): Expression {
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

export function log({ prefix, group }: Extract<RuleExpression, { kind: 'log' }>): Expression {
  return {
    name: 'log',
    write(writer) {
      writer.be16(NFTA_LOG_GROUP, group);
      writer.string(NFTA_LOG_PREFIX, prefix);
    },
  };
}

export function limit({ perSecond, burst }: Extract<RuleExpression, { kind: 'limit' }>): Expression {
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

export function immediate(verdict: Verdict): Expression {
  return {
    name: 'immediate',
    write(writer) {
      writer.be32(NFTA_IMMEDIATE_DREG, VERDICT_REGISTER);
      writeVerdict(writer, NFTA_IMMEDIATE_DATA, verdict);
    },
  };
}

export function queue(number: number): Expression {
  return {
    name: 'queue',
    write(writer) {
      writer.be16(NFTA_QUEUE_NUM, number);
      writer.be16(NFTA_QUEUE_TOTAL, 1);
      writer.be16(NFTA_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
    },
  };
}

export function queueTarget(number: number): Expression {
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
