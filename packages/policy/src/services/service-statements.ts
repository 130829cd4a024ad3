import { type Family, familyOf, protocolNumber, type ServicePort, type ServiceSpec } from '@weir/resources';
import type { Balance } from '../statements/rule.ts';
import { addressType, type ChainStatement, type ElementStatement, type KeyField } from '../statements/statement.ts';
import type { Verdict } from '../statements/verdict.ts';

/** Where one port of a service leads. */
export interface Target {
  address: string;
  port: number;
}

/** One port of a service in one family, and who takes its new flows. */
export interface ServiceSocket {
  family: Family;
  /** Absent: the port of every address of this host. */
  address?: string;
  protocol: ServicePort['protocol'];
  port: number;
  affinity: ServiceSpec['sessionAffinity'];
  targets: readonly Target[];
}

/** Chain of the base table that tells who connects that nobody is there. */
const NOBODY: Verdict = { kind: 'goto', chain: 'no_backend' };

/**
 * What leads from a socket to its targets: one element that names a chain, and as many as there are slots that name a target each. The chain
 * is one for all sockets with as many slots, so a target more or less is a few elements and no rule.
 */
export function socketStatements(socket: ServiceSocket): { chain?: ChainStatement; elements: ElementStatement[] } {
  const { family, address, protocol, port } = socket;
  const version = family === 'IPv4' ? 4 : 6;
  const key: KeyField[] = [
    ...(address === undefined ? [] : [{ type: addressType(family), value: address }]),
    { type: 'inet_proto', value: protocolNumber(protocol) },
    { type: 'inet_service', value: port },
  ];
  const dispatch = (verdict: Verdict): ElementStatement => {
    return { kind: 'element', set: `service${address === undefined ? '_port' : ''}${version}`, key, verdict };
  };
  if (socket.targets.length === 0) return { elements: [dispatch(NOBODY)] };
  const map = `${address === undefined ? 'port_' : ''}backend${version}`;
  const slots = socket.affinity === 'ClientIP' ? slotsBySource(socket.targets) : inOrder(socket.targets);
  const chain = balancingChain({
    network: family === 'IPv4' ? 'ip' : 'ip6',
    service: address === undefined ? 'port' : 'address',
    by: socket.affinity === 'ClientIP' ? 'source' : 'lot',
    slots: slots.length,
    map,
  });
  const elements = slots.map((target, slot): ElementStatement => {
    const data: KeyField[] = [
      { type: addressType(family), value: target.address },
      { type: 'inet_service', value: target.port },
    ];
    return { kind: 'element', set: map, key: [...key, { type: 'integer', value: slot }], data };
  });
  return { chain, elements: [dispatch({ kind: 'goto', chain: chain.name }), ...elements] };
}

function balancingChain(balance: Omit<Balance, 'kind'>): ChainStatement {
  return {
    kind: 'chain',
    name: `s_${balance.by}_${balance.slots}_${balance.map}`,
    rules: [{ expressions: [{ kind: 'balance', ...balance }] }],
  };
}

/** In one order whatever came first, so that the same targets are the same elements. */
function inOrder(targets: readonly Target[]): Target[] {
  return [...targets].sort((left, right) => (targetText(left) < targetText(right) ? -1 : 1));
}

/** Enough that a few targets share sources evenly, and a multiple of what many are. */
const FEWEST_SLOTS = 256;
const SLOTS_PER_TARGET = 4;

/**
 * A target for each slot that sources are hashed to: the one of them whose hash with the slot is highest. So a target that goes leaves its own
 * slots to others, one that comes takes some of each, and no other source changes its target.
 */
function slotsBySource(targets: readonly Target[]): Target[] {
  const hashed = inOrder(targets).map((target) => ({ target, hash: textHash(targetText(target)) }));
  const count = Math.max(FEWEST_SLOTS, SLOTS_PER_TARGET * 2 ** Math.ceil(Math.log2(targets.length)));
  return Array.from({ length: count }, (_, slot) => {
    let best = hashed[0]!;
    let highest = -1;
    for (const candidate of hashed) {
      const weight = mixed(candidate.hash ^ Math.imul(slot + 1, 0x9e3779b1));
      if (weight > highest) [best, highest] = [candidate, weight];
    }
    return best.target;
  });
}

export function targetText({ address, port }: Target): string {
  return `${address} ${port}`;
}

/** FNV-1a, 32 bits: the same on every host. */
function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** The finalizer of MurmurHash3: each bit of the input changes half of those of the output. */
function mixed(input: number): number {
  let hash = input;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** An element for what a container needs the host's source for: what it sends to itself. */
export function hairpinElement(address: string): ElementStatement {
  const family = familyOf(address);
  const field: KeyField = { type: addressType(family), value: address };
  return { kind: 'element', set: family === 'IPv4' ? 'hairpin4' : 'hairpin6', key: [field, field] };
}

/** An element for a target that is not on this host, and answers past it. */
export function farElement({ address, port }: Target, protocol: ServicePort['protocol']): ElementStatement {
  const family = familyOf(address);
  const key: KeyField[] = [
    { type: addressType(family), value: address },
    { type: 'inet_proto', value: protocolNumber(protocol) },
    { type: 'inet_service', value: port },
  ];
  return { kind: 'element', set: family === 'IPv4' ? 'far_backend4' : 'far_backend6', key };
}
