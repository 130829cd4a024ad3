import { CliError } from '../cli-error.ts';
import { readUsage } from '../ipam/ipam-table.ts';
import { withMtuProblems } from '../node/mtu-problems.ts';
import { presentAgents } from '../node/presence.ts';
import { findObject } from '../objects/find-object.ts';
import { listObjects } from '../objects/list-objects.ts';
import { notFoundBut } from '../objects/not-found.ts';
import { parseReferences } from '../objects/references.ts';
import type { Stores } from '../objects/stores.ts';
import { readUnreadable } from '../objects/unreadable-for.ts';
import { isPolicy } from '../output/columns.ts';
import { describe } from './describe.ts';
import { describeJson } from './describe-json.ts';

/**
 * The named objects as text, with an empty line between them; as JSON one by itself, several in a list.
 * @throws CliError ENOTFOUND
 */
export async function describeObjects(
  stores: Stores,
  words: readonly string[],
  { namespace, form }: { namespace: string; form: 'text' | 'json' },
): Promise<string> {
  const ids = parseReferences(words).map(({ kind: { kind, namespaced }, name }) => {
    if (name === undefined) throw new CliError('EUSAGE', `name what to describe: weir describe ${kind.toLowerCase()} NAME`);
    return { kind, name, ...(namespaced && { namespace }) };
  });
  const found = await Promise.all(
    ids.map(async (id) => {
      const object = await findObject(stores, id);
      if (object === undefined) throw await notFoundBut(stores, id);
      return object;
    }),
  );
  const [endpoints, policies, globalPolicies, namespaces, tiers, hostEndpoints, services, agents, hosts, usage, unreadableFor] =
    await Promise.all([
      listObjects(stores, 'Endpoint', {}),
      listObjects(stores, 'Policy', {}),
      listObjects(stores, 'GlobalPolicy', {}),
      listObjects(stores, 'Namespace', {}),
      listObjects(stores, 'Tier', {}),
      listObjects(stores, 'HostEndpoint', {}),
      ids.some(({ kind }) => kind === 'Endpoint') ? listObjects(stores, 'Service', {}) : [],
      presentAgents(stores.store),
      ids.some(({ kind }) => kind === 'Host') ? listObjects(stores, 'Host', {}) : [],
      ids.some(({ kind }) => kind === 'Pool') ? readUsage(stores.store) : [],
      ids.some(({ kind }) => isPolicy(kind)) ? readUnreadable(stores) : undefined,
    ]);
  const surroundings = {
    endpoints,
    policies: [...globalPolicies, ...policies],
    namespaces,
    tiers,
    hostEndpoints,
    services,
    agents: withMtuProblems(agents, hosts),
    usage,
    ...(unreadableFor && { unreadableFor }),
  };
  if (form === 'text') return found.map((object) => describe(object, surroundings)).join('\n');
  const described = found.map((object) => describeJson(object, surroundings));
  return `${JSON.stringify(described.length === 1 ? described[0] : described, null, 2)}\n`;
}
