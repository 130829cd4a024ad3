/** Requests that make links. Pure. */
import type { NamespaceHandle } from '../namespace.ts';
import { parseAddress, parseMac } from './ip-address.ts';
import { IFLA, IFLA_INFO_DATA, IFLA_INFO_KIND, namespaceFd, RTM_NEWLINK, VXLAN, writeHeader } from './link-attribute.ts';
import { type MessageWriter, NLM_F_CREATE, NLM_F_EXCL, type Request } from './message.ts';

const VETH_INFO_PEER = 1;

/** What any new link takes. */
export interface LinkOptions {
  name: string;
  mac?: string;
  /** Bytes. */
  mtu?: number;
  /** Set up at once. */
  up?: boolean;
  group?: number;
}

export interface VethOptions extends LinkOptions {
  /** Of each end, both for sending and for receiving; the kernel's default is one for every processor that the machine might have. */
  queues?: number;
  peer: {
    name: string;
    /** Where the peer is born; beside the other end when absent. */
    namespace?: NamespaceHandle | number;
    mac?: string;
    mtu?: number;
    group?: number;
  };
}

export interface VxlanOptions extends LinkOptions {
  id: number;
  port?: number;
  local?: string;
  underlay?: number;
  /** Learn peers from packets that come in; default false, as a control plane tells them. */
  learning?: boolean;
}

interface WrittenOptions {
  name?: string;
  mac?: string;
  mtu?: number;
  group?: number;
  queues?: number;
}

export function writeLinkOptions(writer: MessageWriter, options: WrittenOptions): void {
  if (options.name !== undefined) writer.string(IFLA.IFNAME, options.name);
  if (options.mac !== undefined) writer.data(IFLA.ADDRESS, parseMac(options.mac));
  if (options.mtu !== undefined) writer.u32(IFLA.MTU, options.mtu);
  if (options.group !== undefined) writer.u32(IFLA.GROUP, options.group);
  if (options.queues === undefined) return;
  writer.u32(IFLA.NUM_TX_QUEUES, options.queues);
  writer.u32(IFLA.NUM_RX_QUEUES, options.queues);
}

function addLink(options: LinkOptions, kind: string, words: string, data?: (writer: MessageWriter) => void): Request {
  return {
    operation: `ip link add ${options.name}${describeOptions(options)} type ${kind}${words}`,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    write(writer) {
      writeHeader(writer, 0, options.up || undefined);
      writeLinkOptions(writer, options);
      writer.nest(IFLA.LINKINFO, () => {
        writer.string(IFLA_INFO_KIND, kind);
        if (data) writer.nest(IFLA_INFO_DATA, () => data(writer));
      });
    },
  };
}

function describeOptions(options: Omit<WrittenOptions, 'name'> & { up?: boolean }): string {
  const { mac, mtu, group, queues, up } = options;
  return `${mac ? ` address ${mac}` : ''}${mtu ? ` mtu ${mtu}` : ''}${group ? ` group ${group}` : ''}${queues ? ` numtxqueues ${queues} numrxqueues ${queues}` : ''}${up ? ' up' : ''}`;
}

/**
 * A veth pair in one request, its peer born in another namespace. (Moving the peer there later, as `ip link set netns` does, waits for an RCU grace period.)
 * Names, MACs, MTUs and groups of both ends go along, and the up flag of the near one: the kernel sets the peer up before it knows its other
 * end, and refuses (ENOTCONN, veth_open).
 */
export function addVeth(options: VethOptions): Request {
  const { peer, queues } = options;
  const where = peer.namespace === undefined ? '' : ` netns fd ${namespaceFd(peer.namespace)}`;
  return addLink(options, 'veth', ` peer name ${peer.name}${describeOptions(peer)}${where}`, (writer) => {
    writer.nest(VETH_INFO_PEER, () => {
      writeHeader(writer, 0, undefined);
      writeLinkOptions(writer, queues === undefined ? peer : { ...peer, queues });
      if (peer.namespace !== undefined) writer.u32(IFLA.NET_NS_FD, namespaceFd(peer.namespace));
    });
  });
}

export function addVxlan(options: VxlanOptions): Request {
  const { id, port = 4789, local, underlay, learning = false } = options;
  const words = ` id ${id} dstport ${port}${local ? ` local ${local}` : ''}${underlay ? ` dev ${underlay}` : ''}${learning ? '' : ' nolearning'}`;
  return addLink(options, 'vxlan', words, (writer) => {
    writer.u32(VXLAN.ID, id);
    writer.be16(VXLAN.PORT, port);
    writer.u8(VXLAN.LEARNING, learning ? 1 : 0);
    if (underlay !== undefined) writer.u32(VXLAN.LINK, underlay);
    if (local !== undefined) {
      const bytes = parseAddress(local);
      writer.data(bytes.length === 4 ? VXLAN.LOCAL : VXLAN.LOCAL6, bytes);
    }
  });
}

export function addBridge(options: LinkOptions): Request {
  return addLink(options, 'bridge', '');
}

export function addDummy(options: LinkOptions): Request {
  return addLink(options, 'dummy', '');
}
