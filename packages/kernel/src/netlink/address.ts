/** Addresses of links (RTM_*ADDR of linux/rtnetlink.h, linux/if_addr.h): requests written, messages read. Pure. */
import { AF_INET, AF_INET6, familyOf, formatPrefix, type IpVersion, parsePrefix } from './ip-address.ts';
import { decodeAttributes, type Message, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, type Request } from './message.ts';
import { SCOPES, type Scope, scopeName } from './scope.ts';

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

const HEADER_LENGTH = 8; // struct ifaddrmsg: family u8, prefix length u8, flags u8, scope u8, index u32
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6; // struct ifa_cacheinfo: preferred u32, valid u32, created u32, updated u32
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_PERMANENT = 0x80;

export interface Address {
  /** Index of its link. */
  link: number;
  version: IpVersion;
  /** `10.0.0.1/24`: the address itself, with the length of its prefix. */
  cidr: string;
  scope: Scope;
  /** IPv6: duplicate address detection is not over, so that it cannot be used yet. */
  tentative: boolean;
  /** IPv6: another host has it. */
  duplicate: boolean;
  /** Not made by autoconfiguration. */
  permanent: boolean;
}

export interface AddressOptions {
  /** IPv6: usable at once, without duplicate address detection (which takes about 2 s). */
  noDad?: boolean;
  /** Default global, or link for fe80::/10. */
  scope?: Scope;
  /** IPv6: good to be reached at, and never chosen as a source where another one will do (RFC 4862 §5.5.4, RFC 6724 §5). */
  deprecated?: boolean;
}

/** Preferred for no time, valid for ever. */
const DEPRECATED = Buffer.alloc(16).fill(0xff, 4, 8);

function addressRequest(type: number, flags: number, words: string, link: number, cidr: string, options: AddressOptions): Request {
  const prefix = parsePrefix(cidr);
  const linkLocal = prefix.version === 6 && prefix.bytes[0] === 0xfe && (prefix.bytes[1]! & 0xc0) === 0x80;
  const scope = options.scope ?? (linkLocal ? 'link' : 'global');
  return {
    operation: `ip address ${words} ${cidr} dev ${link}${options.scope ? ` scope ${scope}` : ''}${options.noDad ? ' nodad' : ''}${options.deprecated ? ' preferred_lft 0' : ''}`,
    type,
    flags,
    write(writer) {
      writer.struct(HEADER_LENGTH, (view) => {
        view.writeUInt8(prefix.family, 0);
        view.writeUInt8(prefix.length, 1);
        view.writeUInt8(options.noDad ? IFA_F_NODAD : 0, 2);
        view.writeUInt8(SCOPES[scope], 3);
        view.writeUInt32LE(link, 4);
      });
      writer.data(IFA_LOCAL, prefix.bytes);
      writer.data(IFA_ADDRESS, prefix.bytes);
      if (options.deprecated) writer.data(IFA_CACHEINFO, DEPRECATED);
    },
  };
}

export function addAddress(link: number, cidr: string, options: AddressOptions = {}): Request {
  return addressRequest(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, 'add', link, cidr, options);
}

/** As `addAddress`, but content with one that is there already. */
export function replaceAddress(link: number, cidr: string, options: AddressOptions = {}): Request {
  return addressRequest(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, 'replace', link, cidr, options);
}

export function deleteAddress(link: number, cidr: string): Request {
  return addressRequest(RTM_DELADDR, 0, 'delete', link, cidr, {});
}

export interface AddressFilter {
  /** Index. */
  link?: number;
  version?: IpVersion;
}

export function dumpAddresses({ link = 0, version }: AddressFilter = {}): Request {
  return {
    operation: `ip address show${link ? ` dev ${link}` : ''}`,
    type: RTM_GETADDR,
    flags: 0,
    write(writer) {
      writer.struct(HEADER_LENGTH, (view) => {
        view.writeUInt8(familyOf(version), 0);
        view.writeUInt32LE(link, 4);
      });
    },
  };
}

/** Reads an RTM_NEWADDR or RTM_DELADDR message; undefined for those of other families: a list of all has those of MCTP and Phonet, too, of one byte each. */
export function decodeAddress({ payload }: Message): Address | undefined {
  const family = payload.readUInt8(0);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const attributes = decodeAttributes(payload, HEADER_LENGTH);
  // IPv4 tells the own address as local, and the other side of a point-to-point link as address; IPv6 mostly has address alone.
  const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS) ?? Buffer.alloc(0);
  const flags = attributes.get(IFA_FLAGS)?.readUInt32LE(0) ?? payload.readUInt8(2);
  return {
    link: payload.readUInt32LE(4),
    version: family === AF_INET ? 4 : 6,
    cidr: formatPrefix(bytes, payload.readUInt8(1)),
    scope: scopeName(payload.readUInt8(3)),
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    duplicate: (flags & IFA_F_DADFAILED) !== 0,
    permanent: (flags & IFA_F_PERMANENT) !== 0,
  };
}
