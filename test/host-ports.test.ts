/** Ports of a host that lead to containers: real packets from everywhere, policy by the real source, and what DEL leaves. */
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { Conntrack, deleteNamespace, sysctl } from '@weir/kernel';
import { startMarathon } from '@weir/lab';
import { MarathonClient } from '@weir/mesos';
import test, { type ExecutionContext } from 'ava';
import { callCni, mesosNetwork, startCni } from './testbed/cni-call.ts';
import { eventually } from './testbed/eventually.ts';
import { SctpEnd } from './testbed/sctp.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';
import { tracesAtRest, tracesOnce } from './testbed/traces.ts';
import { Traffic } from './testbed/traffic.ts';

const PORT = 31080;
const BOTH = (hostPort: number) => ['tcp', 'udp'].map((protocol) => ({ host_port: hostPort, container_port: 80, protocol }));

/** For what is to come, on a machine that has much else to do. */
const PATIENCE_MS = 5000;

const testbed = Testbed.share(test, { hosts: 2 });

let one: Testbed['hosts'][0];
let two: Testbed['hosts'][0];
let server: Workload;
let near: Workload;
let far: Workload;
let onHosts: Traffic[];

test.serial.before('a task with a mapped port, one beside it, and one on the other host', async () => {
  const bed = testbed();
  [one, two] = bed.hosts as [typeof one, typeof two];
  onHosts = bed.hosts.map((host) => new Traffic(host.name, host.namespace));
  [server, near, far] = await Promise.all([
    bed.launch(one, { app: 'server' }, { portMappings: BOTH(PORT) }),
    bed.launch(one, { app: 'near' }),
    bed.launch(two, { app: 'far' }),
  ]);
  // Routes between the hosts follow their blocks in their own time.
  const answers = () => Promise.all([server.ipv4, server.ipv6].map((address) => far.traffic.tcp({ address, port: 80 })));
  await eventually(answers, (passed) => passed.every(Boolean));
});

test.after.always(() => Promise.all((onHosts ?? []).map((traffic) => traffic.close())));

/** Asserts over TCP and UDP whether the host port answers, for every sender and address. */
async function expectAnswers(t: ExecutionContext, wanted: [string, Traffic, string, boolean][], port = PORT): Promise<void> {
  const measured = await Promise.all(
    wanted.flatMap(([what, traffic, address, passes]) =>
      (['tcp', 'udp'] as const).map(async (protocol) => [
        `${what} > ${protocol} ${address}`,
        await traffic[protocol]({ address, port, ...(passes && { timeoutMs: PATIENCE_MS }) }),
      ]),
    ),
  );
  const expected = wanted.flatMap(([what, , address, passes]) =>
    ['tcp', 'udp'].map((protocol) => [`${what} > ${protocol} ${address}`, passes]),
  );
  t.deepEqual(Object.fromEntries(measured), Object.fromEntries(expected));
}

const addressesOf = ({ addresses }: typeof one): string[] => [addresses.ipv4, addresses.ipv6];

test.serial('another host, containers here and there, the host itself and the container reach it by the address of the host', async (t) => {
  const senders: [string, Traffic][] = [
    ['host-2', onHosts[1]!],
    ['far', far.traffic],
    ['near', near.traffic],
    ['host-1', onHosts[0]!],
    ['server', server.traffic],
  ];
  await expectAnswers(
    t,
    senders.flatMap(([what, traffic]) =>
      addressesOf(one).map((address): [string, Traffic, string, boolean] => [what, traffic, address, true]),
    ),
  );
});

test.serial('a process of the host reaches it by 127.0.0.1, as health checks do; ::1 and other ports are not mapped', async (t) => {
  await expectAnswers(t, [
    ['host-1', onHosts[0]!, '127.0.0.1', true],
    ['host-1', onHosts[0]!, '::1', false],
  ]);
  await expectAnswers(t, [['host-2', onHosts[1]!, one.addresses.ipv4, false]], PORT + 1);
  await expectAnswers(t, [['host-2', onHosts[1]!, two.addresses.ipv4, false]]);
  const routeLocalnet = (name: string) => sysctl(`net/ipv4/conf/${name}/route_localnet`, undefined, { namespace: one.namespace });
  t.is(routeLocalnet(server.hostInterface), '1');
  t.is(routeLocalnet(near.hostInterface), '0', 'only where it is needed');
  t.is(routeLocalnet('all'), '0');
});

test.serial('a container sees who sends; only itself and 127.0.0.1 come as the host', async (t) => {
  const { ipv4, ipv6 } = one.addresses;
  const heard = new Set(await server.traffic.heard());
  for (const source of [two.addresses.ipv4, two.addresses.ipv6, far.ipv4, far.ipv6, near.ipv4, near.ipv6, ipv4, ipv6]) {
    t.true(heard.has(source), `${source} is among ${[...heard].join(', ')}`);
  }
  t.is(heard.size, 8);
});

test.serial('a port of a container elsewhere is not taken for one of this host', async (t) => {
  // The same number, through this host to another machine.
  await far.traffic.listen({ tcp: [PORT], udp: [PORT] });
  await expectAnswers(t, [
    ['near', near.traffic, far.ipv4, true],
    ['near', near.traffic, far.ipv6, true],
  ]);
  t.deepEqual(
    (await far.traffic.heard()).filter((source) => source === near.ipv4 || source === near.ipv6).sort(),
    [near.ipv4, near.ipv6].sort(),
  );
});

const ONLY_FAR = `
apiVersion: weir/v1
kind: Policy
metadata: { name: only-far, namespace: default }
spec:
  selector: app == 'server'
  ingress:
    - { action: Allow, source: { selector: app == 'far' }, destination: { ports: [80] }, protocol: TCP }
    - { action: Allow, source: { selector: app == 'far' }, destination: { ports: [80] }, protocol: UDP }
`;

test.serial('policy decides by the real source and the port in the container; what it no longer allows is cut', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  await near.traffic.stream('loses', { address: one.addresses.ipv4, port: PORT });
  await far.traffic.stream('keeps', { address: one.addresses.ipv6, port: PORT });
  await bed.apply(ONLY_FAR);
  try {
    const [ipv4, ipv6] = addressesOf(one) as [string, string];
    await eventually(
      () => near.traffic.tcp({ address: ipv4, port: PORT }),
      (through) => !through,
    );
    await expectAnswers(t, [
      ['far', far.traffic, ipv4, true],
      ['far', far.traffic, ipv6, true],
      ['near', near.traffic, ipv4, false],
      ['near', near.traffic, ipv6, false],
      ['host-2', onHosts[1]!, ipv4, false],
      ['server', server.traffic, ipv4, false],
      // Beside policy: Mesos' health checks.
      ['host-1', onHosts[0]!, ipv4, true],
      ['host-1', onHosts[0]!, ipv6, true],
      ['host-1', onHosts[0]!, '127.0.0.1', true],
    ]);
    const { answered } = await near.traffic.streamState('loses');
    await delay(300);
    t.is((await near.traffic.streamState('loses')).answered, answered, 'the connection was cut');
    const kept = await far.traffic.streamState('keeps');
    t.is(kept.ended, undefined);
  } finally {
    await bed.delete(ONLY_FAR);
  }
});

test.serial('where health checks obey policy, the host does by its ports too', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const { ipv4, ipv6 } = one.addresses;
  const host = (healthChecks: string) =>
    `{ apiVersion: weir/v1, kind: Host, metadata: { name: host-1 }, spec: { addresses: ['${ipv4}', '${ipv6}'], mesosTraffic: { agentPorts: [5051], healthChecks: ${healthChecks} } } }`;
  const local = (passes: boolean) =>
    [ipv4, ipv6, '127.0.0.1'].map((address): [string, Traffic, string, boolean] => ['host-1', onHosts[0]!, address, passes]);
  await bed.apply(host('Policy'));
  try {
    await expectAnswers(t, local(true));
    await bed.apply(ONLY_FAR);
    await eventually(
      () => near.traffic.tcp({ address: ipv4, port: PORT }),
      (through) => !through,
    );
    await expectAnswers(t, [...local(false), ['far', far.traffic, ipv4, true]]);
  } finally {
    await bed.delete(ONLY_FAR);
    await bed.apply(host('Always'));
  }
});

test.serial('a mapping with a host IP is of that address alone', async (t) => {
  const bed = testbed();
  const namespace = bed.makeNamespace('bound');
  const [ipv4, ipv6] = addressesOf(one) as [string, string];
  const portMappings = [
    { hostPort: 31081, containerPort: 80, protocol: 'tcp', hostIP: ipv4 },
    { hostPort: 31081, containerPort: 80, protocol: 'udp', hostIP: ipv4 },
    { hostPort: 31082, containerPort: 80, protocol: 'tcp', hostIP: '127.0.0.1' },
    { hostPort: 31082, containerPort: 80, protocol: 'udp', hostIP: '127.0.0.1' },
  ];
  const call = { host: one, containerId: 'bound', namespace, stdin: mesosNetwork({}, { runtimeConfig: { portMappings } }) };
  t.is((await callCni({ ...call, command: 'ADD' })).exitCode, 0);
  const traffic = new Traffic('bound', namespace);
  t.teardown(() => traffic.close());
  await traffic.listen({ tcp: [80], udp: [80] });
  await expectAnswers(
    t,
    [
      ['host-2', onHosts[1]!, ipv4, true],
      ['host-2', onHosts[1]!, ipv6, false],
      ['host-1', onHosts[0]!, '127.0.0.1', false],
    ],
    31081,
  );
  await expectAnswers(
    t,
    [
      ['host-1', onHosts[0]!, '127.0.0.1', true],
      ['host-1', onHosts[0]!, ipv4, false],
      ['host-2', onHosts[1]!, ipv4, false],
    ],
    31082,
  );
  t.is((await callCni({ ...call, command: 'DEL' })).exitCode, 0);
  await expectAnswers(t, [['host-2', onHosts[1]!, ipv4, false]], 31081);
});

test.serial('SCTP: an association goes there and back, and policy decides on it', async (t) => {
  const bed = testbed();
  const mapping = { host_port: 31086, container_port: 3868, protocol: 'sctp' };
  const peer = await bed.launch(one, { app: 'server' }, { name: 'sctp', portMappings: [mapping] });
  for (const family of ['IPv4', 'IPv6'] as const) {
    const isIpv4 = family === 'IPv4';
    const [inside, outside] = [new SctpEnd(peer.container.namespace, family), new SctpEnd(far.container.namespace, family)];
    t.teardown(() => inside.close());
    t.teardown(() => outside.close());
    const address = isIpv4 ? one.addresses.ipv4 : one.addresses.ipv6;
    // What denied the family before may be in force for a moment yet.
    const begun = await eventually(
      () => {
        outside.init(address, { sourcePort: 40000, destinationPort: 31086 });
        return inside.hear({ limitMs: 300 });
      },
      (packet) => packet !== undefined,
    );
    t.deepEqual(begun, { sourcePort: 40000, destinationPort: 3868, chunk: 1, isSound: true }, family);
    inside.initAck(isIpv4 ? far.ipv4 : far.ipv6, { sourcePort: 3868, destinationPort: 40000 });
    t.deepEqual(await outside.hear(), { sourcePort: 31086, destinationPort: 40000, chunk: 2, isSound: true }, family);
    await bed.apply(ONLY_FAR);
    // Each try is an association of its own: what was let through before the policy came goes on being let through.
    let sourcePort = 40001;
    const heard = await eventually(
      () => {
        outside.init(address, { sourcePort: sourcePort++, destinationPort: 31086 });
        return inside.hear({ limitMs: 300 });
      },
      (packet) => packet === undefined,
    );
    t.is(heard, undefined, 'the policy allows other protocols alone');
    await bed.delete(ONLY_FAR);
  }
  await bed.destroy(peer);
});

test.serial("a container with a mapped port does not reach its host's loopback by that", async (t) => {
  const bed = testbed();
  const loopback = { address: '127.0.0.1', port: 31087 };
  await onHosts[0]!.listen({ udp: [loopback.port] });
  const sneaky = await bed.launch(one, { app: 'sneaky' }, { portMappings: [{ host_port: 31088, container_port: 80 }] });
  const ip = (...args: string[]) => execFileSync('nsenter', [`--net=${sneaky.container.namespace}`, 'ip', ...args]);
  // As root in a container can do it: 127.0.0.1 is no longer its own, but behind its link.
  for (const own of ['127.0.0.0/8', '127.0.0.1']) ip('route', 'del', 'local', own, 'dev', 'lo', 'table', 'local');
  ip('route', 'add', '127.0.0.0/8', 'via', '169.254.1.1', 'dev', 'eth0', 'onlink');
  sysctl('net/ipv4/conf/eth0/route_localnet', 1, { namespace: sneaky.container.namespace });
  await sneaky.traffic.udp({ ...loopback, source: sneaky.ipv4 });
  await sneaky.traffic.udp({ address: one.addresses.ipv4, port: loopback.port, source: sneaky.ipv4, timeoutMs: 2000 });
  using conntrack = Conntrack.open({ namespace: one.namespace });
  const sent = (await conntrack.list()).filter(
    ({ original }) => original.source === sneaky.ipv4 && original.destinationPort === loopback.port,
  );
  t.deepEqual(
    sent.map(({ original }) => original.destination),
    [one.addresses.ipv4],
    'what went the same way to an address of the host came, and nothing else',
  );
  await bed.destroy(sneaky);
});

test.serial('a port that another container has is refused with its name; of two at once one has it', async (t) => {
  const bed = testbed();
  const before = await tracesAtRest(bed.hosts, bed.objects);
  const call = (containerId: string, hostPort: number) => ({
    host: one,
    containerId,
    namespace: bed.makeNamespace(containerId),
    stdin: mesosNetwork({}, { runtimeConfig: { portMappings: [{ hostPort, containerPort: 80 }] } }),
  });
  const second = call('second', PORT);
  const { exitCode, json } = await callCni({ ...second, command: 'ADD' });
  t.is(exitCode, 1);
  t.is(json.code, 11);
  t.regex(json.msg, new RegExp(`TCP 0\\.0\\.0\\.0:${PORT} of host host-1 leads to container ${server.containerId} already`));
  t.is((await callCni({ ...second, command: 'DEL' })).exitCode, 0);
  const racers = ['racer-1', 'racer-2', 'racer-3'].map((containerId) => call(containerId, 31083));
  const answers = await Promise.all(racers.map((racer) => callCni({ ...racer, command: 'ADD' })));
  t.deepEqual(answers.map(({ json: answer }) => answer.code ?? 'has it').sort(), [11, 11, 'has it']);
  for (const racer of racers) t.is((await callCni({ ...racer, command: 'DEL' })).exitCode, 0);
  t.deepEqual(await tracesOnce(before, bed.hosts, bed.objects), before);
});

test.serial('DEL frees the port and cuts its flows; the next container has it at once, also for a sender that never pauses', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const [ipv4, ipv6] = addressesOf(one) as [string, string];
  // Datagrams to a port that nobody has: without more, their flow would be the host's for as long as they come.
  const early = [ipv4, ipv6].map((address) => far.traffic.udp({ address, port: 31084, timeoutMs: 10_000 }));
  await eventually(
    () => trackedTo(31084),
    (flows) => flows.length === 2,
  );
  const first = await bed.launch(one, { app: 'first' }, { portMappings: BOTH(31084) });
  t.deepEqual(await Promise.all(early), [true, true]);
  await far.traffic.stream('of the first', { address: ipv4, port: 31084 });
  await bed.destroy(first);
  const ofTheFirst = async () => (await trackedTo(31084)).filter(({ reply }) => [first.ipv4, first.ipv6].includes(reply.source));
  t.deepEqual(await eventually(ofTheFirst, (flows) => flows.length === 0), []);
  await expectAnswers(
    t,
    [
      ['host-2', onHosts[1]!, ipv4, false],
      ['host-1', onHosts[0]!, ipv4, false],
    ],
    31084,
  );
  const { answered } = await far.traffic.streamState('of the first');
  const second = await bed.launch(one, { app: 'second' }, { portMappings: BOTH(31084) });
  await expectAnswers(
    t,
    [
      ['host-2', onHosts[1]!, ipv4, true],
      ['host-1', onHosts[0]!, ipv6, true],
    ],
    31084,
  );
  t.is((await far.traffic.streamState('of the first')).answered, answered, 'a connection does not go on with another container');
  await bed.destroy(second);
});

async function trackedTo(port: number) {
  using conntrack = Conntrack.open({ namespace: one.namespace });
  return (await conntrack.list()).filter(({ original, protocol }) => protocol === 17 && original.destinationPort === port);
}

test.serial('kill -9 of the agent cuts nothing; a DEL without it frees the port', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const [ipv4] = addressesOf(one) as [string];
  const short = await bed.launch(one, { app: 'short' }, { portMappings: BOTH(31085) });
  await far.traffic.stream('through the kill', { address: ipv4, port: PORT });
  await one.stopAgent('SIGKILL');
  await expectAnswers(t, [['host-2', onHosts[1]!, ipv4, true]], 31085);
  await bed.destroy(short);
  await expectAnswers(t, [['host-2', onHosts[1]!, ipv4, false]], 31085);
  const late = { host: one, containerId: 'late', namespace: bed.makeNamespace('late') };
  const taken = mesosNetwork({}, { runtimeConfig: { portMappings: [{ hostPort: PORT, containerPort: 80 }] } });
  t.is((await callCni({ ...late, command: 'ADD', stdin: taken })).json.code, 11, 'a call without an agent knows who has a port');
  await one.startAgent();
  await expectAnswers(t, [['host-2', onHosts[1]!, ipv4, true]]);
  t.is((await far.traffic.streamState('through the kill')).ended, undefined);
});

test.serial('an ADD in whose midst the agent is killed holds its port until DEL, and no longer', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const before = await tracesAtRest(bed.hosts, bed.objects);
  const stdin = mesosNetwork({}, { runtimeConfig: { portMappings: [{ hostPort: 31089, containerPort: 80 }] } });
  for (const milliseconds of [0, 2, 4, 8, 16]) {
    const call = { host: one, containerId: `cut-${milliseconds}`, namespace: bed.makeNamespace(`cut-${milliseconds}`), stdin };
    const { answer } = startCni({ ...call, command: 'ADD' });
    await delay(milliseconds);
    await one.stopAgent('SIGKILL');
    await answer;
    await one.startAgent();
    t.is((await callCni({ ...call, command: 'DEL' })).exitCode, 0);
    // As a runtime does: by this an agent that is killed before it gave the address back knows afterwards that nobody has it.
    deleteNamespace(call.namespace);
    const next = await bed.launch(one, { app: 'next' }, { portMappings: [{ host_port: 31089, container_port: 80 }] });
    t.true(
      await far.traffic.tcp({ address: one.addresses.ipv4, port: 31089, timeoutMs: PATIENCE_MS }),
      `after a kill at ${milliseconds} ms`,
    );
    await bed.destroy(next);
  }
  t.deepEqual(await tracesOnce(before, bed.hosts, bed.objects), before);
});

test.serial('an app of Marathon with portMappings is reached by the port of its agent', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const marathon = new MarathonClient({ url: await startMarathon(bed.cluster.folder, { hosts: 2 }) });
  const program = "require('node:net').createServer((s) => s.on('error', () => {}).pipe(s)).listen(8000, '::')";
  await marathon.createApp({
    id: '/shop/web',
    cmd: `exec ${process.execPath} -e "${program}"`,
    networks: [{ mode: 'container', name: 'weir' }],
    container: { type: 'MESOS', portMappings: [{ containerPort: 8000, hostPort: 0, protocol: 'tcp', name: 'http' }] },
  });
  const running = async () => (await marathon.listTasks('/shop/web')).filter(({ state }) => state === 'TASK_RUNNING');
  const [task] = await eventually(running, (tasks) => tasks.length === 1);
  const port = task!.ports![0]!;
  const agent = bed.hosts.find(({ name }) => name === task!.host)!;
  const sender = onHosts[agent === one ? 1 : 0]!;
  for (const address of addressesOf(agent)) {
    const reached = await eventually(
      () => sender.tcp({ address, port }),
      (through) => through,
    );
    t.true(reached, address);
  }
  await marathon.deleteApp('/shop/web');
  const isFree = await eventually(
    () => sender.tcp({ address: agent.addresses.ipv4, port }),
    (through) => !through,
  );
  t.false(isFree);
});
