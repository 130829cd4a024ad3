import { isDeepStrictEqual } from 'node:util';
import type { LabHost } from '@weir/lab';
import type { ExecutionContext } from 'ava';
import { eventually } from './eventually.ts';
import type { Testbed, Workload } from './testbed.ts';
import type { Traffic } from './traffic.ts';

/** A place that sends and is sent to. */
export interface Place {
  /** Empty where it has none of the family: nobody reaches it by that. */
  ipv4: string;
  ipv6: string;
  traffic: Traffic;
}

/** What came through of a flow that was tried over both families. */
export type Passage = boolean | 'IPv4 only' | 'IPv6 only';

/** A host itself, as an end of flows. */
export function hostPlace(host: LabHost, traffic: Traffic): Place {
  return { ...host.addresses, traffic };
}

/**
 * Asserts which flows pass, each tried with real packets over IPv4 and over IPv6, until all are as wanted or time is up.
 *
 * @param places workloads and hosts by the names that the flows use
 * @param wanted by flow: `client > server tcp/80`, `… udp/53`, `… ping`
 */
export async function expectFlows(
  t: ExecutionContext,
  places: Record<string, Place | Workload>,
  wanted: Record<string, Passage>,
): Promise<void> {
  const seen = await eventually(
    () => measureFlows(places, Object.keys(wanted)),
    (passages) => isDeepStrictEqual(passages, wanted),
  );
  t.deepEqual(seen, wanted);
}

/** `expectFlows` while these manifests are in force: they are taken away again, also when what was expected did not come. */
export async function expectFlowsUnder(
  t: ExecutionContext,
  bed: Testbed,
  manifests: string,
  places: Record<string, Place | Workload>,
  wanted: Record<string, Passage>,
): Promise<void> {
  t.timeout(60_000);
  await bed.apply(manifests);
  try {
    await expectFlows(t, places, wanted);
  } finally {
    await bed.delete(manifests);
  }
}

async function measureFlows(places: Record<string, Place>, flows: string[]): Promise<Record<string, Passage>> {
  return Object.fromEntries(await Promise.all(flows.map(async (flow) => [flow, await measureFlow(places, flow)] as const)));
}

async function measureFlow(places: Record<string, Place>, flow: string): Promise<Passage> {
  const [, from = '', to = '', kind = '', port = ''] = /^(\S+) > (\S+) (tcp|udp|ping)\/?(\d*)$/.exec(flow) ?? [];
  const [source, target] = [places[from], places[to]];
  if (source === undefined || target === undefined) throw new Error(`'${flow}' is no flow between ${Object.keys(places).join(', ')}`);
  const send = (address: string) =>
    address !== '' &&
    (kind === 'ping' ? source.traffic.ping(address) : source.traffic[kind as 'tcp' | 'udp']({ address, port: Number(port) }));
  const [overIpv4, overIpv6] = await Promise.all([send(target.ipv4), send(target.ipv6)]);
  if (overIpv4 === overIpv6) return overIpv4;
  return overIpv4 ? 'IPv4 only' : 'IPv6 only';
}
