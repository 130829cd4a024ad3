/** A block: the run of addresses that one host gives out, with who holds which. Pure. */
import {
  ADDRESS_BITS,
  type Allocation,
  addressFromNumber,
  addressToNumber,
  type Block,
  type BlockSpec,
  blockName,
  cidrRange,
  keyPrefix,
  parseObject,
} from '@weir/resources';

/** Who holds an address: one interface of one container. */
export interface Owner {
  containerId: string;
  interfaceName: string;
}

/** All keys of blocks begin with it. */
export const BLOCK_PREFIX = keyPrefix('Block');

/** The inverse of `blockName`: it tells what range a block takes even when its value is unreadable. */
export function blockCidr(name: string): string {
  const slash = name.lastIndexOf('-');
  return `${name.slice(0, slash).replaceAll('-', ':')}/${name.slice(slash + 1)}`;
}

/** How many addresses; a block holds at most 4096 (/20, /116). Every one is usable: they are routed one by one, so none is a broadcast address. */
export function blockSize(cidr: string): number {
  const { family, prefixLength } = cidrRange(cidr);
  return 2 ** (ADDRESS_BITS[family] - prefixLength);
}

export const usedIn = (block: BlockSpec): number => Object.keys(block.allocations).length;

/**
 * The lowest free address above `recent`, then from the start; undefined when the block is full.
 * Going on from the address given last leaves a returned one at rest for as long as others are free, so that packets and cached names
 * that were meant for its last holder do not reach the next.
 */
export function nextFree(block: BlockSpec, recent?: string): string | undefined {
  const { family, first } = cidrRange(block.cidr);
  const size = blockSize(block.cidr);
  if (usedIn(block) >= size) return undefined;
  const start = recent === undefined ? 0 : Number(addressToNumber(recent) - first) + 1;
  for (let step = 0; step < size; step++) {
    const address = addressFromNumber(first + BigInt((start + step) % size), family);
    if (block.allocations[address] === undefined) return address;
  }
  return undefined;
}

/** The addresses of a block that the owner, on that host, holds. */
export const heldIn = (block: BlockSpec, owner: Owner, host: string): string[] =>
  Object.keys(block.allocations).filter((address) => isOwner(block.allocations[address]!, owner, host));

export const isOwner = (allocation: Allocation, { containerId, interfaceName }: Owner, host: string): boolean =>
  allocation.containerId === containerId && allocation.interfaceName === interfaceName && allocation.host === host;

/** Whether the block is the host's, or holds addresses of it that were borrowed. */
export const concerns = (block: BlockSpec, host: string): boolean =>
  block.host === host || Object.values(block.allocations).some((allocation) => allocation.host === host);

export const withAllocation = (block: BlockSpec, address: string, allocation: Allocation): BlockSpec => ({
  ...block,
  allocations: { ...block.allocations, [address]: allocation },
});

export const withoutAddresses = (block: BlockSpec, addresses: string[]): BlockSpec => ({
  ...block,
  allocations: Object.fromEntries(Object.entries(block.allocations).filter(([address]) => !addresses.includes(address))),
});

/** The stored text of a block. */
export function encodeBlock(spec: BlockSpec): string {
  const block: Block = {
    apiVersion: 'weir/v1',
    kind: 'Block',
    metadata: { name: blockName(spec.cidr), labels: {}, annotations: {} },
    spec,
  };
  return JSON.stringify(block);
}

/** The block of a stored text. Throws ValidationError. */
export const decodeBlock = (text: string): BlockSpec => (parseObject(JSON.parse(text)) as Block).spec;
