/**
 * A hundred times kill -9 of agents, at any moment: while they start, find the table of the one before, or of another version of
 * Weir, and make good what differs, and while policy changes. Connections that policy allows go on and new ones succeed, and not one that it forbids is made.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { LabHost } from '@weir/lab';
import { type AnyObject, parseObject } from '@weir/resources';
import test from 'ava';
import { eventually } from './testbed/eventually.ts';
import { makeFormerTable } from './testbed/former-table.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';

const testbed = Testbed.share(test, { hosts: 2 });

const KILLS = 100;
/** From an agent's start to its death: from before it has read anything to some time after it was ready. */
const LONGEST_LIFE_MS = 900;
const PORT = 80;
/** TCP's own patience is longer: an attempt that waited that long lost a packet. */
const STRAGGLERS_MS = 1_200;

const ALLOWED = "friend == 'yes'";
const FAMILIES = ['ipv4', 'ipv6'] as const;

let one: LabHost;
let two: LabHost;
let server: Workload;
let friend: Workload;
let stranger: Workload;
let turncoat: Workload;

test.serial.before(async () => {
  const bed = testbed();
  [one, two] = bed.hosts as [LabHost, LabHost];
  const shop = { 'weir/namespace': 'shop' };
  [server, friend, stranger, turncoat] = await Promise.all([
    bed.launch(one, { ...shop, app: 'server' }, { name: 'server' }),
    bed.launch(two, { ...shop, friend: 'yes' }, { name: 'friend' }),
    bed.launch(two, { ...shop, friend: 'no' }, { name: 'stranger' }),
    bed.launch(two, { ...shop, friend: 'sometimes' }, { name: 'turncoat' }),
  ]);
});

test.serial(`${KILLS} kills of agents of either end, policy changing all the time: no gap, either way`, async (t) => {
  t.timeout(120_000);
  const bed = testbed();
  for (const object of policies(0)) await bed.objects.put(object);
  const strangerPasses = () => stranger.traffic.tcp({ address: server.ipv4, port: PORT, timeoutMs: 200 });
  t.false(await eventually(strangerPasses, (through) => !through));
  for (const family of FAMILIES) {
    const target = { address: server[family], port: PORT };
    await friend.traffic.stream(family, target);
    await friend.traffic.attempts(family, target);
    await stranger.traffic.attempts(family, target);
  }
  const lost = await friend.traffic.retransmissions();

  const isOver = new AbortController();
  const changes = changePolicies(isOver.signal);
  const lives = await Promise.all([one, two].map((host) => killAgents(host, KILLS / 2)));
  isOver.abort();
  const round = await changes;
  t.log(
    `${round} changes of policy; agents lived for ${lives
      .flat()
      .toSorted((left, right) => left - right)
      .at(KILLS / 2)} ms`,
  );

  // An upgrade; and what changed while nobody was there is in force when they say that they are ready.
  for (const host of [one, two]) makeFormerTable(host, { server: server.ipv4, friends: [friend.ipv4] });
  const [last] = policies(round);
  await bed.objects.put({ ...last!, spec: { ...last!.spec, ...ingressFrom("friend in {'yes', 'sometimes'}") } } as AnyObject);
  await Promise.all([one.startAgent(), two.startAgent()]);
  t.true(await turncoat.traffic.tcp({ address: server.ipv4, port: PORT }), 'newly allowed');

  await delay(STRAGGLERS_MS);
  for (const family of FAMILIES) {
    const { tried, through } = await stranger.traffic.attemptsState(family);
    t.true(tried > 10 * KILLS, `${tried} attempts`);
    t.is(through, 0, `forbidden: of ${tried} attempts over ${family}`);
    const allowed = await friend.traffic.attemptsState(family);
    t.true(allowed.through > 10 * KILLS, `${allowed.through} connections`);
    t.is(allowed.failed, 0, `allowed: of ${allowed.tried} attempts over ${family}`);
    t.is((await friend.traffic.streamState(family)).ended, undefined, family);
  }
  t.is(await friend.traffic.retransmissions(), lost);
});

/** @returns how long each agent lived, in milliseconds */
async function killAgents(host: LabHost, kills: number): Promise<number[]> {
  await host.stopAgent('SIGKILL');
  const lives: number[] = [];
  for (let kill = 1; kill < kills; kill++) {
    if (kill % 5 === 0) makeFormerTable(host, { server: server.ipv4, friends: [friend.ipv4] });
    const life = Math.round(Math.random() * LONGEST_LIFE_MS);
    host.spawnAgent();
    await delay(life);
    await host.stopAgent('SIGKILL');
    lives.push(life);
  }
  return lives;
}

/** @returns how many changes there were */
async function changePolicies(signal: AbortSignal): Promise<number> {
  let round = 0;
  while (!signal.aborted) {
    round += 1;
    const changed = policies(round);
    await testbed().objects.put(changed[round % changed.length]!);
    await delay(Math.random() * 60);
  }
  return round;
}

/** Each form allows the friends and nobody else, and comes to rules, classes, peers and nets of its own. */
function policies(round: number): AnyObject[] {
  const nets = Array.from({ length: 1 + (round % 7) }, (_, index) => `198.51.${(round + index) % 100}.0/24`);
  const own = [ingressFrom(ALLOWED), ingressFrom(`${ALLOWED} && has(friend)`, PORT), ingressFrom(`friend in {'yes', 'round-${round}'}`)];
  return [
    object('Policy', 'friends', { selector: "app == 'server'", ...own[round % own.length] }, 'shop'),
    object('NetworkSet', 'partners', { nets }, 'shop', { partner: 'yes' }),
    object(
      'Policy',
      'partners',
      { selector: "app == 'server'", order: round % 3, ...ingressFrom("partner == 'yes'", 1000 + round) },
      'shop',
    ),
    object(
      'Policy',
      'out',
      { selector: round % 2 === 0 ? 'has(friend)' : ALLOWED, egress: [{ action: 'Allow' }], types: ['Egress'] },
      'shop',
    ),
  ];
}

function ingressFrom(selector: string, port?: number): { ingress: object[] } {
  const destination = port === undefined ? {} : { protocol: 'TCP', destination: { ports: [port] } };
  return { ingress: [{ action: 'Allow', source: { selector }, ...destination }] };
}

function object(kind: string, name: string, spec: object, namespace: string, labels: Record<string, string> = {}): AnyObject {
  return parseObject({ apiVersion: 'weir/v1', kind, metadata: { name, namespace, labels }, spec });
}
