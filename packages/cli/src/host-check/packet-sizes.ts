/** What sizes of packets get from this host to the others. Measured with echo requests that may not be broken into fragments. */
import { setTimeout as delay } from 'node:timers/promises';
import { EchoProbes, KernelError, type Namespace } from '@weir/kernel';
import { familyOf } from '@weir/resources';
import { type Check, failed, ok, skipped, warning } from './check.ts';

export interface Peer {
  host: string;
  address: string;
}

/** The interface with this host's address. */
export interface Uplink {
  device: string;
  /** Bytes. */
  mtu: number;
}

export interface MeasuredPath extends Peer {
  /** The largest of the sizes that were tried of which an answer came; undefined: none came. */
  carries?: number;
  /** What a router on the way has said; the interface's own MTU where none has. */
  told: number;
}

/** Of links, tunnels and clouds; what is between two of them is told as the smaller. */
const USUAL_SIZES = [
  9000, 8950, 8500, 4000, 2000, 1500, 1492, 1480, 1476, 1460, 1450, 1440, 1430, 1420, 1410, 1400, 1380, 1350, 1300, 1280, 1000, 576,
];
/** Each is sent so often, in case one is lost by chance. */
const ROUNDS = 4;
const ROUND_MILLISECONDS = 150;
/** More hosts than these would be more sockets and packets than a look is worth. */
export const MOST_PEERS = 200;

export async function measurePaths(peers: readonly Peer[], { mtu }: Uplink, namespace?: Namespace): Promise<MeasuredPath[]> {
  const sizes = [mtu, ...USUAL_SIZES.filter((size) => size < mtu)];
  const open = peers.slice(0, MOST_PEERS).map((peer) => ({ peer, probes: openProbes(peer.address, namespace) }));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const waiting = open.filter(({ probes }) => probes !== undefined && !probes.answered.has(mtu));
      if (waiting.length === 0) break;
      // Most paths carry the largest: the others are tried only where that did not come back.
      for (const { probes } of waiting) for (const size of round === 0 ? [mtu] : sizes) probes!.send(size);
      await delay(ROUND_MILLISECONDS);
    }
    return open.map(({ peer, probes }) => {
      const answered = [...(probes?.answered ?? [])];
      return { ...peer, ...(answered.length > 0 && { carries: Math.max(...answered) }), told: probes?.pathMtu ?? mtu };
    });
  } finally {
    for (const { probes } of open) probes?.close();
  }
}

/** Undefined where no route leads there. */
function openProbes(destination: string, namespace: Namespace | undefined): EchoProbes | undefined {
  try {
    return EchoProbes.open({ destination, ...(namespace && { namespace }) });
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}

/** @param overhead of the tunnels that pools want; 0: none */
export function pathChecks(measured: readonly MeasuredPath[], { device, mtu }: Uplink, overhead: number): Check[] {
  const name = 'packets to hosts';
  if (measured.length === 0) return [skipped(name, 'there is no other host yet')];
  const whole = measured.filter(({ carries }) => carries === mtu);
  const silent = measured.filter(({ carries }) => carries === undefined);
  const small = measured.filter(({ carries }) => carries !== undefined && carries < mtu);
  return [
    ...(whole.length === 0 ? [] : [ok(name, `of ${mtu} bytes, the MTU of ${device}, get to ${count(whole)}`)]),
    ...small.map((path) => smallPath(path, { device, mtu }, overhead)),
    ...(silent.length === 0
      ? []
      : [skipped(name, `${count(silent)} answered no echo request (${namesOf(silent)}): what size gets there was not seen`)]),
  ];
}

function smallPath({ host, address, carries, told }: MeasuredPath, { device, mtu }: Uplink, overhead: number): Check {
  const name = `packets to ${host}`;
  const inContainers = `"mtu": ${carries! - overhead} in the network files`;
  if (told < mtu) {
    const found = `the way to ${address} carries ${told} bytes, as a router there says, and ${device} takes ${mtu}`;
    return warning(name, found, `each flow finds out by itself, with its first large packet; ${inContainers} spares it that`);
  }
  const found = `${address} answers ${carries} bytes and nothing larger, ${device} takes ${mtu}, and nobody on the way says so: connections open, and hang with the first large packet`;
  const remedy = `give ${device} the MTU of the network between, on all hosts, or mend what drops large packets, or the ICMP messages about them; until then ${inContainers}`;
  return failed(name, found, remedy);
}

const count = (paths: readonly MeasuredPath[]): string => {
  const hosts = new Set(paths.map(({ host }) => host)).size;
  return hosts === 1 ? '1 host' : `${hosts} hosts`;
};

function namesOf(paths: readonly MeasuredPath[]): string {
  const names = [...new Set(paths.map(({ host }) => host))];
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} …`;
}

/** The addresses by which hosts reach each other: the first of each family that both have. */
export function peersOf(own: readonly string[], others: readonly { name: string; addresses: readonly string[] }[]): Peer[] {
  const families = new Set(own.map(familyOf));
  return others.flatMap(({ name: host, addresses }) =>
    [...families]
      .flatMap((family) => addresses.find((address) => familyOf(address) === family) ?? [])
      .map((address) => ({ host, address })),
  );
}
