/** Changes of one nftables table as the messages of one transaction (linux/netfilter/nf_tables.h, nfnetlink.h). Pure. */
import { KernelError } from '../error.ts';
import {
  type Acknowledgement,
  MessageWriter,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
} from '../netlink/message.ts';
import { compileRule } from './compile-rule.ts';
import { describeElement, type Element, type ElementChange, writeElement } from './nftables-element.ts';
import { type AnonymousSet, anonymousName } from './nftables-expression.ts';
import { Intervals, type IntervalsChange } from './nftables-intervals.ts';
import type { Rule } from './nftables-rule.ts';
import { parseSetType, writeSet } from './nftables-set.ts';

/** Families of tables, as nfgenmsg numbers them (linux/netfilter.h). */
const FAMILIES = { inet: 1, ip: 2, bridge: 7, ip6: 10 } as const;

export interface TableReference {
  family: keyof typeof FAMILIES;
  table: string;
}

export const nfgenmsgFamily = (family: TableReference['family']): number => FAMILIES[family];

export type TableChange =
  /** A chain to add must not be there; one to delete must have no references, and its rules go with it. */
  | { kind: 'chain'; op: 'add' | 'delete'; name: string }
  /** Rules to add come after those that the chain has; deleted are all. */
  | { kind: 'rules'; op: 'add'; chain: string; rules: readonly Rule[] }
  | { kind: 'rules'; op: 'delete'; chain: string }
  /** Takes all elements of a set away, also those that packets put there. */
  | { kind: 'elements'; op: 'flush'; set: string }
  /** A map or, without ` : ` in its type, a set. One to add must not be there; one to delete must not be in use by a rule. */
  | { kind: 'map'; op: 'add'; name: string; type: string; interval: boolean }
  | { kind: 'map'; op: 'delete'; name: string }
  | ElementChange
  /** Many elements of a set of intervals of one field, without an object for each. */
  | IntervalsChange;

const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_DELCHAIN = 5;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_DELRULE = 8;
const NFT_MSG_NEWSET = 9;
const NFT_MSG_DELSET = 11;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_RULE_USERDATA = 7;
const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_SET_TABLE = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_LIST_SET_ID = 4;
/** nft's own: what it lists as the comment of a rule. Type, length, text with its NUL. */
const UDATA_COMMENT = 0;
const COMMENT_BYTES = 255;

// NFTA_SET_ELEM_LIST_ELEMENTS is one attribute, whose length has 16 bits; what a single element adds is far below the difference.
const ELEMENTS_BYTES = 0xf000;

const FLAGS_OFFSET = 6;

/** One message of a batch. `error` is what the kernel's refusal of it means. */
interface Part {
  sequence: number;
  error(answer: Acknowledgement): KernelError;
}

/** Written once, sent once. */
export class NftBatch {
  readonly #writer: MessageWriter;
  readonly #family: TableReference['family'];
  readonly #table: string;
  readonly #nextSequence: () => number;
  readonly #parts: Part[] = [];
  readonly #ids = new Map<AnonymousSet, number>();
  #sets = 0;
  #lastMessage = 0;
  /** Of the message in whose name the kernel refuses a batch as a whole. */
  readonly begin: number;

  constructor({ family, table }: TableReference, changes: readonly TableChange[], nextSequence: () => number) {
    this.#family = family;
    this.#table = table;
    this.#nextSequence = nextSequence;
    this.#writer = new MessageWriter(Math.min(256 + changes.length * 128, 64 * 1024));
    this.begin = this.#mark(NFNL_MSG_BATCH_BEGIN);
    for (let index = 0; index < changes.length; ) index += this.#write(changes, index);
    if (this.isEmpty) return;
    // Only the last message asks to be acknowledged, and is, once the transaction is committed.
    const flags = this.#lastMessage + FLAGS_OFFSET;
    this.#writer.bytes.writeUInt16LE(this.#writer.bytes.readUInt16LE(flags) | NLM_F_ACK, flags);
    this.#mark(NFNL_MSG_BATCH_END);
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  get bytes(): Buffer {
    return this.#writer.bytes;
  }

  /** Of the message that is acknowledged. */
  get last(): number {
    return this.#parts.at(-1)!.sequence;
  }

  /** What a refusal of one of the messages means; undefined for another's. */
  error(sequence: number, answer: Acknowledgement): KernelError | undefined {
    return this.#parts.find((part) => part.sequence === sequence)?.error(answer);
  }

  /** Writes the change at `index`, or several that go together. @returns how many */
  #write(changes: readonly TableChange[], index: number): number {
    const change = changes[index]!;
    switch (change.kind) {
      case 'chain':
        this.#chain(change, index);
        return 1;
      case 'rules':
        if (change.op === 'delete') this.#deleteRules(change.chain, index);
        else for (const [at, rule] of change.rules.entries()) this.#rule(change.chain, rule, { index, at });
        return 1;
      case 'map':
        this.#map(change, index);
        return 1;
      case 'element': {
        const { op, set } = change;
        const elements: Element[] = [];
        for (let next: TableChange | undefined = change; next?.kind === 'element' && next.set === set && next.op === op; ) {
          elements.push(next);
          next = changes[index + elements.length];
        }
        this.#elements(op, { name: set }, elements, index);
        return elements.length;
      }
      case 'elements':
        this.#flushElements(change.set, index);
        return 1;
      case 'intervals':
        this.#elements(change.op, { name: change.set }, new Intervals(change), index);
        return 1;
    }
  }

  #chain({ op, name }: { op: 'add' | 'delete'; name: string }, index: number): void {
    const [type, flags] = op === 'add' ? [NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL] : [NFT_MSG_DELCHAIN, 0];
    this.#message(type, flags, this.#operation(op, 'chain', name), index, (writer) => {
      writer.string(NFTA_CHAIN_TABLE, this.#table);
      writer.string(NFTA_CHAIN_NAME, name);
    });
  }

  #deleteRules(chain: string, index: number): void {
    this.#message(NFT_MSG_DELRULE, 0, this.#operation('flush', 'chain', chain), index, (writer) => {
      writer.string(NFTA_RULE_TABLE, this.#table);
      writer.string(NFTA_RULE_CHAIN, chain);
    });
  }

  #rule(chain: string, rule: Rule, { index, at }: { index: number; at: number }): void {
    const { sets, expressions } = compileRule(rule, this.#family);
    const operation = `${this.#operation('add', 'rule', chain)} (its rule ${at + 1})`;
    for (const set of sets) this.#anonymousSet(set, operation, index);
    this.#message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, operation, index, (writer) => {
      writer.string(NFTA_RULE_TABLE, this.#table);
      writer.string(NFTA_RULE_CHAIN, chain);
      writer.nest(NFTA_RULE_EXPRESSIONS, () => {
        for (const { name, write } of expressions) {
          writer.nest(NFTA_LIST_ELEM, () => {
            writer.string(NFTA_EXPR_NAME, name);
            writer.nest(NFTA_EXPR_DATA, () => write(writer, (set) => this.#ids.get(set)!));
          });
        }
      });
      if (rule.comment !== undefined) writer.data(NFTA_RULE_USERDATA, commentBytes(rule.comment));
    });
  }

  #anonymousSet(set: AnonymousSet, operation: string, index: number): void {
    const name = anonymousName(set);
    const id = this.#nextId();
    this.#ids.set(set, id);
    // In a tree an interval takes two elements.
    const size = set.elements.length * (set.interval ? 2 : 1);
    this.#message(NFT_MSG_NEWSET, NLM_F_CREATE, operation, index, (writer) => {
      writeSet(writer, set, { table: this.#table, name, id, anonymous: size });
    });
    this.#elements('add', { name, id }, set.elements, index);
  }

  #map(change: Extract<TableChange, { kind: 'map' }>, index: number): void {
    const { name } = change;
    const operation = this.#operation(change.op, 'map', name);
    if (change.op === 'delete') {
      this.#message(NFT_MSG_DELSET, 0, operation, index, (writer) => {
        writer.string(NFTA_SET_TABLE, this.#table);
        writer.string(NFTA_SET_NAME, name);
      });
      return;
    }
    const shape = { ...parseSetType(change.type), interval: change.interval };
    this.#message(NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, operation, index, (writer) => {
      writeSet(writer, shape, { table: this.#table, name, id: this.#nextId() });
    });
  }

  #flushElements(set: string, index: number): void {
    this.#message(NFT_MSG_DELSETELEM, 0, this.#operation('flush', 'set', set), index, (writer) => {
      writer.string(NFTA_SET_ELEM_LIST_TABLE, this.#table);
      writer.string(NFTA_SET_ELEM_LIST_SET, set);
    });
  }

  /** As many messages as the elements need. */
  #elements(op: 'add' | 'delete', set: { name: string; id?: number }, elements: readonly Element[] | Intervals, index: number): void {
    const [type, flags] = op === 'add' ? [NFT_MSG_NEWSETELEM, NLM_F_CREATE] : [NFT_MSG_DELSETELEM, 0];
    for (let from = 0; from < elements.length; ) {
      const offsets: number[] = [];
      const start = this.#writer.length;
      const first = from;
      const error = (answer: Acknowledgement) =>
        elementsError(answer, { operation: this.#operation(op, 'element', set.name), elements, first, offsets, index });
      this.#part(type, flags, error, (writer) => {
        writer.string(NFTA_SET_ELEM_LIST_TABLE, this.#table);
        writer.string(NFTA_SET_ELEM_LIST_SET, set.name);
        if (set.id !== undefined) writer.be32(NFTA_SET_ELEM_LIST_SET_ID, set.id);
        writer.nest(NFTA_SET_ELEM_LIST_ELEMENTS, () => {
          const begin = writer.length;
          for (; from < elements.length && writer.length - begin < ELEMENTS_BYTES; from += 1) {
            offsets.push(writer.length - start);
            if (elements instanceof Intervals) elements.write(writer, from);
            else writeElement(writer, elements[from]!, { keyOnly: op === 'delete' });
          }
        });
      });
    }
  }

  #operation(verb: string, kind: string, name: string): string {
    return `nft ${verb} ${kind} ${this.#family} ${this.#table} ${name}`;
  }

  #nextId(): number {
    this.#sets += 1;
    return this.#sets;
  }

  /** A message about one thing. */
  #message(type: number, flags: number, operation: string, index: number, body: (writer: MessageWriter) => void): void {
    const error = ({ errno, text }: Acknowledgement) =>
      new KernelError(errno, operation, { batchIndex: index, ...(text !== undefined && { extendedAck: text }) });
    this.#part(type, flags, error, body);
  }

  #part(type: number, flags: number, error: Part['error'], body: (writer: MessageWriter) => void): void {
    const sequence = this.#nextSequence();
    this.#parts.push({ sequence, error });
    this.#lastMessage = this.#writer.length;
    this.#writer.message((NFNL_SUBSYS_NFTABLES << 8) | type, NLM_F_REQUEST | flags, sequence, () => {
      writeHeader(this.#writer, FAMILIES[this.#family], 0);
      body(this.#writer);
    });
  }

  #mark(type: number): number {
    const sequence = this.#nextSequence();
    this.#writer.message(type, NLM_F_REQUEST, sequence, () => writeHeader(this.#writer, 0, NFNL_SUBSYS_NFTABLES));
    return sequence;
  }
}

/** struct nfgenmsg: family u8, version u8, resource id be16. */
function writeHeader(writer: MessageWriter, family: number, resource: number): void {
  writer.struct(4, (view) => {
    view.writeUInt8(family, 0);
    view.writeUInt16BE(resource, 2);
  });
}

function commentBytes(comment: string): Buffer {
  const text = Buffer.from(`${comment}\0`);
  if (text.length > COMMENT_BYTES) throw new TypeError(`a comment has at most ${COMMENT_BYTES - 1} bytes: "${comment}"`);
  return Buffer.concat([Buffer.from([UDATA_COMMENT, text.length]), text]);
}

/** Names the element by the place in the message that the kernel complains of. */
function elementsError(
  { errno, text, offset }: Acknowledgement,
  of: { operation: string; elements: readonly Element[] | Intervals; first: number; offsets: readonly number[]; index: number },
): KernelError {
  const at = offset === undefined ? -1 : of.offsets.findLastIndex((start) => start <= offset);
  const isOne = at >= 0 || of.offsets.length === 1;
  // At the table's or the set's name, before all elements, it is that which is not there.
  const extendedAck = text ?? (offset !== undefined && at < 0 ? 'there is no such table or set' : undefined);
  const named = of.first + Math.max(at, 0);
  const element = of.elements instanceof Intervals ? of.elements.describe(named) : describeElement(of.elements[named]!);
  return new KernelError(errno, `${of.operation} { ${element}${isOne ? ' }' : `, … } (${of.offsets.length} elements)`}`, {
    batchIndex: of.index + named,
    ...(extendedAck !== undefined && { extendedAck }),
  });
}
