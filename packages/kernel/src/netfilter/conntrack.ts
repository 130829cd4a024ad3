/** Connection tracking of one namespace, by ctnetlink (linux/netfilter/nfnetlink_conntrack.h): list flows, forget flows. */
import { KernelError } from '../error.ts';
import type { Namespace } from '../namespace.ts';
import { familyOf, formatAddress, type IpVersion, parseAddress } from '../netlink/ip-address.ts';
import { decodeAttributes, type Message, type MessageWriter, type Request } from '../netlink/message.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts';

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const IPCTNL_MSG_CT_GET_STATS = 5;
const CTA_STATS_GLOBAL_ENTRIES = 1;
const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2, MARK: 8, COUNTERS_ORIG: 9, COUNTERS_REPLY: 10, ID: 12, ZONE: 18 } as const;
const CTA_COUNTERS = { PACKETS: 1, BYTES: 2 } as const;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const IP = { V4_SRC: 1, V4_DST: 2, V6_SRC: 3, V6_DST: 4 } as const;
const PROTO = {
  NUM: 1,
  SRC_PORT: 2,
  DST_PORT: 3,
  ICMP_ID: 4,
  ICMP_TYPE: 5,
  ICMP_CODE: 6,
  ICMPV6_ID: 7,
  ICMPV6_TYPE: 8,
  ICMPV6_CODE: 9,
} as const;
const HEADER_LENGTH = 4; // struct nfgenmsg
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;

/** One direction of a flow. Ports where the protocol has them, ICMP fields for ICMP and ICMPv6. */
export interface FlowTuple {
  source: string;
  destination: string;
  sourcePort?: number;
  destinationPort?: number;
  icmpType?: number;
  icmpCode?: number;
  icmpId?: number;
}

export interface Flow {
  version: IpVersion;
  /** IP protocol number. */
  protocol: number;
  /** As the first packet went. */
  original: FlowTuple;
  /** As answers come: other addresses than the original's where NAT is in between. */
  reply: FlowTuple;
  mark: number;
  /** The kernel's number of this very entry, so that a later flow with the same tuple is not taken for it. */
  id: number;
  /** Absent for zone 0. */
  zone?: number;
  /** Since it began; absent for a flow that began while `net.netfilter.nf_conntrack_acct` was off. */
  counts?: { original: FlowCount; reply: FlowCount };
}

/** Of one direction. */
export interface FlowCount {
  packets: number;
  /** With IP headers. */
  bytes: number;
}

export class Conntrack {
  readonly #socket: NetlinkSocket;
  /** Of its own, since a listing takes a while and deletions go on meanwhile. */
  readonly #listing: NetlinkSocket;
  #listed: Promise<unknown> = Promise.resolve();

  private constructor(socket: NetlinkSocket, listing: NetlinkSocket) {
    this.#socket = socket;
    this.#listing = listing;
  }

  /** Opens a socket in a namespace (the current one when absent), where it stays. */
  static open(options: { namespace?: Namespace | undefined } = {}): Conntrack {
    const socket = NetlinkSocket.open(NETLINK_NETFILTER, options);
    try {
      return new Conntrack(socket, NetlinkSocket.open(NETLINK_NETFILTER, options));
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  close(): void {
    this.#socket.close();
    // A listing under way holds the descriptor; closed under its hands, its number could be another file's.
    this.#listed.finally(() => this.#listing.close()).catch(() => {});
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** How many flows are tracked, of both versions. */
  count(): number {
    const { payload } = this.#socket.get({
      operation: 'conntrack --count',
      type: (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET_STATS,
      flags: 0,
      write: (writer) => writeHeader(writer, undefined),
    });
    return decodeAttributes(payload, HEADER_LENGTH).get(CTA_STATS_GLOBAL_ENTRIES)?.readUInt32BE(0) ?? 0;
  }

  /**
   * All tracked flows, IPv4 and IPv6 unless one is asked for. A copy of a table that changes meanwhile. The kernel walks the whole hash
   * table for it, 10 ms for 262,144 buckets however few flows there are, so a worker thread does it.
   */
  async list(filter: { version?: IpVersion } = {}): Promise<Flow[]> {
    if (this.count() === 0) return [];
    const request = {
      operation: `conntrack --dump${filter.version ? ` --family ipv${filter.version}` : ''}`,
      type: (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET,
      flags: 0,
      write: (writer: MessageWriter) => writeHeader(writer, filter.version),
    };
    const listing = this.#listed.then(() => this.#listing.dumpOffThread(request, decodeFlow));
    this.#listed = listing.catch(() => {});
    return listing;
  }

  /**
   * Forgets flows that `list` gave: their next packet is judged as one of a new flow. Gives back how many were still there. Throws
   * KernelError when the kernel refuses for another reason than that a flow is gone.
   */
  delete(flows: Flow | readonly Flow[]): number {
    const requests = [flows].flat().map((flow) => deleteFlow(flow as Flow));
    try {
      this.#socket.batch(requests);
      return requests.length;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      const failures = [error, ...error.others];
      const real = failures.find((failure) => failure.code !== 'ENOENT');
      if (real) throw real;
      return requests.length - failures.length;
    }
  }
}

/** struct nfgenmsg: family u8, version u8, resource id be16. */
function writeHeader(writer: MessageWriter, version: IpVersion | undefined): void {
  writer.struct(HEADER_LENGTH, (view) => view.writeUInt8(familyOf(version), 0));
}

function deleteFlow(flow: Flow): Request {
  return {
    operation: `conntrack --delete ${describeFlow(flow)}`,
    type: (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE,
    flags: 0,
    write(writer) {
      writeHeader(writer, flow.version);
      writer.nest(CTA.TUPLE_ORIG, () => writeTuple(writer, flow));
      writer.be32(CTA.ID, flow.id);
      if (flow.zone !== undefined) writer.be16(CTA.ZONE, flow.zone);
    },
  };
}

/** A flow in the words of conntrack(8). */
export function describeFlow({ version, protocol, original }: Flow): string {
  const { source, destination, sourcePort, destinationPort, icmpType, icmpCode, icmpId } = original;
  const ports = sourcePort === undefined ? '' : ` --sport ${sourcePort} --dport ${destinationPort}`;
  const icmp = icmpType === undefined ? '' : ` --icmp-type ${icmpType} --icmp-code ${icmpCode} --icmp-id ${icmpId}`;
  return `--family ipv${version} --proto ${protocol} --orig-src ${source} --orig-dst ${destination}${ports}${icmp}`;
}

function writeTuple(writer: MessageWriter, { version, protocol, original }: Flow): void {
  writer.nest(CTA_TUPLE_IP, () => {
    writer.data(version === 4 ? IP.V4_SRC : IP.V6_SRC, parseAddress(original.source));
    writer.data(version === 4 ? IP.V4_DST : IP.V6_DST, parseAddress(original.destination));
  });
  writer.nest(CTA_TUPLE_PROTO, () => {
    const { sourcePort, destinationPort, icmpType, icmpCode, icmpId } = original;
    writer.u8(PROTO.NUM, protocol);
    if (sourcePort !== undefined) writer.be16(PROTO.SRC_PORT, sourcePort);
    if (destinationPort !== undefined) writer.be16(PROTO.DST_PORT, destinationPort);
    if (icmpType === undefined || icmpCode === undefined || icmpId === undefined) return;
    const v4 = protocol === IPPROTO_ICMP;
    writer.be16(v4 ? PROTO.ICMP_ID : PROTO.ICMPV6_ID, icmpId);
    writer.u8(v4 ? PROTO.ICMP_TYPE : PROTO.ICMPV6_TYPE, icmpType);
    writer.u8(v4 ? PROTO.ICMP_CODE : PROTO.ICMPV6_CODE, icmpCode);
  });
}

/** Reads one IPCTNL_MSG_CT_NEW or IPCTNL_MSG_CT_DELETE message; undefined for one without both tuples. */
export function decodeFlow({ payload }: Message): Flow | undefined {
  const attributes = decodeAttributes(payload, HEADER_LENGTH);
  const original = decodeTuple(attributes.get(CTA.TUPLE_ORIG));
  const reply = decodeTuple(attributes.get(CTA.TUPLE_REPLY));
  if (!original || !reply) return undefined;
  const zone = attributes.get(CTA.ZONE)?.readUInt16BE(0);
  const counted = [decodeCount(attributes.get(CTA.COUNTERS_ORIG)), decodeCount(attributes.get(CTA.COUNTERS_REPLY))] as const;
  return {
    version: original.version,
    protocol: original.protocol,
    original: original.tuple,
    reply: reply.tuple,
    mark: attributes.get(CTA.MARK)?.readUInt32BE(0) ?? 0,
    id: attributes.get(CTA.ID)?.readUInt32BE(0) ?? 0,
    ...(zone !== undefined && { zone }),
    ...(counted[0] && counted[1] && { counts: { original: counted[0], reply: counted[1] } }),
  };
}

function decodeCount(value: Buffer | undefined): FlowCount | undefined {
  if (value === undefined) return undefined;
  const counters = decodeAttributes(value);
  const number = (type: number) => Number(counters.get(type)?.readBigUInt64BE(0) ?? 0n);
  return { packets: number(CTA_COUNTERS.PACKETS), bytes: number(CTA_COUNTERS.BYTES) };
}

function decodeTuple(value: Buffer | undefined): { version: IpVersion; protocol: number; tuple: FlowTuple } | undefined {
  if (!value) return undefined;
  const parts = decodeAttributes(value);
  const ip = decodeAttributes(parts.get(CTA_TUPLE_IP) ?? Buffer.alloc(0));
  const proto = decodeAttributes(parts.get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0));
  const source = ip.get(IP.V4_SRC) ?? ip.get(IP.V6_SRC);
  const destination = ip.get(IP.V4_DST) ?? ip.get(IP.V6_DST);
  if (!source || !destination) return undefined;
  const tuple: FlowTuple = { source: formatAddress(source), destination: formatAddress(destination) };
  const protocol = proto.get(PROTO.NUM)?.[0] ?? 0;
  if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6) {
    const v4 = protocol === IPPROTO_ICMP;
    tuple.icmpType = proto.get(v4 ? PROTO.ICMP_TYPE : PROTO.ICMPV6_TYPE)?.[0] ?? 0;
    tuple.icmpCode = proto.get(v4 ? PROTO.ICMP_CODE : PROTO.ICMPV6_CODE)?.[0] ?? 0;
    tuple.icmpId = proto.get(v4 ? PROTO.ICMP_ID : PROTO.ICMPV6_ID)?.readUInt16BE(0) ?? 0;
    return { version: source.length === 4 ? 4 : 6, protocol, tuple };
  }
  const sourcePort = proto.get(PROTO.SRC_PORT);
  const destinationPort = proto.get(PROTO.DST_PORT);
  if (sourcePort && destinationPort) {
    tuple.sourcePort = sourcePort.readUInt16BE(0);
    tuple.destinationPort = destinationPort.readUInt16BE(0);
  }
  return { version: source.length === 4 ? 4 : 6, protocol, tuple };
}
