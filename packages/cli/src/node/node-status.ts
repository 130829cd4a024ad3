import type { Host } from '@weir/resources';
import type { BgpSessionStatus } from '@weir/routing';
import { CliError } from '../cli-error.ts';
import { listObjects } from '../objects/list-objects.ts';
import { notFound } from '../objects/not-found.ts';
import type { Stores } from '../objects/stores.ts';
import { formatMesosTraffic } from '../output/columns.ts';
import { type Column, renderTable } from '../output/table.ts';
import { withMtuProblems } from './mtu-problems.ts';
import { type AgentPresence, presentAgents } from './presence.ts';

export interface NodeStatus {
  host: string;
  addresses: string[];
  /** Null: it does not run, or does not reach the store. */
  agent: AgentPresence | null;
  blocks: string[];
  endpoints: number;
  mesosTraffic: Host['spec']['mesosTraffic'];
}

/**
 * The hosts, or those of the given names, as the store knows them.
 * @throws CliError ENOTFOUND for a name that is no host's
 */
export async function readNodes(stores: Stores, names: readonly string[]): Promise<NodeStatus[]> {
  const [hosts, blocks, endpoints, present] = await Promise.all([
    listObjects(stores, 'Host', {}),
    listObjects(stores, 'Block', {}),
    listObjects(stores, 'Endpoint', {}),
    presentAgents(stores.store),
  ]);
  const unknown = names.filter((name) => !hosts.some(({ metadata }) => metadata.name === name));
  if (unknown.length > 0) throw new CliError('ENOTFOUND', unknown.map((name) => notFound({ kind: 'Host', name }).message).join('\n'));
  const agents = withMtuProblems(present, hosts);
  return hosts
    .filter(({ metadata }) => names.length === 0 || names.includes(metadata.name))
    .map(({ metadata: { name }, spec }) => ({
      host: name,
      addresses: spec.addresses,
      agent: agents.get(name) ?? null,
      blocks: blocks.filter((block) => block.spec.host === name).map((block) => block.spec.cidr),
      endpoints: endpoints.filter((endpoint) => endpoint.spec.host === name).length,
      mesosTraffic: spec.mesosTraffic,
    }));
}

const COLUMNS: Column<NodeStatus>[] = [
  { header: 'HOST', value: ({ host }) => host },
  { header: 'ADDRESS', value: ({ addresses }) => addresses.join(',') },
  { header: 'AGENT', value: ({ agent }) => (agent === null ? 'down' : problemsOf(agent).length > 0 ? 'degraded' : 'up') },
  { header: 'ENDPOINTS', value: ({ endpoints }) => String(endpoints), align: 'right' },
  { header: 'BLOCKS', value: ({ blocks }) => blocks.join(',') || '<none>', shrinks: true },
  { header: 'MESOS-TRAFFIC', value: ({ mesosTraffic }) => formatMesosTraffic(mesosTraffic), shrinks: true },
];

type SessionRow = BgpSessionStatus & { host: string };

const SESSION_COLUMNS: Column<SessionRow>[] = [
  { header: 'HOST', value: ({ host }) => host },
  { header: 'BGP PEER', value: ({ peer }) => peer },
  { header: 'ADDRESS', value: ({ address }) => address },
  { header: 'AS', value: ({ asNumber }) => String(asNumber), align: 'right' },
  { header: 'STATE', value: ({ state }) => state },
  { header: 'SINCE', value: ({ since }) => since?.replace('.000Z', 'Z') ?? '' },
  { header: 'IN', value: ({ routes }) => String(routes.in), align: 'right' },
  { header: 'OUT', value: ({ routes }) => String(routes.out), align: 'right' },
  { header: 'WHY', value: ({ problem = '' }) => problem, shrinks: true },
];

export function formatNodes(nodes: readonly NodeStatus[], width: number): string {
  if (nodes.length === 0) return 'No host is known yet: weir agent makes its own when it starts.\n';
  const problems = nodes.flatMap(({ host, agent }) => problemsOf(agent).map((problem) => `${host}: ${problem}\n`));
  const sessions = nodes.flatMap(({ host, agent }) => (agent?.bgp ?? []).map((session) => ({ host, ...session })));
  const parts = [
    renderTable(COLUMNS, nodes, width),
    ...(sessions.length > 0 ? [renderTable(SESSION_COLUMNS, sessions, width)] : []),
    problems.join(''),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

const problemsOf = (agent: AgentPresence | null): string[] => agent?.problems ?? [];
