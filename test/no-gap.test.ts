/**
 * A hundred times kill -9 of agents, at any moment: while they start, find the table of the one before, or of another version of
 * Weir, and make good what differs, and while policy changes. Connections that policy allows go on and new ones succeed, and not one that it forbids is made.
 * So it is while a long list changes its form in the kernel.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Nftables } from '@weir/kernel';
import type { LabHost } from '@weir/lab';
import { NETS_PER_SET } from '@weir/policy';
import { type AnyObject, addressFromNumber, addressToNumber, parseObject } from '@weir/resources';
import test from 'ava';
import { eventually } from './testbed/eventually.ts';
import { makeFormerTable } from './testbed/former-table.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';

const testbed = Testbed.share(test, { hosts: 2 });

const KILLS = 100;
/** From an agent's start to its death: from before it has read anything to some time after it was ready. */
const LONGEST_LIFE_MS = 900;
const CROSSINGS = 12;
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

/** The kernel's table has another form for it then, which takes the place of the one before as a whole. */
test.serial('a list of nets that grows beyond what one set holds, and shrinks again: no gap, either way', async (t) => {
  t.timeout(120_000);
  const bed = testbed();
  const listed = await bed.launch(one, { 'weir/namespace': 'shop', app: 'listed' }, { name: 'listed' });
  const guest = await bed.launch(two, { 'weir/namespace': 'shop' }, { name: 'guest' });
  const even = addressToNumber(guest.ipv4) & ~1n;
  const pair: string[] = [even, even + 1n].map((number) => addressFromNumber(number, 'IPv4'));
  let uninvited = await bed.launch(two, { 'weir/namespace': 'shop' }, { name: 'uninvited' });
  if (pair.includes(uninvited.ipv4)) uninvited = await bed.launch(two, { 'weir/namespace': 'shop' }, { name: 'uninvited-too' });

  const guests = (count: number) => {
    const others = Array.from({ length: count - 1 }, (_, at) => `20.${at >> 6}.${(at & 63) * 4}.0/30`);
    return object('NetworkSet', 'guests', { nets: [`${pair[0]}/31`, ...others] }, 'shop', { guest: 'yes' });
  };
  await bed.objects.put(guests(NETS_PER_SET));
  await bed.objects.put(object('Policy', 'listed', { selector: "app == 'listed'", ...ingressFrom("guest == 'yes'") }, 'shop'));
  const target = { address: listed.ipv4, port: PORT };
  t.true(await eventually(() => guest.traffic.tcp(target), Boolean));
  t.false(
    await eventually(
      () => uninvited.traffic.tcp({ ...target, timeoutMs: 200 }),
      (through) => !through,
    ),
  );
  await guest.traffic.attempts('listed', target);
  await uninvited.traffic.attempts('listed', target);
  for (let crossing = 1; crossing <= CROSSINGS; crossing += 1) {
    await bed.objects.put(guests(NETS_PER_SET + (crossing % 2) * 8));
    t.is(
      await eventually(
        () => isInParts(one),
        (inParts) => inParts === (crossing % 2 === 1),
      ),
      crossing % 2 === 1,
    );
  }
  await delay(STRAGGLERS_MS);
  const { tried, through } = await uninvited.traffic.attemptsState('listed');
  t.true(tried > 10 * CROSSINGS, `${tried} attempts`);
  t.is(through, 0, `forbidden: of ${tried} attempts`);
  const allowed = await guest.traffic.attemptsState('listed');
  t.true(allowed.through > 10 * CROSSINGS, `${allowed.through} connections`);
  t.is(allowed.failed, 0, `allowed: of ${allowed.tried} attempts`);
});

function isInParts(host: LabHost): boolean {
  using nftables = Nftables.open({ namespace: host.namespace });
  return nftables.list('inet weir')!.some(({ map }) => String(map?.name).endsWith('_parts'));
}

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
