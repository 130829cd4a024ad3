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
import { type Endpoint, familyOf, protocolNumber } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { endpointText } from './flow-end.ts';
import { stepOf, type Trace } from './trace.ts';

export interface Live {
  /** What the kernel of this host did; of what follows on another host it says nothing. */
  verdict: 'Allow' | 'Deny';
  /** Every rule that matched, and every chain's policy. */
  events: (TraceEvent & { comment?: string })[];
  answer: ProbeAnswer;
  /** What is calculated for this host alone. */
  calculated: 'Allow' | 'Deny';
}

/** Until the last event has come, and an answer of another host. In milliseconds. */
const PATIENCE = 400;
const TABLE = 'weir_trace';
const PROBED = ['TCP', 'UDP', 'ICMP', 'ICMPv6'];

/** @throws CliError EREFUSED where no probe can be sent from here; KernelError */
export async function traceLive(traced: Trace): Promise<Live> {
  const { from, to, flow } = traced;
  if (from.endpoint === undefined) throw new CliError('EREFUSED', 'a probe is sent from a container: --from has to name an endpoint');
  if (!PROBED.includes(String(flow.protocol)))
    throw new CliError('EREFUSED', `no probe of protocol ${flow.protocol} can be sent: use ${PROBED.join(', ')}`);
  if (process.geteuid?.() !== 0)
    throw new CliError('EREFUSED', 'a probe can be sent by root alone: run weir trace --live as root, on the host of the source');
  const path = namespaceOf(from.endpoint, from.address);
  using container = openNamespace(path);
  // The table is this socket's: it goes with the process, however that ends.
  using marking = Nftables.open();
  using trace = NftTrace.open();
  marking.run(markingTable(traced));
  const { destinationPort } = flow;
  using probe = Probe.send({
    namespace: container,
    destination: to.address,
    protocol: protocolNumber(flow.protocol),
    ...(destinationPort !== undefined && { port: destinationPort }),
  });
  await delay(PATIENCE);
  const all = trace.read();
  const [first] = all;
  if (first === undefined)
    throw new CliError(
      'EREFUSED',
      `the kernel saw no packet of ${endpointText(from.endpoint)} on this host: does the container have a route to ${to.address}?`,
    );
  // Later ones are of the answer to the answer, or sent again.
  const own = all.filter(({ id, table }) => id === first.id && table !== TABLE);
  const events = own.map((event) => ({ ...event, ...commentOf(event, marking) }));
  return {
    verdict: own.some(({ verdict }) => verdict === 'drop') ? 'Deny' : 'Allow',
    events,
    answer: probe.answer,
    calculated: calculatedHere(traced),
  };
}

export function formatLive({ verdict, events, answer, calculated }: Live): string {
  const drop = events.find((event) => event.verdict === 'drop');
  const said = { answered: 'it was answered', refused: 'it was refused by the other end', none: 'no answer was waited for, or came' }[
    answer
  ];
  return [
    '',
    `Live: ${drop === undefined ? `the probe passed this host; ${said}` : `the kernel dropped the probe in ${placeOf(drop)}`}`,
    ...events
      .filter((event) => event.type === 'rule' || event.verdict === 'drop')
      .map((event) => `  ${placeOf(event)}: ${event.verdict}${event.target === undefined ? '' : ` ${event.target}`}`),
    verdict === calculated
      ? 'The kernel does what is calculated.'
      : `The kernel differs: ${calculated === 'Allow' ? 'allowed' : 'denied'} is calculated for this host. ${adviceOn(drop)}`,
    '',
  ].join('\n');
}

function adviceOn(drop: TraceEvent | undefined): string {
  if (drop !== undefined && drop.table !== 'weir') return `The table ${drop.family} ${drop.table} is not Weir's.`;
  return 'See whether its agent is in step: weir node status, /readyz.';
}

function placeOf({ family, table, chain, type, handle, comment }: Live['events'][number]): string {
  const rule = type === 'policy' ? ' (policy of the chain)' : handle === undefined ? '' : ` # handle ${handle}`;
  return `${family} ${table} ${chain}${rule}${comment === undefined ? '' : ` "${comment}"`}`;
}

function calculatedHere(traced: Trace): 'Allow' | 'Deny' {
  if (stepOf(traced, 'Egress')?.verdict === 'Deny') return 'Deny';
  const isHere = traced.to.endpoint !== undefined && traced.to.endpoint.spec.host === traced.from.endpoint?.spec.host;
  return isHere && stepOf(traced, 'Ingress')?.verdict === 'Deny' ? 'Deny' : 'Allow';
}

function markingTable({ flow: { source, destination, protocol, destinationPort } }: Trace): string {
  const ip = familyOf(source) === 'IPv4' ? 'ip' : 'ip6';
  const port =
    destinationPort === undefined
      ? `meta l4proto ${protocolNumber(protocol)}`
      : `${String(protocol).toLowerCase()} dport ${destinationPort}`;
  // Before everything else: raw tables have -300, and Weir's own begins there.
  return `table inet ${TABLE} { flags owner; chain prerouting { type filter hook prerouting priority -450; ${ip} saddr ${source} ${ip} daddr ${destination} ${port} meta nftrace set 1; }; }`;
}

function commentOf({ family, table, handle }: TraceEvent, nftables: Nftables): { comment?: string } {
  if (handle === undefined || family === 'other') return {};
  const listed: NftObject[] = nftables.list(`${family} ${table}`) ?? [];
  const comment = listed.find(({ rule }) => rule?.handle === handle)?.rule?.comment;
  return typeof comment === 'string' ? { comment } : {};
}

/** The network namespace of a container's processes that has the address. */
function namespaceOf(endpoint: Endpoint, address: string): string {
  const seen = new Set<number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const path = `/proc/${pid}/ns/net`;
    try {
      const { ino } = statSync(path);
      if (seen.has(ino)) continue;
      seen.add(ino);
      using namespace = openNamespace(path);
      using netlink = Netlink.open({ namespace });
      if (netlink.addresses().some((own) => own.cidr.split('/')[0] === address)) return path;
    } catch (error) {
      // The process has ended meanwhile.
      if (!(error instanceof KernelError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }
  throw new CliError('EREFUSED', `${endpointText(endpoint)} has no process on this host: run weir trace --live on ${endpoint.spec.host}`);
}
