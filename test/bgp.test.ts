/** BGP: a fabric of two routers learns of exported pools, and packets go both ways, whatever dies meanwhile. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inNamespace, Netlink } from '@weir/kernel';
import { type BgpRouter, type Fabric, fabricOf, type LabHost, monotonicMs, OUTSIDE, portOf, TWO_UPLINKS } from '@weir/lab';
import test from 'ava';
import { eventually } from './testbed/eventually.ts';
import { readHealth, readReadiness } from './testbed/health.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';
import { Traffic } from './testbed/traffic.ts';

const POOLS = `
apiVersion: weir/v1
kind: Pool
metadata: { name: exported4 }
spec: { cidr: 10.64.0.0/16, blockSize: 28, visibility: Exported }
---
apiVersion: weir/v1
kind: Pool
metadata: { name: exported6 }
spec: { cidr: "fd00:64::/112", blockSize: 124, visibility: Exported }
---
apiVersion: weir/v1
kind: Pool
metadata: { name: hidden }
spec: { cidr: 10.65.0.0/16, blockSize: 28 }
`;

let outside: Traffic;

// Before the lab is taken down, in which it is.
test.serial.after.always('the one outside', () => (outside as Traffic | undefined)?.close());

const bed = Testbed.share(test, { topology: TWO_UPLINKS, manifests: POOLS });

let fabric: Fabric;
let one: Workload;
let two: Workload;
/** On the third host. */
let shown: Workload;

const peer = (name: string, spec: string, holdSeconds = 3): string => `
---
apiVersion: weir/v1
kind: BgpPeer
metadata: { name: ${name} }
spec: { ${spec}, holdSeconds: ${holdSeconds} }
`;

/** Both routers, in both families. */
const peers = (more = '', holdSeconds?: number): string => fabric.routers.map((router) => peersOf(router, more, holdSeconds)).join('');

const peersOf = ({ name, addresses, asNumber }: BgpRouter, more = '', holdSeconds?: number): string =>
  peer(`${name}-4`, `address: ${addresses.ipv4}, asNumber: ${asNumber}${more}`, holdSeconds) +
  peer(`${name}-6`, `address: "${addresses.ipv6}", asNumber: ${asNumber}${more}`, holdSeconds);

/** What a Host object says of BGP, in place of what it said before. */
async function setBgp(host: LabHost, bgp: object | undefined): Promise<void> {
  const object = JSON.parse(await bed().mustWeir(['get', 'host', host.name, '-o', 'json']));
  object.spec.bgp = bgp;
  await bed().apply(JSON.stringify(object));
}

/** A task with addresses of these pools. */
const launch = (host: LabHost, app: string, pools = 'exported4,exported6'): Promise<Workload> =>
  bed().launch(host, { app, 'weir/pool': pools });

const FAMILIES = ['ipv4', 'ipv6'] as const;

const ip = (namespace: string, ...words: string[]): string =>
  inNamespace(namespace, () => execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }));

const soon = (look: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<boolean> =>
  eventually(
    async () => Boolean(await look()),
    (seen) => seen,
    { limitMs },
  );

async function reachedBothWays(workload: Workload): Promise<boolean> {
  for (const family of FAMILIES) {
    if (!(await outside.tcp({ address: workload[family], port: 80 }))) return false;
    if (!(await workload.traffic.tcp({ address: OUTSIDE[family], port: 80 }))) return false;
  }
  return true;
}

const birdc = (host: LabHost, ...words: string[]): string =>
  execFileSync('birdc', ['-s', join(host.agentConfig, '..', 'run/bgp/bird.ctl'), ...words], { encoding: 'utf8' });

const birdPid = (host: LabHost): number => Number(readFileSync(join(host.agentConfig, '..', 'run/bgp/bird.pid'), 'utf8'));

const reloads = async (host: LabHost): Promise<string> =>
  /^weir_bgp_reloads_total (\d+)/m.exec((await readHealth(host, '/metrics')).body ?? '')?.[1] ?? 'none';

interface SessionStatus {
  peer: string;
  address: string;
  asNumber: number;
  state: string;
  since: string;
  routes: { in: number; out: number };
  problem?: string;
}

async function sessionsOf(host: LabHost): Promise<SessionStatus[]> {
  const [node] = JSON.parse(await bed().mustWeir(['node', 'status', host.name, '-o', 'json'])) as [
    { agent: { bgp?: SessionStatus[] } | null },
  ];
  return node.agent?.bgp ?? [];
}

const areUp = (count: number) => async () => {
  for (const host of bed().hosts) {
    const sessions = await sessionsOf(host);
    if (sessions.length !== count || !sessions.every(({ state }) => state === 'Established')) return false;
  }
  return true;
};

/** What an agent tells of its sessions is up to a second old: a look at once may see those of before the change. */
async function comeUp(count: number): Promise<boolean> {
  await delay(1500);
  return soon(areUp(count));
}

test.serial.before('the fabric, and a task on two hosts', async (t) => {
  t.timeout(60_000);
  fabric = fabricOf(bed().cluster);
  fabric.speak();
  outside = new Traffic('outside', fabric.outside.namespace);
  await outside.listen({ tcp: [80], udp: [80] });
  [one, two] = (await Promise.all(
    bed()
      .hosts.slice(0, 2)
      .map((host) => launch(host, host.name)),
  )) as [Workload, Workload];
});

test.serial(
  'without BGP peers there is no daemon; with them the one outside and the tasks reach each other, in both families',
  async (t) => {
    t.false(await reachedBothWays(one));
    t.deepEqual(await sessionsOf(one.host), []);
    const begun = monotonicMs();
    await bed().apply(peers());
    t.true(await soon(() => reachedBothWays(one)));
    t.log(`from weir apply to packets both ways: ${Math.round(monotonicMs() - begun)} ms`);
    t.true(await soon(() => reachedBothWays(two)));
    t.true(await comeUp(4));
    const [session] = await sessionsOf(one.host);
    t.like(session, { peer: 'tor-1-4', address: '198.18.1.1', asNumber: 65001, state: 'Established' });
    t.true(session!.routes.in >= 1 && session!.routes.out >= 1);
    t.deepEqual((await readReadiness(one.host)).reasons, []);
  },
);

test.serial('a new block is announced as it comes; a pool that is not exported never is', async (t) => {
  const begun = monotonicMs();
  const hidden = await launch(bed().hosts[2]!, 'hidden', 'hidden');
  shown = await launch(bed().hosts[2]!, 'shown');
  t.true(hidden.ipv4.startsWith('10.65.'));
  t.true(shown.ipv4.startsWith('10.64.'));
  t.true(await soon(() => reachedBothWays(shown)));
  t.log(`a task in a new block, from launch to packets both ways: ${Math.round(monotonicMs() - begun)} ms`);
  const known = fabric.outside.routes();
  t.regex(known, /10\.64\./);
  t.notRegex(known, /10\.65\./);
});

test.serial("an address that a host has out of another one's block is announced by itself", async (t) => {
  await bed().apply(`
apiVersion: weir/v1
kind: Pool
metadata: { name: tiny }
spec: { cidr: 10.66.0.0/28, blockSize: 28, visibility: Exported }
`);
  const owner = await launch(bed().hosts[0]!, 'owner', 'tiny');
  const borrower = await launch(bed().hosts[1]!, 'borrower', 'tiny');
  for (const { ipv4 } of [owner, borrower]) t.true(await soon(() => outside.tcp({ address: ipv4, port: 80 })), ipv4);
  const known = fabric.routers[0].routes();
  t.regex(known, new RegExp(`${borrower.ipv4.replaceAll('.', '\\.')}/32 +unicast \\[host_2_ipv4`));
  t.regex(known, /10\.66\.0\.0\/28 +unicast \[host_1_ipv4/);
  await bed().destroy(borrower);
  t.true(await soon(() => !fabric.routers[0].routes().includes(`${borrower.ipv4}/32`)), 'withdrawn with its container');
  await bed().destroy(owner);
});

test.serial('addresses of services: every host announces their range, and who comes from outside is led to a backend', async (t) => {
  await bed().apply(`
apiVersion: weir/v1
kind: BgpConfig
metadata: { name: default }
spec: { serviceAddresses: [11.0.0.0/8] }
`);
  t.true(await soon(() => (fabric.routers[0].routes('11.0.0.0/8').match(/\[host_\d_ipv4/g) ?? []).length === 3));
  t.false(await outside.tcp({ address: '11.0.0.77', port: 80 }), 'of no service');
  await bed().apply(`
apiVersion: weir/v1
kind: Service
metadata: { name: one }
spec: { selector: app == '${one.host.name}', addresses: [11.0.0.77], ports: [{ port: 8000, targetPort: 80 }] }
`);
  t.true(await soon(() => outside.tcp({ address: '11.0.0.77', port: 8000 })));
  await bed().mustWeir(['delete', 'service', 'one']);
  await bed().mustWeir(['delete', 'bgpconfig', 'default']);
  t.true(await soon(() => !fabric.routers[0].routes().includes('11.0.0.0/8')));
});

/** Sessions begin anew when their configuration changes; this one must not. */
const sinceOf = async (host: LabHost): Promise<string> =>
  (await sessionsOf(host)).map(({ address, since }) => `${address} ${since}`).join();

test.serial('a policy, a pool without BGP and a task in a block that is known: nothing is reloaded, no session begins anew', async (t) => {
  const { host } = one;
  const before = [await reloads(host), await sinceOf(host)];
  await bed().apply(`
apiVersion: weir/v1
kind: Policy
metadata: { name: open }
spec: { selector: all(), ingress: [{ action: Allow }] }
`);
  const task = await launch(host, 'again');
  t.true(await soon(() => reachedBothWays(task)));
  await bed().destroy(task);
  await bed().mustWeir(['delete', 'policy', 'open']);
  await delay(1500);
  t.deepEqual([await reloads(host), await sinceOf(host)], before);
});

test.serial('a route of BIRD that somebody takes away is back; one that somebody made for himself stays, and goes first', async (t) => {
  const { namespace } = one.host;
  const exits = () => ip(namespace, 'route', 'show', OUTSIDE.ipv4);
  t.true(await soon(() => exits().includes('proto bird')));
  ip(namespace, 'route', 'del', OUTSIDE.ipv4, 'proto', 'bird');
  const begun = monotonicMs();
  t.true(await soon(() => exits().includes('proto bird')), exits());
  t.log(`back after ${Math.round(monotonicMs() - begun)} ms`);
  ip(namespace, 'route', 'add', OUTSIDE.ipv4, 'via', fabric.routers[1].addresses.ipv4);
  t.true(
    await soon(
      () =>
        exits()
          .split('\n')
          .filter((line) => line.includes(OUTSIDE.ipv4)).length === 2,
    ),
    exits(),
  );
  t.regex(ip(namespace, 'route', 'get', OUTSIDE.ipv4), /via 198\.18\.2\.1/);
  t.true(await reachedBothWays(one));
  ip(namespace, 'route', 'del', OUTSIDE.ipv4, 'via', fabric.routers[1].addresses.ipv4);
  t.true(await soon(() => exits().includes('proto bird')));
});

test.serial('filters and communities: what is told, what is taken in, and what the routes are marked with', async (t) => {
  const [first, second] = fabric.routers;
  const block = /10\.64\.\d+\.\d+\/28/.exec(birdc(one.host, 'show', 'route', 'protocol', 'blocks4'))![0];
  await bed().apply(`
apiVersion: weir/v1
kind: BgpConfig
metadata: { name: default }
spec:
  communities: [{ name: containers, value: "65001:1:64" }]
  prefixAdvertisements: [{ cidr: 10.64.0.0/16, communities: [containers, "65001:7"] }]
---
apiVersion: weir/v1
kind: BgpFilter
metadata: { name: nothing-back }
spec:
  import: [{ action: Reject, cidr: 203.0.113.0/24, prefixLength: { minimum: 25 } }]
  export: [{ action: Reject, cidr: ${block}, operator: Equal }]
${peer(`${first.name}-4`, `address: ${first.addresses.ipv4}, asNumber: ${first.asNumber}, filters: [nothing-back]`)}
`);
  const isToldTo = (router: BgpRouter) => router.routes(block).includes('[host_1_ipv4 ');
  t.true(await soon(() => !isToldTo(first) && isToldTo(second)), 'the block is told to the second router alone');
  const marks = /BGP\.community: \(65001,7\)\s+BGP\.large_community: \(65001, 1, 64\)/;
  await soon(() => marks.test(second.routes(block)));
  t.regex(second.routes(block), marks);
  const exits = () => ip(one.host.namespace, 'route', 'show', OUTSIDE.ipv4);
  t.true(await soon(() => exits().includes('eth2') && !exits().includes('eth1')), exits());
  t.true(await soon(() => reachedBothWays(one)));
  t.true(await comeUp(4));
  await bed().apply(peers());
  await bed().mustWeir(['delete', 'bgpfilter', 'nothing-back']);
  t.true(await soon(() => isToldTo(first) && exits().includes('eth1')));
});

test.serial('a filter that is not there: the session is not made, and status says why', async (t) => {
  const [first] = fabric.routers;
  await bed().apply(peer(`${first.name}-4`, `address: ${first.addresses.ipv4}, asNumber: ${first.asNumber}, filters: [lost]`));
  const problem = 'there is no BgpFilter "lost": nothing is exchanged without it';
  t.true(
    await soon(async () => (await sessionsOf(one.host)).some((session) => session.state === 'Refused' && session.problem === problem)),
  );
  t.true((await readReadiness(one.host)).reasons.includes(`BGP session with tor-1-4 (198.18.1.1, AS 65001): ${problem}`));
  await bed().apply(peers());
  t.true(await comeUp(4));
});

test.serial(
  'passwords: in the object or in a file, wrong and right; they are in no log, no status, and no file that others may read',
  async (t) => {
    const file = join(bed().cluster.folder.path, 'bgp-password');
    fabric.speak({ options: 'password "opensesame";' }, { options: 'password "swordfish";' });
    writeFileSync(file, 'wrong\n', { mode: 0o600 });
    const withPassword = (index: 0 | 1, source: string) => peersOf(fabric.routers[index], `, password: ${source}`);
    await bed().apply(withPassword(0, '{ text: opensesame }') + withPassword(1, `{ file: ${file} }`));
    const ofRouter = async (name: string) => (await sessionsOf(one.host)).filter((session) => session.peer.startsWith(name));
    t.true(await soon(async () => (await ofRouter('tor-1')).every(({ state }) => state === 'Established')));
    t.true(await soon(() => reachedBothWays(one)), 'one router is enough');
    const reasons = await eventually(
      async () => (await readReadiness(one.host)).reasons,
      (seen) => seen.length === 2,
    );
    t.regex(
      reasons[0] ?? '',
      /^BGP session with tor-2-4 \(198\.18\.2\.1, AS 65002\): no TCP connection to port 179 of the peer: .*is the password right\?/,
    );
    t.regex(await bed().mustWeir(['node', 'status', one.host.name]), /tor-2-4 +198\.18\.2\.1 +65002 +(Connect|Active)/);
    writeFileSync(file, 'swordfish\n');
    // Any change has the files read again; else that comes within half a minute.
    await bed().apply(peer('none', 'host: none, address: 198.18.9.9, asNumber: 65009'));
    t.true(await comeUp(4));
    const run = join(one.host.agentConfig, '..', 'run/bgp');
    t.is((statSync(join(run, 'bird.conf')).mode & 0o777).toString(8), '640');
    t.is((statSync(run).mode & 0o777).toString(8), '770');
    const told =
      readFileSync(bed().cluster.folder.logPath(`agent-${one.host.name}`), 'utf8') +
      (await bed().mustWeir(['get', 'bgppeers', '-o', 'wide']));
    t.notRegex(told, /opensesame|swordfish/);
    fabric.speak();
    await bed().apply(peers());
    t.true(await comeUp(4));
  },
);

test.serial('a wrong AS: a clear reason, and the other router carries', async (t) => {
  const [first] = fabric.routers;
  await bed().apply(peer(`${first.name}-4`, `address: ${first.addresses.ipv4}, asNumber: 65999`));
  const reason =
    'BGP session with tor-1-4 (198.18.1.1, AS 65999): the peer is of another AS than 65999: correct asNumber of BgpPeer tor-1-4';
  t.true(await soon(async () => (await readReadiness(one.host)).reasons.includes(reason)), (await readReadiness(one.host)).reasons.join());
  t.true((await readReadiness(one.host)).ready);
  t.true(await reachedBothWays(one));
  await bed().apply(peers());
  t.true(await comeUp(4));
});

test.serial('a router on another port, with TTL security, and a host with an AS of its own, of four bytes', async (t) => {
  const [first] = fabric.routers;
  const asNumberOf = (host: string) => (host === one.host.name ? 4_200_000_001 : 64512);
  // The hosts have to connect, and to that port.
  fabric.speak({ asNumberOf, port: 1790, options: 'passive on; ttl security on;' }, { asNumberOf });
  await setBgp(one.host, { asNumber: '64086.59905' });
  await bed().apply(peersOf(first, ', port: 1790'));
  const reasons = () => readReadiness(one.host).then((readiness) => readiness.reasons.join());
  // Nothing of the host's is taken: the session does not come up, or goes when the hold time is over, again and again.
  const log = () => readFileSync(bed().cluster.folder.logPath(`agent-${one.host.name}`), 'utf8');
  const lost = /tor-1-4\b.*(no TCP connection to port 1790 of the peer|Hold timer expired)/;
  t.true(await soon(async () => lost.test(`${await reasons()}\n${log()}`)), 'packets with a lower TTL are not the peer’s');
  await bed().apply(peersOf(first, ', port: 1790, ttlSecurity: 1'));
  t.true(await comeUp(4), await reasons());
  const block = /10\.64\.\d+\.\d+\/28/.exec(birdc(one.host, 'show', 'route', 'protocol', 'blocks4'))![0];
  t.true(await soon(() => /BGP\.as_path: 65001 4200000001\n/.test(fabric.outside.routes(block))), fabric.outside.routes(block));
  for (const task of [one, two]) t.true(await soon(() => reachedBothWays(task)), task.name);
  await setBgp(one.host, undefined);
  fabric.speak();
  await bed().apply(peers());
  t.true(await comeUp(4));
});

test.serial('routers that speak over IPv6 alone: IPv4 routes come and go by the same sessions, with IPv6 next hops', async (t) => {
  const reasons = () => readReadiness(one.host).then((readiness) => readiness.reasons.join());
  const ofSix = fabric.routers
    .map(({ name, addresses, asNumber }) => peer(`${name}-6`, `address: "${addresses.ipv6}", asNumber: ${asNumber}, extendedNextHop: true`))
    .join('');
  for (const { name } of fabric.routers) await bed().mustWeir(['delete', 'bgppeer', `${name}-4`]);
  fabric.speak({ extendedNextHop: true }, { extendedNextHop: true });
  await bed().apply(ofSix);
  t.true(await comeUp(2), await reasons());
  const exits = () => ip(one.host.namespace, 'route', 'show', OUTSIDE.ipv4);
  t.true(await soon(() => [1, 2].every((index) => new RegExp(`via inet6 \\S+ dev eth${index}`).test(exits()))), exits());
  for (const task of [one, two]) t.true(await soon(() => reachedBothWays(task)), task.name);
  const [session] = await sessionsOf(one.host);
  t.true(session!.routes.in >= 2 && session!.routes.out >= 2, 'those of both families');
  fabric.speak();
  await bed().apply(peers());
  t.true(await comeUp(4));
});

test.serial('BFD: a link that dies without a word is seen in less than a second, hours before the hold time is over', async (t) => {
  const { host } = one;
  const [first] = fabric.routers;
  const reasons = () => readReadiness(host).then((readiness) => readiness.reasons.join());
  await bed().apply(peers(', bfd: {}', 7200));
  const without =
    'the peer does not answer by BFD, so that a dead link is seen after 7200 s: switch BFD on there, or take it out of BgpPeer';
  t.true(await soon(async () => (await reasons()).includes(`BGP session with tor-1-4 (198.18.1.1, AS 65001): ${without} tor-1-4`)));
  const withBfd = { options: 'hold time 7200; bfd { interval 300 ms; multiplier 3; };' };
  fabric.speak(withBfd, withBfd);
  t.true(await soon(async () => (await areUp(4)()) && (await reasons()) === ''), await reasons());

  await outside.stream('bfd', { address: one.ipv4, port: 80 });
  const exits = () => ip(host.namespace, 'route', 'show', OUTSIDE.ipv4);
  t.true(await soon(() => exits().includes('eth1') && first.routes().includes('[host_1_ipv')));
  using fabricLinks = Netlink.open({ namespace: bed().cluster.folder.namespacePath('switch') });
  const port = fabricLinks.link(portOf(host.name, 1))!;
  // Both ends stay up, and nothing passes.
  fabricLinks.setLink(port.name, { master: 0 });
  const begun = monotonicMs();
  const left = soon(async () => {
    if (exits().includes('eth1') || first.routes().includes('[host_1_ipv')) return false;
    return (await outside.streamState('bfd')).lastAnswerAt > monotonicMs() - 300;
  });
  const silence = await longestSilence(outside, 'bfd', left);
  t.true(await left, exits());
  t.log(
    `both ends and the stream have left the link after ${Math.round(monotonicMs() - begun)} ms; longest silence ${Math.round(silence)} ms`,
  );
  t.true(await reachedBothWays(one));
  fabricLinks.setLink(port.name, { master: port.master! });
  const healed = monotonicMs();
  t.true(await soon(async () => (await areUp(4)()) && exits().includes('eth1'), 40_000), await reasons());
  t.log(`the link is in use again ${Math.round(monotonicMs() - healed)} ms after it heals`);
  fabric.speak();
  await bed().apply(peers());
  t.true(await comeUp(4));
});

/** The longest time without an answer on a stream, as long as it is looked at, in milliseconds. */
async function longestSilence(traffic: Traffic, name: string, meanwhile: Promise<unknown>): Promise<number> {
  let longest = 0;
  let over = false;
  void meanwhile.finally(() => {
    over = true;
  });
  while (!over) {
    const { lastAnswerAt, ended } = await traffic.streamState(name);
    if (ended !== undefined) return Number.POSITIVE_INFINITY;
    longest = Math.max(longest, monotonicMs() - lastAnswerAt);
    await delay(20);
  }
  return longest;
}

test.serial('BIRD is killed: the kernel and the routers keep the routes, streams from outside are not cut, and it is back', async (t) => {
  const { host } = one;
  for (const family of FAMILIES) await outside.stream(`killed-${family}`, { address: one[family], port: 80 });
  const routes = () => ip(host.namespace, 'route', 'show', 'proto', 'bird');
  const right = routes();
  const [pid, since] = [birdPid(host), await sinceOf(host)];
  let worst = right;
  process.kill(pid, 'SIGKILL');
  const back = soon(async () => {
    if (!routes().includes(OUTSIDE.ipv4)) worst = routes();
    return birdPid(host) !== pid && (await sinceOf(host)) !== since && (await areUp(4)());
  });
  const silences = await Promise.all(FAMILIES.map((family) => longestSilence(outside, `killed-${family}`, back)));
  t.true(await back);
  t.is(worst, right, 'the route to the one outside was there all the time');
  t.true(Math.max(...silences) < 1000, silences.join());
  t.log(`longest silence of a stream while BIRD was killed and came back: ${Math.round(Math.max(...silences))} ms`);
  t.is(await eventually(routes, (seen) => seen === right), right);
  t.regex(
    readFileSync(bed().cluster.folder.logPath(`agent-${host.name}`), 'utf8'),
    /BGP: BIRD has ended.*\n[\s\S]*"recovers":true.*BGP: BIRD is started/,
  );
});

test.serial('the agent is killed, and started again: BIRD goes on as it is', async (t) => {
  const { host } = one;
  const now = () => [birdPid(host), ip(host.namespace, 'route', 'show', 'proto', 'bird')];
  // BIRD works it out anew from how long ago it was, so that it differs by a millisecond.
  const reconfigured = () => Date.parse(/Last reconfiguration on (.*)/.exec(birdc(host, 'show', 'status'))![1]!);
  const [before, last] = [now(), reconfigured()];
  const isAsItWas = () => {
    t.deepEqual(now(), before);
    t.true(Math.abs(reconfigured() - last) < 100);
  };
  await host.stopAgent('SIGKILL');
  t.true(await reachedBothWays(one));
  isAsItWas();
  await host.startAgent();
  t.true(await soon(async () => (await sessionsOf(host)).length === 4));
  await delay(1500);
  isAsItWas();
  await host.stopAgent('SIGTERM');
  t.true(await reachedBothWays(one));
  isAsItWas();
  await host.startAgent();
});

test.serial('a link dies: the other router carries, in both directions, and both do when it is back', async (t) => {
  const { host } = one;
  t.true(await comeUp(4));
  const names = Array.from({ length: 8 }, (_, index) => `link-${index}`);
  for (const name of names) await outside.stream(name, { address: one.ipv4, port: 80 });
  const [first] = fabric.routers;
  using fabricLinks = Netlink.open({ namespace: bed().cluster.folder.namespacePath('switch') });
  fabricLinks.setLink(portOf(host.name, 1), { up: false });
  const begun = monotonicMs();
  const exits = () => ip(host.namespace, 'route', 'show', OUTSIDE.ipv4);
  t.true(await soon(() => !exits().includes('eth1')));
  t.log(`the host sends by the other router after ${Math.round(monotonicMs() - begun)} ms`);
  t.true(await soon(() => !first.routes().includes('[host_1_ipv')));
  t.log(`the router has given the host up after ${Math.round(monotonicMs() - begun)} ms (hold time 3 s)`);
  const goesOn = async (name: string) => (await outside.streamState(name)).lastAnswerAt > monotonicMs() - 300;
  t.true(await soon(async () => (await Promise.all(names.map(goesOn))).every(Boolean)));
  t.log(`all of 8 streams from outside go on after ${Math.round(monotonicMs() - begun)} ms`);
  t.true(await reachedBothWays(one));
  fabricLinks.setLink(portOf(host.name, 1), { up: true });
  t.true(await comeUp(4));
  t.true(await soon(() => exits().includes('eth1')));
});

/** A route to the task's block on a host, in ip's words. */
const routeTo = (host: LabHost, { ipv4 }: Workload): string => {
  const block = ipv4.replace(/\d+$/, (last) => String(Number(last) & ~15));
  return ip(host.namespace, 'route', 'show', 'exact', `${block}/28`).trim();
};

const poolsBy = (routes: string): string => POOLS.replaceAll('visibility: Exported', `visibility: Exported, routes: ${routes}`);

test.serial('a pool whose routes are by BGP: the mesh has them, BIRD makes them, and a flow goes on while they change hands', async (t) => {
  t.regex(routeTo(one.host, two), /^10\.64\.\S+ via 192\.0\.2\.12 dev eth0 proto 121 *$/);
  await one.traffic.stream('mesh', { address: two.ipv4, port: 80 });
  const isByBird = () => /^10\.64\.\S+ via 192\.0\.2\.12 dev eth0 proto bird metric 2048 *$/.test(routeTo(one.host, two));
  await bed().apply(poolsBy('Bgp'));
  const changed = soon(async () => isByBird() && (await areUp(8)()));
  t.true((await longestSilence(one.traffic, 'mesh', changed)) < 1000);
  t.true(await changed, routeTo(one.host, two));
  for (const family of FAMILIES) t.true(await soon(() => one.traffic.tcp({ address: two[family], port: 80 })), family);
  t.deepEqual((await readReadiness(one.host)).reasons, []);
});

test.serial('route reflectors by a selector: hosts have a session with the reflector alone, and each other as next hops', async (t) => {
  const [first, second, reflector] = bed().hosts as [LabHost, LabHost, LabHost];
  await bed().mustWeir(['label', 'host', reflector.name, 'reflector=yes']);
  await setBgp(reflector, { clusterId: '10.0.0.1' });
  await bed().apply(`
apiVersion: weir/v1
kind: BgpPeer
metadata: { name: reflectors }
spec: { peerSelector: has(reflector) }
`);
  const isClient = () => /rr client/.test(readFileSync(join(reflector.agentConfig, '..', 'run/bgp/bird.conf'), 'utf8'));
  t.true(await soon(async () => isClient() && (await areUp(8)())));
  await bed().apply('apiVersion: weir/v1\nkind: BgpConfig\nmetadata: { name: default }\nspec: { nodeMesh: false }\n');
  const countsOf = async () =>
    Promise.all(bed().hosts.map(async (host) => (await sessionsOf(host)).filter(({ state }) => state === 'Established').length));
  t.true(await soon(async () => (await countsOf()).join() === '6,6,8'), String(await countsOf()));
  t.true(await soon(() => /via 192\.0\.2\.12 dev eth0 proto bird/.test(routeTo(first, two))), routeTo(first, two));
  t.regex(
    birdc(first, 'show', 'route', 'all', 'protocol', `'host.${reflector.name}.4'`),
    /BGP\.originator_id: 192\.0\.2\.12\s+BGP\.cluster_list: 10\.0\.0\.1/,
  );
  t.true(await soon(() => one.traffic.tcp({ address: two.ipv6, port: 80 })));
  t.regex(routeTo(second, one), /via 192\.0\.2\.11/);
  t.true(await soon(() => reachedBothWays(shown)), 'the reflector announces its own block, too');

  // The fabric speaks with the reflector alone, which passes on what it hears there.
  await bed().apply(`
apiVersion: weir/v1
kind: BgpFilter
metadata: { name: pass-on }
spec:
  import: [{ action: Accept, source: Peers }]
  export: [{ action: Accept, source: Peers }]
---
apiVersion: weir/v1
kind: BgpPeer
metadata: { name: reflectors }
spec: { peerSelector: has(reflector), filters: [pass-on] }
${peers(', hostSelector: has(reflector)')}`);
  const exit = () => ip(first.namespace, 'route', 'show', OUTSIDE.ipv4);
  t.true(await soon(() => exit().includes('via 192.0.2.13 dev eth0 proto bird')), exit());
  t.true(await soon(() => fabric.routers.every((router) => !router.routes().includes('[host_1_ipv'))));
  t.true(await soon(() => reachedBothWays(one)));
  await bed().apply(peers());

  await bed().apply(poolsBy('Blocks'));
  t.true(await soon(() => / proto 121 *$/.test(routeTo(first, two))), 'the agent has its routes again, and BIRD none');
  await bed().mustWeir(['delete', 'bgppeer', 'reflectors']);
  await bed().mustWeir(['delete', 'bgpfilter', 'pass-on']);
  await bed().mustWeir(['delete', 'bgpconfig', 'default']);
  t.true(await comeUp(4));
});

test.serial('BIRD is missing on one host: said there, its networks are up, and the others speak on', async (t) => {
  const host = bed().hosts[2]!;
  const config = readFileSync(host.agentConfig, 'utf8');
  t.teardown(() => writeFileSync(host.agentConfig, config));
  await host.stopAgent();
  birdc(host, 'down');
  writeFileSync(host.agentConfig, JSON.stringify({ ...JSON.parse(config), bird: '/nowhere/bird' }));
  await host.startAgent();
  const reason = 'BGP: BIRD is not at /nowhere/bird, where agent.yaml has it: apt-get install bird2, and systemctl disable --now bird';
  t.true(await soon(async () => (await readReadiness(host)).reasons.includes(reason)), (await readReadiness(host)).reasons.join());
  t.true((await readReadiness(host)).ready);
  t.true((await sessionsOf(host)).every(({ state, problem }) => state === 'Down' && problem === 'the routing daemon does not run'));
  const task = await launch(host, 'without');
  t.true(await soon(() => task.traffic.tcp({ address: one.ipv4, port: 80 })));
  t.true(await reachedBothWays(one));
  writeFileSync(host.agentConfig, config);
  await host.stopAgent();
  await host.startAgent();
  t.true(await soon(() => reachedBothWays(task)));
});

test.serial('the last peer goes away: BIRD takes its routes back and ends', async (t) => {
  const pids = bed().hosts.map(birdPid);
  await bed().delete(peers());
  await bed().mustWeir(['delete', 'bgppeer', 'none']);
  const routes = () => bed().hosts.map(({ namespace }) => ip(namespace, 'route', 'show', 'proto', 'bird'));
  // BIRD may wait 10 s for a session to end.
  t.true(await soon(() => routes().every((text) => text === ''), 60_000), routes().join('\n'));
  t.true(await soon(() => pids.every((pid) => !existsSync(`/proc/${pid}`))), 'its processes have ended');
  // A router may wait for a session that ended without a word, too.
  t.true(await soon(() => !fabric.outside.routes().includes('10.64.'), 60_000), fabric.outside.routes());
  t.true(await soon(async () => (await sessionsOf(one.host)).length === 0), 'nobody is spoken with');
  t.true(await one.traffic.tcp({ address: two.ipv4, port: 80 }));
});
