/** Containers come and go for as long as an agent runs: of those that are gone nothing is left in its process, its files and the kernel. */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Netlink, Nftables } from '@weir/kernel';
import test from 'ava';
import { callCni, mesosNetwork } from './testbed/cni-call.ts';
import { eventually } from './testbed/eventually.ts';
import { POOLS, Testbed } from './testbed/testbed.ts';

const REST = '{ apiVersion: weir/v1, kind: IpamConfig, metadata: { name: default }, spec: { cooldownSeconds: 0 } }';
const POLICY =
  "{ apiVersion: weir/v1, kind: Policy, metadata: { name: web }, spec: { selector: app == 'web', ingress: [ { action: Allow, source: { selector: app == 'web' } } ] } }";

const testbed = Testbed.share(test, { hosts: 1, manifests: `${POOLS}---\n${REST}\n---\n${POLICY}` });

/** What an agent and its host have, in numbers. */
async function seen() {
  const [host] = testbed().hosts;
  const folder = `/proc/${host!.agentPid}`;
  using netlink = Netlink.open({ namespace: host!.namespace });
  using nftables = Nftables.open({ namespace: host!.namespace });
  return {
    descriptors: readdirSync(join(folder, 'fd')).length,
    threads: readdirSync(join(folder, 'task')).length,
    files: readdirSync(join(dirname(host!.agentConfig), 'run'), { recursive: true }).length,
    links: netlink.links().length,
    // A host may take another block ahead of need; and link-local addresses have theirs a moment after the link is up.
    routes: netlink
      .routes()
      .filter(({ type, destination }) => type !== 'blackhole' && !destination.startsWith('fe80:'))
      .map(({ destination, link, type }) => `${type ?? 'unicast'} ${destination} dev ${link}`)
      .sort(),
    neighbours: netlink.neighbours().filter(({ state }) => state === 'permanent').length,
    table: JSON.stringify(nftables.list('inet weir'), atRest).replaceAll(/"(handle|packets|bytes)": ?\d+/g, '').length,
    endpoints: (await testbed().objects.list('Endpoint')).objects.length,
  };
}

/** Without what packets write: rates of sources, which the kernel forgets within half a minute. */
function atRest(_key: string, value: { flags?: unknown; elem?: unknown } | undefined): unknown {
  return Array.isArray(value?.flags) && value.flags.includes('timeout') ? { ...value, elem: [] } : value;
}

/** In turn: a link goes after the answer of its DEL, and the next container of its namespace has to wait for that. */
const NAMESPACES = Array.from({ length: 32 }, (_, number) => `passing-${number}`);
let paths: string[] | undefined;

async function cycles(count: number): Promise<void> {
  const [host] = testbed().hosts;
  paths ??= NAMESPACES.map((name) => testbed().makeNamespace(name));
  for (let number = 0; number < count; number++) {
    const namespace = paths[number % paths.length]!;
    const call = { host: host!, containerId: `c${number}-${count}`, namespace, stdin: mesosNetwork({ app: 'web' }) };
    for (const command of ['ADD', 'DEL'] as const) {
      const { exitCode, stdout } = await callCni({ ...call, command });
      if (exitCode !== 0) throw new Error(`${command} ${number}: ${stdout}`);
    }
  }
}

test('containers that came and went leave nothing', async (t) => {
  t.timeout(120_000);
  await cycles(NAMESPACES.length);
  const { descriptors: few, ...before } = await eventually(seen, ({ links, endpoints }) => endpoints === 0 && links === 2);
  await cycles(4 * NAMESPACES.length);
  const { descriptors, ...after } = await eventually(seen, ({ descriptors: _, ...now }) => isDeepStrictEqual(now, before));
  t.deepEqual(after, before);
  // Some sockets are kept for the next call, not one for each.
  t.true(descriptors < few + 10, `${few}, then ${descriptors}`);
});
