/** The tools under libcni, with Podman as its user: one by one, and chained with others'. Who reaches whom is measured by packets. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Netlink } from '@weir/kernel';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../testbed/eventually.ts';
import { Testbed } from '../testbed/testbed.ts';
import { Traffic } from '../testbed/traffic.ts';
import { type NetworkList, Podman, type PodmanContainer } from './podman.ts';

const testbed = Testbed.share(test, { hosts: 1, agent: { dns: { resolvers: ['127.0.0.9'] } } });

const FOLDER = mkdtempSync(join(tmpdir(), 'weir-podman-'));

const route = { type: 'weir-route', ipam: { type: 'weir-ipam', families: ['IPv4'] } };
const guarded = { ...route, failClosed: true };
const policy = (labels: Record<string, string>, more: object = {}) => ({ type: 'weir-policy', labels, ...more });
/** @param range one of several in a subnet: lists do not know of each other's addresses */
const hostLocal = (subnet: number, range: number) => ({
  type: 'host-local',
  ranges: [[{ subnet: `10.${subnet}.0.0/24`, rangeStart: `10.${subnet}.0.${range}0`, rangeEnd: `10.${subnet}.0.${range}9` }]],
  routes: [{ dst: '0.0.0.0/0' }],
  dataDir: join(FOLDER, 'host-local'),
});
const ptp = (range: number) => ({ type: 'ptp', ipam: hostLocal(90, range) });
const bridge = (range: number) => ({ type: 'bridge', bridge: 'cni-guarded', isGateway: true, ipam: hostLocal(91, range) });
const list = (name: string, ...plugins: object[]): NetworkList => ({ cniVersion: '0.4.0', name, plugins });

const NETWORKS = [
  list('routed', route),
  list('servers', guarded, policy({ app: 'server' })),
  list('named', guarded, policy({}, { capabilities: { aliases: true } })),
  list('friends', guarded, policy({ app: 'friend' })),
  list('strangers', guarded, policy({ app: 'stranger' })),
  list('ptp-servers', ptp(1), policy({ app: 'server' })),
  list('ptp-strangers', ptp(2), policy({ app: 'stranger' })),
  list('bridge-servers', bridge(1), policy({ app: 'server' })),
  list('bridge-strangers', bridge(2), policy({ app: 'stranger' })),
  list('bridged', { type: 'bridge', bridge: 'cni-ours', ipam: { type: 'weir-ipam', families: ['IPv4'] } }),
  list(
    'published',
    guarded,
    policy({ app: 'server' }),
    { type: 'portmap', capabilities: { portMappings: true } },
    { type: 'bandwidth', egressRate: 8_000_000, egressBurst: 800_000 },
  ),
];

const ONLY_FRIENDS = `
apiVersion: weir/v1
kind: Policy
metadata: { name: friends }
spec: { selector: app == 'server', ingress: [{ action: Allow, source: { selector: app == 'friend' } }] }
`;

let podman: Podman;

test.serial.before(async () => {
  podman = new Podman(testbed().hosts[0]!, FOLDER, NETWORKS);
});

test.after.always(async () => {
  await podman?.close();
  await rm(FOLDER, { recursive: true, force: true });
});

/** With traffic from within; removed after the test. */
async function run(t: ExecutionContext, name: string, network: string, ...more: string[]): Promise<PodmanContainer & { traffic: Traffic }> {
  const container = await podman.run(name, network, ...more);
  const traffic = new Traffic(name, container.namespace);
  t.teardown(async () => {
    await traffic.close();
    await podman.remove(name).catch(() => {});
  });
  await traffic.listen({ tcp: [80] });
  return { ...container, traffic };
}

function hostLinks(): string[] {
  using netlink = Netlink.open({ namespace: testbed().hosts[0]!.namespace });
  return netlink
    .links()
    .map(({ name }) => name)
    .filter((name) => !['lo', 'eth0'].includes(name));
}

async function heldAddresses(): Promise<number> {
  const pools = JSON.parse(await testbed().mustWeir(['ipam', 'show', '-o', 'json'])) as { used: number }[];
  return pools.reduce((sum, { used }) => sum + used, 0);
}

test.serial('weir-route and weir-ipam alone: connected, and nothing is left after DEL', async (t) => {
  const [one, two] = [await run(t, 'one', 'routed'), await run(t, 'two', 'routed')];
  t.true(await one.traffic.tcp({ address: two.addresses[0]!, port: 80 }));
  t.true(await two.traffic.tcp({ address: one.addresses[0]!, port: 80 }));
  t.is(hostLinks().length, 2);
  await Promise.all([one, two].map(({ traffic }) => traffic.close()));
  await podman.remove('one');
  await podman.remove('two');
  t.deepEqual(
    await eventually(
      async () => hostLinks(),
      (links) => links.length === 0,
    ),
    [],
  );
  t.is(await eventually(heldAddresses, (held) => held === 0), 0);
});

test.serial("the aliases of a container are names that the host's DNS server answers for", async (t) => {
  const { namespace, addresses } = await run(t, 'one', 'named', '--network-alias', 'primary-db');
  const ask = (name: string) => {
    const question = ['busybox', 'nslookup', '-type=a', `${name}.default.weir`, '169.254.1.53'];
    return spawnSync('nsenter', [`--net=${namespace}`, ...question], { encoding: 'utf8' }).stdout;
  };
  const answer = await eventually(
    () => ask('primary-db'),
    (text) => text.includes(addresses[0]!),
  );
  t.true(answer.includes(addresses[0]!), answer);
  t.false(ask('other-db').includes(addresses[0]!));
});

test.serial("weir-ipam under Debian's bridge: addresses of a pool, and back to it", async (t) => {
  const [one, two] = [await run(t, 'one', 'bridged'), await run(t, 'two', 'bridged')];
  t.regex(one.addresses[0]!, /^10\.64\./);
  t.not(one.addresses[0], two.addresses[0]);
  t.is(await heldAddresses(), 2);
  await Promise.all([one, two].map(({ traffic }) => traffic.close()));
  await podman.remove('one');
  await podman.remove('two');
  t.is(await eventually(heldAddresses, (held) => held === 0), 0);
});

for (const [server, stranger] of [
  ['servers', 'strangers'],
  ['ptp-servers', 'ptp-strangers'],
  ['bridge-servers', 'bridge-strangers'],
] as const) {
  test.serial(`policy over a list (${server}): a friend gets in, a stranger does not, and each change counts at once`, async (t) => {
    const bed = testbed();
    const [web, friend, other] = [await run(t, 'web', server), await run(t, 'friend', 'friends'), await run(t, 'other', stranger)];
    const target = { address: web.addresses[0]!, port: 80 };
    t.true(await other.traffic.tcp(target), 'open without policy');
    await bed.apply(ONLY_FRIENDS);
    t.false(
      await eventually(
        () => other.traffic.tcp(target),
        (through) => !through,
      ),
    );
    t.true(await friend.traffic.tcp(target));
    await bed.delete(ONLY_FRIENDS);
    t.true(
      await eventually(
        () => other.traffic.tcp(target),
        (through) => through,
      ),
    );
  });
}

test.serial("weir-route, weir-policy, then Debian's portmap and bandwidth: a published port, under policy", async (t) => {
  const bed = testbed();
  const host = bed.hosts[0]!;
  const web = await run(t, 'web', 'published', '-p', '8088:80');
  const outside = new Traffic('switch', bed.cluster.folder.namespacePath('switch'));
  t.teardown(() => outside.close());
  const published = { address: host.addresses.ipv4, port: 8088 };
  t.true(await outside.tcp({ ...published, timeoutMs: 3000 }));
  using netlink = Netlink.open({ namespace: host.namespace });
  t.true(
    netlink.links().some(({ kind }) => kind === 'ifb'),
    'bandwidth has made its link',
  );
  await bed.apply(ONLY_FRIENDS);
  t.false(
    await eventually(
      () => outside.tcp(published),
      (through) => !through,
    ),
    'a published port is ingress',
  );
  await bed.delete(ONLY_FRIENDS);
  await web.traffic.close();
  await podman.remove('web');
  t.false(await outside.tcp(published));
  t.deepEqual(
    await eventually(
      async () => hostLinks(),
      (links) => links.every((name) => !name.startsWith('weir')),
    ),
    hostLinks(),
  );
});
