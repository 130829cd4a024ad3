/** What no host sees by itself: that others, on the same link between the hosts, send and take packets of another size. Pure. */
import type { Host } from '@weir/resources';
import type { AgentPresence } from './presence.ts';

/** The agents, with a problem more for each whose MTU is another than most have in a subnet of its host. */
export function withMtuProblems(agents: ReadonlyMap<string, AgentPresence>, hosts: readonly Host[]): Map<string, AgentPresence> {
  const found = new Map<string, Set<string>>();
  for (const subnet of new Set(hosts.flatMap(({ spec }) => spec.subnets))) {
    const members = hosts.filter(({ spec }) => spec.subnets.includes(subnet)).map(({ metadata }) => metadata.name);
    for (const [host, problem] of problemsIn(subnet, members, agents)) found.set(host, (found.get(host) ?? new Set()).add(problem));
  }
  return new Map(
    [...agents].map(([name, agent]) => [
      name,
      found.has(name) ? { ...agent, problems: [...(agent.problems ?? []), ...found.get(name)!] } : agent,
    ]),
  );
}

function problemsIn(
  subnet: string,
  members: readonly string[],
  agents: ReadonlyMap<string, AgentPresence>,
): [host: string, problem: string][] {
  const sizes = members.flatMap((name) => agents.get(name)?.mtu ?? []);
  const counts = [...Map.groupBy(sizes, (size) => size)].map(([size, same]) => ({ size, count: same.length }));
  // Of as many with each the larger one is taken to be meant.
  const [usual] = counts.sort((left, right) => right.count - left.count || right.size - left.size);
  return members.flatMap((name) => {
    const mtu = agents.get(name)?.mtu;
    if (mtu === undefined || usual === undefined || mtu === usual.size) return [];
    const lost = mtu < usual.size ? `packets to it of more than ${mtu} bytes` : `packets of it of more than ${usual.size} bytes`;
    return [
      [name, `the MTU of its interface is ${mtu}, that of others in ${subnet} is ${usual.size}, and ${lost} are lost: give all the same`],
    ];
  });
}
