/** Sends a real packet and looks at what this host's kernel does with it. */
import { readdirSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  KernelError,
  Netlink,
  Nftables,
  type NftObject,
  NftTrace,
  openNamespace,
  Probe,
  type ProbeAnswer,
  type TraceEvent,
} from '@weir/kernel';
import { familyOf, protocolNumber } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import type { FlowEnd } from './flow-end.ts';
import type { Trace } from './trace.ts';

export interface Live {
  /** What the kernel of this host did; of what follows on another host it says nothing. */
  verdict: 'Allow' | 'Deny';
  /** Every rule that matched, and every chain's policy. */
  events: (TraceEvent & { comment?: string })[];
  /** Absent where the packet was somebody else's. */
  answer?: ProbeAnswer;
  /** What is calculated for this host alone. */
  calculated: 'Allow' | 'Deny';
}

/** Until the last event has come, and an answer. In milliseconds. */
const PATIENCE = 400;
/** For a packet that somebody else sends. */
const FOREIGN_PATIENCE = 30_000;
const TABLE = 'weir_trace';
const PROBED = ['TCP', 'UDP', 'ICMP', 'ICMPv6'];

/**
 * On the host of the source a probe is sent. On that of the destination the first packet that comes is looked at, whoever sends it: the same
 * command on the other host, say.
 *
 * @param waiting called where it waits for somebody else's packet
 * @throws CliError EREFUSED where neither end is on this host, ENOTFOUND when no packet came; KernelError
 */
export async function traceLive(traced: Trace, waiting: (seconds: number) => void): Promise<Live> {
  const { from, to, flow } = traced;
  if (!PROBED.includes(String(flow.protocol)))
    throw new CliError('EREFUSED', `no probe of protocol ${flow.protocol} can be sent: use ${PROBED.join(', ')}`);
  if (process.geteuid?.() !== 0) throw new CliError('EREFUSED', 'the kernel is asked by root alone: run weir trace --live as root');
  const [source, destination] = [from, to].map((end) => namespaceOf(end));
  if (source === undefined && destination === undefined) throw notHere(traced);
  // The table is this socket's: it goes with the process, however that ends.
  using marking = Nftables.open();
  using trace = NftTrace.open();
  marking.run(markingTable(traced, { isOurs: source === OWN_NAMESPACE }));
  using probe = source === undefined ? undefined : sendProbe(source, traced);
  const isForeign = source === undefined;
  if (isForeign) waiting(FOREIGN_PATIENCE / 1000);
  const all = await firstEvents(trace, isForeign ? FOREIGN_PATIENCE : PATIENCE);
  const [first] = all;
  if (first === undefined) {
    const hint = isForeign ? `send it now, from ${from.address}` : `is there a route from there to ${to.address}?`;
    throw new CliError('ENOTFOUND', `this host saw no packet from ${from.address} to ${to.address}: ${hint}`);
  }
  // Later ones are of the answer to the answer, or sent again.
  const own = all.filter(({ id, table }) => id === first.id && table !== TABLE);
  return {
    verdict: own.some(({ verdict }) => verdict === 'drop') ? 'Deny' : 'Allow',
    events: own.map((event) => ({ ...event, ...commentOf(event, marking) })),
    ...(!isForeign && { answer: probe?.answer ?? 'none' }),
    calculated: calculatedHere(traced, { source: source !== undefined, destination: destination !== undefined }),
  };
}

/** Undefined where this host drops what it sends itself, which its sender is told at once. */
function sendProbe(path: string, { to, flow: { protocol, destinationPort } }: Trace): Probe | undefined {
  using namespace = openNamespace(path);
  const port = destinationPort !== undefined && { port: destinationPort };
  try {
    return Probe.send({ namespace, destination: to.address, protocol: protocolNumber(protocol), ...port });
  } catch (error) {
    if (path === OWN_NAMESPACE && error instanceof KernelError && error.code === 'EPERM') return undefined;
    throw error;
  }
}

/** All events of the first moments, from the first that comes. */
async function firstEvents(trace: NftTrace, patience: number): Promise<TraceEvent[]> {
  const end = performance.now() + patience;
  let events: TraceEvent[] = [];
  while (events.length === 0 && performance.now() < end) {
    await delay(50);
    events = trace.read();
  }
  await delay(PATIENCE);
  return [...events, ...trace.read()];
}

function notHere({ from, to }: Trace): CliError {
  const hosts = [from, to].flatMap(({ endpoint, host }) => host ?? endpoint?.spec.host ?? []);
  const where = hosts.length === 0 ? 'none is an endpoint or a host' : `run weir trace --live on ${[...new Set(hosts)].join(' or ')}`;
  return new CliError('EREFUSED', `neither end is on this host: ${where}`);
}

const ANSWERS: Readonly<Record<ProbeAnswer, string>> = {
  answered: 'it was answered',
  refused: 'it was refused, by the other end or on the way',
  none: 'no answer came',
};

export function formatLive({ verdict, events, answer, calculated }: Live, traced: Trace): string {
  const drop = events.find((event) => event.verdict === 'drop');
  const said = answer === undefined ? '' : `; ${ANSWERS[answer]}${answer === 'none' ? silenceText(traced) : ''}`;
  return [
    '',
    `Live: ${drop === undefined ? `the packet passed this host${said}` : `the kernel dropped the packet in ${placeOf(drop)}`}`,
    ...events
      .filter((event) => event.type === 'rule' || event.verdict === 'drop')
      .map((event) => `  ${placeOf(event)}: ${event.verdict}${event.target === undefined ? '' : ` ${event.target}`}`),
    verdict === calculated
      ? 'The kernel does what is calculated.'
      : `The kernel differs: ${calculated === 'Allow' ? 'allowed' : 'denied'} is calculated for this host. ${adviceOn(drop)}`,
    '',
  ].join('\n');
}

/** What no answer means, and where to go on. */
function silenceText({ flow, way }: Trace): string {
  if (flow.protocol === 'UDP') return ', which says nothing of UDP';
  return way.to === undefined || way.to === way.from
    ? ''
    : `: run this on ${way.to}, and meanwhile here again, to see whether it gets there`;
}

function adviceOn(drop: TraceEvent | undefined): string {
  if (drop !== undefined && drop.table !== 'weir') return `The table ${drop.family} ${drop.table} is not Weir's.`;
  return 'See whether its agent is in step: weir node status, /readyz.';
}

function placeOf({ family, table, chain, type, handle, comment }: Live['events'][number]): string {
  const rule = type === 'policy' ? ' (policy of the chain)' : handle === undefined ? '' : ` # handle ${handle}`;
  return `${family} ${table} ${chain}${rule}${comment === undefined ? '' : ` "${comment}"`}`;
}

function calculatedHere(traced: Trace, here: { source: boolean; destination: boolean }): 'Allow' | 'Deny' {
  const { steps } = traced.explanation;
  const isDenied = (of: 'Ingress' | 'Egress') => steps.some(({ direction, verdict }) => direction === of && verdict === 'Deny');
  if (here.destination && traced.explanation.privatePool !== undefined) return 'Deny';
  return (here.source && isDenied('Egress')) || (here.destination && isDenied('Ingress')) ? 'Deny' : 'Allow';
}

/** @param of.isOurs this host itself sends it, under whichever of its addresses */
function markingTable({ flow: { source, destination, protocol, destinationPort } }: Trace, of: { isOurs: boolean }): string {
  const ip = familyOf(source) === 'IPv4' ? 'ip' : 'ip6';
  const port =
    destinationPort === undefined
      ? `meta l4proto ${protocolNumber(protocol)}`
      : `${String(protocol).toLowerCase()} dport ${destinationPort}`;
  // Before everything else: raw tables have -300, and Weir's own begins there.
  const chain = (hook: string, match: string) =>
    `chain ${hook} { type filter hook ${hook} priority -450; ${match} ${ip} daddr ${destination} ${port} meta nftrace set 1; };`;
  const chains = [chain('prerouting', `${ip} saddr ${source}`), ...(of.isOurs ? [chain('output', '')] : [])];
  return `table inet ${TABLE} { flags owner; ${chains.join(' ')} }`;
}

function commentOf({ family, table, handle }: TraceEvent, nftables: Nftables): { comment?: string } {
  if (handle === undefined || family === 'other') return {};
  const listed: NftObject[] = nftables.list(`${family} ${table}`) ?? [];
  const comment = listed.find(({ rule }) => rule?.handle === handle)?.rule?.comment;
  return typeof comment === 'string' ? { comment } : {};
}

const OWN_NAMESPACE = '/proc/self/ns/net';

/** The network namespace of processes on this host that has the address of an endpoint, or of the host itself; undefined if there is none. */
function namespaceOf({ endpoint, host: itself, address }: FlowEnd): string | undefined {
  using host = Netlink.open();
  if (itself !== undefined) return host.addresses().some(({ cidr }) => cidr.split('/')[0] === address) ? OWN_NAMESPACE : undefined;
  if (endpoint === undefined) return undefined;
  const { hostInterface, interfaceName, mac } = endpoint.spec;
  const outside = host.link(hostInterface);
  if (outside === undefined) return undefined;
  const seen = new Set<number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const path = `/proc/${pid}/ns/net`;
    try {
      const { ino } = statSync(path);
      if (seen.has(ino)) continue;
      seen.add(ino);
      using namespace = openNamespace(path);
      using netlink = Netlink.open({ namespace });
      // Networks with an address space of their own may have the same address: both ends of the link have to know each other.
      const inside = netlink.link(interfaceName);
      if (inside === undefined || inside.peer !== outside.index || outside.peer !== inside.index) continue;
      if (mac !== undefined && inside.mac !== mac) continue;
      if (netlink.addresses().some(({ cidr }) => cidr.split('/')[0] === address)) return path;
    } catch (error) {
      // The process has ended meanwhile.
      if (!(error instanceof KernelError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }
  return undefined;
}
