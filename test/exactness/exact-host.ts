/**
 * A host with containers, two links to the world outside and processes of its own, in namespaces: packets are sent as bytes from each of
 * these places, and seen where they arrive. Nobody answers: an answer would make a flow of its own of what was only a packet.
 */
import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { NftablesTable } from '@weir/agent/nftables-table';
import { Conntrack, inNamespace, Nftables, NftSocket, PacketQueue, sysctl } from '@weir/kernel';
import { PacketSocket, RawIpSocket, temporaryNamespace } from '@weir/kernel/testing';
import type { BaseTable, DataplaneChange } from '@weir/policy';
import type { Packet } from '@weir/policy/test-support';
import { familyOf } from '@weir/resources';
import { attach, hostSetup } from '@weir/routing';
import type { ExecutionContext } from 'ava';
import { frameOf, numberOf, packetOf } from '../testbed/frame.ts';

/** A packet that is let through usually is before its sender has gone on. What is not expected is waited for this long, and what is for longer: the machine may be busy. */
const UNEXPECTED_MS = 15;
const EXPECTED_MS = 3000;

/** Where packets begin and end. */
export interface Place {
  readonly kind: 'container' | 'outside' | 'host';
  readonly addresses: readonly string[];
  /** The host's interface that leads there; of the host itself, none. */
  readonly link?: string;
  /** @param number tells the packet from all others */
  send(packet: Packet, number: number): void;
  /** Numbers of the packets that have come since the last call. */
  received(): number[];
}

export interface Shot {
  packet: Packet;
  from: Place;
  to: Place;
}

/** One of them is no interface of Weir's by name, and has to be adopted. */
export const CONTAINERS: readonly { hostInterface: string; addresses: readonly string[] }[] = [
  { hostInterface: 'weirc0', addresses: ['10.0.0.1', 'fd00::1'] },
  { hostInterface: 'weirc1', addresses: ['10.0.0.2', 'fd00::2'] },
  { hostInterface: 'weirc2', addresses: ['10.0.0.3', '10.0.1.1'] },
  { hostInterface: 'tapc3', addresses: ['10.0.0.4', 'fd00::3'] },
  { hostInterface: 'weirc4', addresses: ['10.0.0.5', 'fd00::4'] },
];
/** In and beside the nets that policies name. */
export const OUTSIDE: Readonly<Record<string, readonly string[]>> = {
  out0: ['10.0.0.200', '192.168.1.1', 'fd00::ff'],
  out1: ['8.8.8.8', '200.1.1.1', '2001:db8::1'],
};
/** Those that host endpoints may tell of, and others. */
export const HOST_ADDRESSES = { told: ['10.0.2.1', 'fd00:2::1'], untold: ['10.0.2.9', 'fd00:2::9'] } as const;

/** Number of the NFQUEUE where packets to the host's own processes are seen, behind all of policy. */
const WITNESS = 77;

export class ExactHost {
  readonly places: readonly Place[];
  readonly #table: NftablesTable;
  readonly #conntrack: Conntrack;

  private constructor(places: readonly Place[], table: NftablesTable, conntrack: Conntrack) {
    this.places = places;
    this.#table = table;
    this.#conntrack = conntrack;
  }

  /** Gone with the test. */
  static make(t: ExecutionContext): ExactHost {
    const host = temporaryNamespace(t);
    const closing = <T extends { close(): void }>(resource: T): T => {
      t.teardown(() => resource.close());
      return resource;
    };
    inNamespace(host, () => {
      hostSetup();
      // The packets have no sums over their payloads.
      sysctl('net/netfilter/nf_conntrack_checksum', 0);
    });
    const nftables = closing(Nftables.open({ namespace: host }));
    const socket = closing(NftSocket.open({ namespace: host }));
    const containers = CONTAINERS.map(({ hostInterface, addresses }): Place => {
      const namespace = temporaryNamespace(t);
      const { hostMac, containerMac } = inNamespace(host, () =>
        attach({ namespace, interfaceName: 'eth0', hostInterface, addresses: [...addresses] }),
      );
      ip(namespace, 'address flush dev eth0');
      const wire = closing(PacketSocket.open(namespace, 'eth0'));
      return { kind: 'container', addresses, link: hostInterface, ...onWire(wire, { from: containerMac, to: hostMac }) };
    });
    const outside = Object.entries(OUTSIDE).map(([link, addresses], index): Place => {
      const namespace = temporaryNamespace(t);
      const macs = { from: `02:00:00:00:${index}1:02`, to: `02:00:00:00:${index}1:01` };
      linkOutside(host, { namespace, link, addresses, macs });
      const wire = closing(PacketSocket.open(namespace, 'eth0'));
      return { kind: 'outside', addresses, link, ...onWire(wire, macs) };
    });
    const table = new NftablesTable({ family: 'inet', table: 'weir' }, { nftables, socket });
    const conntrack = closing(Conntrack.open({ namespace: host }));
    return new ExactHost([...containers, ...outside, hostItself(host, { nftables, nft: socket, closing })], table, conntrack);
  }

  /** Brings the kernel in step, and makes it forget all flows: each packet is to be the first of its own. */
  async apply(change: DataplaneChange, base: BaseTable): Promise<void> {
    this.#table.desire(change);
    this.#table.bringInStep(base);
    this.#conntrack.delete(await this.#conntrack.list());
  }

  /**
   * Sends everything, and gives back the numbers of what arrived where it was to.
   *
   * @param first number of the first shot
   * @param wanted numbers of those that should arrive
   */
  async arrivals(volley: readonly Shot[], first: number, wanted: ReadonlySet<number>): Promise<Set<number>> {
    for (const place of this.places) place.received();
    for (const [index, { packet, from }] of volley.entries()) from.send(packet, first + index);
    const arrived = new Set<number>();
    const begin = performance.now();
    do {
      await delay(UNEXPECTED_MS);
      for (const place of this.places) {
        for (const number of place.received()) {
          const shot = volley[number - first];
          if (shot === undefined || shot.to !== place) throw new Error(`a packet went astray: ${JSON.stringify(shot?.packet)}`);
          arrived.add(number);
        }
      }
    } while (!wanted.isSubsetOf(arrived) && performance.now() - begin < EXPECTED_MS);
    return arrived;
  }
}

function onWire(socket: PacketSocket, macs: { from: string; to: string }): Pick<Place, 'send' | 'received'> {
  return {
    send: (packet, number) => socket.send(frameOf(packet, number, macs)),
    received: () => [...socket.received()].flatMap((frame) => numberOf(frame) ?? []),
  };
}

function linkOutside(
  host: string,
  of: { namespace: string; link: string; addresses: readonly string[]; macs: { from: string; to: string } },
): void {
  const { namespace, link, addresses, macs } = of;
  ip(
    host,
    `link add ${link} address ${macs.to} type veth peer name eth0 address ${macs.from} netns ${basename(namespace)}`,
    `link set ${link} up`,
  );
  ip(namespace, 'link set eth0 up');
  ip(
    host,
    ...addresses.flatMap((address) => [
      `route add ${address} dev ${link}`,
      `neighbour add ${address} lladdr ${macs.from} nud permanent dev ${link}`,
    ]),
  );
}

/** What its own processes send and receive. */
function hostItself(
  host: string,
  of: { nftables: Nftables; nft: NftSocket; closing: <T extends { close(): void }>(resource: T) => T },
): Place {
  const { nftables, nft, closing } = of;
  const addresses = [...HOST_ADDRESSES.told, ...HOST_ADDRESSES.untold];
  ip(host, ...addresses.map((address) => `address add ${address} dev out0${familyOf(address) === 'IPv6' ? ' nodad' : ''}`));
  nftables.run(`table inet witness {
  chain seen { type filter hook input priority 200; }
  chain swallowed { type filter hook input priority 210; policy drop; }
}`);
  // nft cannot say this rule where the kernel has queues as iptables' target alone.
  const rule = { expressions: [{ kind: 'queue' as const, number: WITNESS }] };
  nft.apply({ family: 'inet', table: 'witness' }, [{ kind: 'rules', op: 'add', chain: 'seen', rules: [rule] }]);
  let seen: number[] = [];
  closing(
    PacketQueue.open({
      number: WITNESS,
      namespace: host,
      onPacket: (packet) => {
        const number = numberOf(packet);
        if (number !== undefined) seen.push(number);
      },
      onFailure: (error) => {
        throw error;
      },
    }),
  );
  const raw = closing(RawIpSocket.open(host));
  return {
    kind: 'host',
    addresses,
    send: (packet, number) => raw.send(packetOf(packet, number)),
    received: () => {
      const numbers = seen;
      seen = [];
      return numbers;
    },
  };
}

function ip(namespace: string, ...commands: string[]): void {
  execFileSync('ip', ['-n', basename(namespace), '-batch', '-'], { input: commands.map((line) => `${line}\n`).join('') });
}
