/**
 * Changes of an nftables table in one transaction, by raw nfnetlink: chains, rules, maps and elements.
 *
 * Why not libnftables: version 1.0.6 reads every set of the ruleset before it adds an element, 33 ms with 2,000 maps, and needs a
 * millisecond or more for any chain. The kernel itself needs a fraction of a millisecond.
 */
import { KernelError } from '../error.ts';
import type { Namespace } from '../namespace.ts';
import { decodeAcknowledgement, type MessageWriter, NLMSG_ERROR } from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts';
import { NftBatch, nfgenmsgFamily, type TableChange, type TableReference } from './nft-batch.ts';
import type { Element } from './nftables-element.ts';
import { fieldLength } from './nftables-field.ts';
import type { IntervalsChange } from './nftables-intervals.ts';
import type { Rule } from './nftables-rule.ts';
import { parseSetType } from './nftables-set.ts';
import { decodeElements, decodeIntervals } from './set-listing.ts';

const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETSETELEM = 13;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;

export class NftSocket {
  readonly #socket: NetlinkSocket;
  /** The kernel was built without nft's own expression for queues. */
  #queuesAsTarget = false;
  #transactions = 0;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Opens a socket in a namespace (the current one when absent), where it stays. */
  static open(options: { namespace?: Namespace | undefined } = {}): NftSocket {
    return new NftSocket(NetlinkSocket.open(NETLINK_NETFILTER, options));
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** How many were carried out. Each makes one more generation: see `NftGeneration`. */
  get transactions(): number {
    return this.#transactions;
  }

  /**
   * Carries all changes out in their order, in one transaction: packets see all of them, or none. So what a change names must be there by
   * then: chains and maps before the rules and elements that name them, and the other way around when they go. To change what a map
   * gives for a key, delete the key and add it in the same call.
   *
   * Throws KernelError that names the first change refused, and has its place as `batchIndex`: ENOENT (no such table, set, chain, or
   * element to delete), EEXIST (the chain or map is there, or the key with another verdict, or an interval overlaps), EBUSY (what is to
   * go is still in use), EINVAL (the key is not of the set's type). Throws TypeError for a value that its type cannot have.
   */
  apply(table: TableReference, changes: readonly TableChange[]): void {
    const targets = changes.map(withQueueTarget);
    const hasQueue = targets.some((change, index) => change !== changes[index]);
    try {
      this.#applyOnce(table, hasQueue && this.#queuesAsTarget ? targets : changes);
    } catch (error) {
      if (!hasQueue || this.#queuesAsTarget || !(error instanceof KernelError) || error.code !== 'ENOENT') throw error;
      // The same answer as for a chain that is not there: whichever it was, this says so again.
      this.#applyOnce(table, targets);
      this.#queuesAsTarget = true;
    }
  }

  /**
   * All elements of a set or map, in whatever order.
   *
   * @param set.type as in {@link TableChange}
   * @throws KernelError ENOENT: there is none of that name. TypeError: it is of types that this module does not know
   */
  elements(table: TableReference, { name, type, interval }: { name: string; type: string; interval: boolean }): Element[] {
    const shape = { ...parseSetType(type), interval };
    return decodeElements(this.#list(table, name), shape);
  }

  /** All intervals of a set of addresses, as an {@link IntervalsChange} has them, by rising address. Throws as `elements`. */
  intervals(table: TableReference, { name, type }: { name: string; type: IntervalsChange['type'] }): Uint8Array {
    return decodeIntervals(this.#list(table, name), fieldLength(type));
  }

  #list({ family, table }: TableReference, set: string): Buffer[] {
    const request = {
      operation: `nft list set ${family} ${table} ${set}`,
      type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETSETELEM,
      flags: 0,
      write: (writer: MessageWriter) => {
        writer.struct(4, (view) => view.writeUInt8(nfgenmsgFamily(family), 0));
        writer.string(NFTA_SET_ELEM_LIST_TABLE, table);
        writer.string(NFTA_SET_ELEM_LIST_SET, set);
      },
    };
    // A payload is valid until the next one comes.
    return this.#socket.dump(request, ({ payload }) => Buffer.from(payload));
  }

  #applyOnce(table: TableReference, changes: readonly TableChange[]): void {
    const batch = new NftBatch(table, changes, () => this.#socket.nextSequence());
    if (batch.isEmpty) return;
    const operation = `nft ${changes.length} changes in ${table.family} ${table.table}`;
    this.#socket.transmit(batch.bytes, operation);
    this.#readAnswers(batch, operation);
    this.#transactions += 1;
  }

  /** A refused message is answered in any case. The answers come together when the kernel is through with the batch, in its order. */
  #readAnswers(batch: NftBatch, operation: string): void {
    let first: KernelError | undefined;
    for (;;) {
      for (const message of this.#socket.receive(operation)) {
        if (message.type !== NLMSG_ERROR) continue;
        const answer = decodeAcknowledgement(message);
        if (answer.errno !== 0) {
          // Refused as a whole, in the name of its first message: no other answer comes.
          if (message.sequence === batch.begin)
            throw new KernelError(answer.errno, operation, answer.text === undefined ? {} : { extendedAck: answer.text });
          first ??= batch.error(message.sequence, answer);
        }
        if (message.sequence !== batch.last) continue;
        if (first) throw first;
        return;
      }
    }
  }
}

/** The same change when it has no queue. */
function withQueueTarget(change: TableChange): TableChange {
  if (change.kind !== 'rules' || change.op !== 'add') return change;
  const isQueue = ({ expressions }: Rule) => expressions.some(({ kind }) => kind === 'queue');
  if (!change.rules.some(isQueue)) return change;
  const rules = change.rules.map(({ expressions, ...rest }) => ({
    ...rest,
    expressions: expressions.map((expression) => (expression.kind === 'queue' ? { ...expression, asTarget: true } : expression)),
  }));
  return { ...change, rules };
}
