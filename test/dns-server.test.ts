/** The DNS server of a host, asked by real containers: with dig, with glibc's resolver, and with what no resolver sends. */
import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { LabHost, NetworkFile } from '@weir/lab';
import test, { type ExecutionContext } from 'ava';
import { callCni, mesosNetwork } from './testbed/cni-call.ts';
import { eventually } from './testbed/eventually.ts';
import { readMetrics, readReadiness } from './testbed/health.ts';
import { connectByName } from './testbed/named-connection.ts';
import { SHOP } from './testbed/shop.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';

const run = promisify(execFile);
const SERVER4 = '169.254.1.53';
const SERVER6 = 'fd77:6569:7200::53';
const WEIR = JSON.parse(readFileSync(new URL('../cni-configs/weir.json', import.meta.url), 'utf8')) as NetworkFile & { chain: object[] };
const [ROUTE, ...REST] = WEIR.chain;
const NETWORK = { ...WEIR, chain: [{ ...ROUTE, hostDns: true }, ...REST] };

/** Nobody listens at the first one. */
const DNS = { resolvers: ['127.0.0.9', '127.0.0.1'], ttl: 7, timeout: 400 };
const testbed = Testbed.share(test, { hosts: 2, store: 'etcd', networks: [NETWORK], agent: { dns: DNS } });

let one: LabHost;
let client: Workload;
let web: Workload[];
let upstream: ChildProcess;

test.serial.before('a client, an app of two instances on two hosts, and a name server beside the agent', async () => {
  const bed = testbed();
  one = bed.hosts[0]!;
  const app = (host: LabHost) => bed.launch(host, { ...SHOP, app: 'web' });
  [client, ...web] = await Promise.all([bed.launch(one, { ...SHOP, role: 'client' }), app(one), app(bed.hosts[1]!)]);
  upstream = await startUpstream();
});

test.after.always(() => void upstream?.kill());

async function startUpstream(): Promise<ChildProcess> {
  const options = ['--keep-in-foreground', '--no-resolv', '--no-hosts', '--conf-file=/dev/null', '--pid-file=', '--user=root'];
  const where = ['--listen-address=127.0.0.1', '--bind-interfaces'];
  const many = Array.from({ length: 60 }, (_, index) => `--host-record=many.example.com,192.0.2.${index + 1}`);
  const records = ['--host-record=www.example.com,192.0.2.80,2001:db8::80', '--address=/any.example.com/192.0.2.90', ...many];
  const server = one.spawn('/usr/sbin/dnsmasq', [...options, ...where, ...records], { stdio: ['ignore', 'ignore', 'inherit'] });
  await once(server, 'spawn');
  return server;
}

/** Within the container: what dig prints. */
async function dig(from: Workload, ...words: string[]): Promise<string> {
  const common = ['+time=2', '+tries=2', '+nocookie', '+noall', '+comments', '+answer', '+authority', '+additional'];
  try {
    return (await run('nsenter', [`--net=${from.container.namespace}`, 'dig', ...common, ...words])).stdout;
  } catch (error) {
    return (error as { stdout: string }).stdout; // status 9: no answer
  }
}

const short = async (from: Workload, ...words: string[]) =>
  (await run('nsenter', [`--net=${from.container.namespace}`, 'dig', '+short', ...words]).catch(({ stdout }) => ({ stdout }))).stdout
    .trim()
    .split('\n')
    .toSorted();

const NO_ANSWER = /no servers could be reached/;

async function untilKnown(): Promise<void> {
  await eventually(
    () => short(client, `@${SERVER4}`, 'web.shop.weir', 'A'),
    (addresses) => addresses.length === web.length,
  );
}

test.serial('names of the cluster: addresses, ports and instances, over both families, UDP and TCP', async (t) => {
  t.timeout(60_000);
  await untilKnown();
  const [ipv4, ipv6] = [web.map((one) => one.ipv4).toSorted(), web.map((one) => one.ipv6).toSorted()];
  for (const server of [SERVER4, SERVER6]) {
    for (const transport of ['+notcp', '+tcp']) {
      t.deepEqual(await short(client, `@${server}`, transport, 'web.shop.weir', 'A'), ipv4, `${server} ${transport}`);
      t.deepEqual(await short(client, `@${server}`, transport, 'WEB.shop.Weir.', 'AAAA'), ipv6);
    }
  }
  const own = `${web[1]!.ipv4.replaceAll('.', '-')}.shop.weir.`;
  t.deepEqual(await short(client, `@${SERVER4}`, '-x', web[1]!.ipv4), [own]);
  t.deepEqual(await short(client, `@${SERVER4}`, '-x', web[1]!.ipv6), [own]);
  t.deepEqual(await short(client, `@${SERVER4}`, own, 'A'), [web[1]!.ipv4]);
  t.regex(
    await dig(client, `@${SERVER4}`, 'nope.shop.weir'),
    /status: NXDOMAIN[\s\S]*flags: qr aa rd ra[\s\S]*AUTHORITY: 1[\s\S]*weir\.\s+7\s+IN\s+SOA/,
  );
  t.regex(await dig(client, `@${SERVER4}`, 'web.shop.weir', 'TXT'), /status: NOERROR[\s\S]*ANSWER: 0, AUTHORITY: 1/);
  t.regex(await dig(client, `@${SERVER4}`, 'shop.weir'), /status: NOERROR/);
  t.regex(await dig(client, `@${SERVER4}`, '+edns=1', '+noednsneg', 'web.shop.weir'), /status: BADVERS/);
  t.regex(await dig(client, `@${SERVER4}`, 'weir', 'AXFR'), /Transfer failed/);
});

test.serial('a service has its name, its own address, and its ports as SRV', async (t) => {
  t.timeout(30_000);
  const manifest = { apiVersion: 'weir/v1', kind: 'Service', metadata: { name: 'front', namespace: 'shop' } };
  await testbed().apply(
    JSON.stringify({ ...manifest, spec: { selector: 'app == "web"', ports: [{ name: 'http', port: 8000, targetPort: 80 }] } }),
  );
  const object = JSON.parse(await testbed().mustWeir(['get', 'service', 'front', '-n', 'shop', '-o', 'json'])) as {
    status: { addresses: string[] };
  };
  const [four] = object.status.addresses.filter((address) => !address.includes(':'));
  t.deepEqual(
    await eventually(
      () => short(client, `@${SERVER4}`, 'front.shop.weir', 'A'),
      ([address]) => address === four,
    ),
    [four],
  );
  t.deepEqual(await short(client, `@${SERVER4}`, '_http._tcp.front.shop.weir', 'SRV'), ['0 1 8000 front.shop.weir.']);
});

test.serial("what Mesos writes into the task's resolv.conf makes the names work by their first part", async (t) => {
  const inside = ['-t', String(client.container.pid), '-m', '-n'];
  const { stdout: conf } = await run('nsenter', [...inside, 'cat', '/etc/resolv.conf']);
  t.is(conf, `search shop.weir weir\nnameserver ${SERVER4}\nnameserver ${SERVER6}\n`);
  const { stdout } = await run('nsenter', [...inside, 'getent', 'ahostsv4', 'web']);
  t.deepEqual([...new Set(stdout.match(/^\S+(?= +STREAM)/gm))].toSorted(), web.map((one) => one.ipv4).toSorted());
});

test.serial('all other names come from the name servers of the host, the next one when one is dead', async (t) => {
  t.timeout(60_000);
  t.deepEqual(await short(client, `@${SERVER4}`, 'www.example.com', 'A'), ['192.0.2.80']);
  t.deepEqual(await short(client, `@${SERVER6}`, '+tcp', 'www.example.com', 'AAAA'), ['2001:db8::80']);
  t.is((await short(client, `@${SERVER4}`, '+bufsize=512', 'many.example.com', 'A')).length, 60, 'truncated, and asked for again over TCP');
  const { stdout } = await run('nsenter', [`--net=${one.namespace}`, 'dig', '+short', `@${SERVER4}`, 'www.example.com']);
  t.is(stdout, '192.0.2.80\n', 'the host itself may ask too');
  upstream.kill();
  await once(upstream, 'exit');
  t.regex(await dig(client, `@${SERVER4}`, 'www.example.com'), /status: SERVFAIL/);
  t.is((await short(client, `@${SERVER4}`, 'web.shop.weir')).length, 2, 'its own names do not need them');
  upstream = await startUpstream();
  t.deepEqual(
    await eventually(
      () => short(client, `@${SERVER4}`, 'www.example.com', 'A'),
      ([address]) => address === '192.0.2.80',
    ),
    ['192.0.2.80'],
  );
});

/** Within a container: that many questions at once, each again when nothing came. */
const MANY = `
const { Resolver } = require('node:dns').promises;
const [count] = process.argv.slice(1);
const ask = async (index) => {
  const resolver = new Resolver({ timeout: 1000, tries: 5 });
  resolver.setServers(['${SERVER4}']);
  const name = index % 2 ? 'web.shop.weir' : 'n' + index + '.any.example.com';
  return resolver.resolve4(name).then((addresses) => addresses.length === (index % 2 ? 2 : 1), (error) => error.code);
};
Promise.all(Array.from({ length: Number(count) }, (_, index) => ask(index))).then((all) => {
  console.log(JSON.stringify(all.filter((answer) => answer !== true)));
});
`;

test.serial('1,000 questions at once are all answered', async (t) => {
  t.timeout(60_000);
  const { stdout } = await run('nsenter', [`--net=${client.container.namespace}`, process.execPath, '-e', MANY, '1000']);
  t.deepEqual(JSON.parse(stdout), []);
});

const GARBAGE = `
import os, socket, random
random.seed(7)
server = ('${SERVER4}', 53)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for size in list(range(0, 40)) + [512, 1400, 9000]:
  for _ in range(5): udp.sendto(bytes(random.randrange(256) for _ in range(size)), server)
# A name that points at itself, one that runs off the end, and 65,535 questions.
for text in ['0001010000010000000000 00c00c00010001', '000101000001000000000000ff61', '00010100ffff00000000000003777777000001 0001']:
  udp.sendto(bytes.fromhex(text.replace(' ', '')), server)
for size in [0, 1, 2, 3, 40, 60000]:
  tcp = socket.create_connection(server)
  try: tcp.sendall(os.urandom(size))
  except OSError: pass
  tcp.close()
held = [socket.create_connection(server) for _ in range(300)]
for tcp in held:
  try: tcp.sendall(b'\\x00')
  except OSError: pass
print('sent')
`;

test.serial('whatever comes, the server goes on, and a client that hangs is not waited for', async (t) => {
  t.timeout(60_000);
  const before = testbed().agentPid(one);
  const { stdout } = await run('nsenter', [`--net=${client.container.namespace}`, '/usr/bin/python3', '-c', GARBAGE]);
  t.is(stdout, 'sent\n');
  for (const transport of ['+notcp', '+tcp']) t.is((await short(client, `@${SERVER4}`, transport, 'web.shop.weir')).length, 2);
  t.is(testbed().agentPid(one), before);
  t.deepEqual(
    (await readReadiness(one)).reasons.filter((reason) => reason.startsWith('DNS')),
    [],
  );
});

const FLOOD = `
import socket, time
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect(('${SERVER4}', 53))
question = bytes.fromhex('000101000001000000000000') + b'\\x03web\\x04shop\\x04weir\\x00\\x00\\x01\\x00\\x01'
end = time.time() + 3
sent = 0
while time.time() < end:
  udp.send(question)
  sent += 1
print(sent)
`;

test.serial('a container that floods it is held back, and the others are answered', async (t) => {
  t.timeout(60_000);
  const floods = await testbed().launch(one, { ...SHOP, role: 'flood' });
  const flood = run('nsenter', [`--net=${floods.container.namespace}`, '/usr/bin/python3', '-c', FLOOD]);
  const { stdout } = await run('nsenter', [`--net=${client.container.namespace}`, process.execPath, '-e', MANY, '200']);
  t.deepEqual(JSON.parse(stdout), []);
  const sent = Number((await flood).stdout);
  const dropped = await run('nsenter', [`--net=${one.namespace}`, '/usr/sbin/nft', 'list', 'chain', 'inet', 'weir', 'dns_pace']);
  const [, packets] = /ip saddr .*limit rate over.*counter packets (\d+)/.exec(dropped.stdout) ?? [];
  t.true(Number(packets) > 0 && sent - Number(packets) < 20_000 + 2_000 * 6, `${packets} of ${sent} were dropped: ${dropped.stdout}`);
});

const CLOSED = `
apiVersion: weir/v1
kind: Policy
metadata: { name: closed, namespace: shop }
spec:
  selector: role == "client"
  types: [Egress]
  egress:
    - { action: Allow, protocol: TCP, destination: { domains: ["*.shop.weir"], ports: [80] } }
`;

async function setQueries(queries: 'Always' | 'Policy'): Promise<void> {
  const host = JSON.parse(await testbed().mustWeir(['get', 'host', one.name, '-o', 'json'])) as { spec: { dns: object } };
  await testbed().apply(JSON.stringify({ ...host, spec: { ...host.spec, dns: { ...host.spec.dns, queries } } }));
}

test.serial('a container that may reach nothing reaches its DNS, unless the operator leaves that to policy', async (t) => {
  t.timeout(60_000);
  await testbed().apply(CLOSED);
  await eventually(
    () => client.traffic.tcp({ address: web[0]!.ipv4, port: 81 }),
    (through) => !through,
  );
  for (const server of [SERVER4, SERVER6]) t.is((await short(client, `@${server}`, 'web.shop.weir')).length, 2);
  t.regex(
    await testbed().mustWeir(['describe', 'host', one.name]),
    /containers ask 169\.254\.1\.53, fd77:6569:7200::53 whatever policy says/,
  );
  const from = `shop/${client.containerId}-eth0`;
  const trace = ['trace', '--from', from, '--to', SERVER4, '--port', 'udp/53'];
  t.regex((await testbed().weir(trace)).stdout, /Allowed: containers always reach the DNS server of their host/);
  await setQueries('Policy');
  await eventually(
    () => dig(client, `@${SERVER4}`, '+tries=1', '+time=1', 'web.shop.weir'),
    (text) => NO_ANSWER.test(text),
  );
  t.regex((await testbed().weir(trace)).stdout, /Denied/);
  await setQueries('Always');
  await untilKnown();
});

test.serial('rules that name domains learn from its answers: the first connection passes', async (t) => {
  t.timeout(60_000);
  const asks = await testbed().launch(one, { ...SHOP, role: 'client' });
  const target = { address: web[0]!.ipv4, port: 80 };
  t.false(
    await eventually(
      () => asks.traffic.tcp(target),
      (through) => !through,
    ),
  );
  for (const [server, type] of [
    [SERVER4, 'A'],
    [SERVER6, 'AAAA'],
  ] as const) {
    t.deepEqual(await connectByName(asks, server, 'web.shop.weir', type), { [type]: true }, server);
  }
});

test.serial('also from those that it gives over TCP, where long answers come', async (t) => {
  t.timeout(60_000);
  const asks = await testbed().launch(one, { ...SHOP, role: 'client' });
  const target = { address: web[0]!.ipv4, port: 80 };
  t.false(
    await eventually(
      () => asks.traffic.tcp(target),
      (through) => !through,
    ),
  );
  t.is((await short(asks, `@${SERVER4}`, '+tcp', 'web.shop.weir')).length, 2);
  t.true(await asks.traffic.tcp(target));
});

test.serial('it is no open resolver: who is neither this host nor a container of its own is not heard', async (t) => {
  t.timeout(60_000);
  const two = testbed().hosts[1]!;
  await two.stopAgent();
  const ip = (...words: string[]) => run('nsenter', [`--net=${two.namespace}`, 'ip', ...words]);
  await ip('address', 'delete', `${SERVER4}/32`, 'dev', 'lo');
  await ip('route', 'add', `${SERVER4}/32`, 'via', one.addresses.ipv4);
  const denied = async () =>
    Number(/^weir_denied_packets_total\{reason="unknown"\} (\d+)/m.exec((await readMetrics(one)).join('\n'))?.[1] ?? 0);
  const before = await denied();
  const asks = run('nsenter', [`--net=${two.namespace}`, 'dig', '+time=1', '+tries=1', `@${SERVER4}`, 'web.shop.weir']);
  t.regex((await t.throwsAsync<Error & { stdout: string }>(asks)).stdout, /timed out/);
  t.true((await eventually(denied, (count) => count > before)) > before, 'the question came, and was dropped');
  await ip('route', 'delete', `${SERVER4}/32`);
  await two.startAgent();
  t.regex((await ip('address', 'show', 'dev', 'lo')).stdout, /169\.254\.1\.53/);
});

/** A question that comes while the process ends is lost with its socket; from then on the kernel refuses them. */
async function isRefusedAtOnce(t: ExecutionContext): Promise<void> {
  const text = await eventually(
    () => dig(client, `@${SERVER4}`, '+tries=1', '+time=2', 'web.shop.weir'),
    (answer) => answer.includes('connection refused'),
  );
  t.regex(text, /connection refused/, 'nobody waits for an answer that cannot come');
}

test.serial('the agent is killed: who asks is told so at once, and the next agent answers again', async (t) => {
  t.timeout(60_000);
  await one.stopAgent('SIGKILL');
  await isRefusedAtOnce(t);
  await one.startAgent();
  await untilKnown();
  await testbed().delete(CLOSED);
});

test.serial('etcd is away: what was known is answered', async (t) => {
  t.timeout(60_000);
  const startEtcd = testbed().killEtcd();
  await eventually(
    () => readReadiness(one),
    ({ reasons }) => reasons.some((reason) => reason.includes('store')),
  );
  t.is((await short(client, `@${SERVER4}`, 'web.shop.weir')).length, 2);
  t.deepEqual(await short(client, `@${SERVER4}`, 'www.example.com', 'A'), ['192.0.2.80']);
  await one.stopAgent();
  const started = one.startAgent(); // ready when the store is there
  await eventually(
    () => short(client, `@${SERVER4}`, 'web.shop.weir'),
    (addresses) => addresses.length === 2,
  );
  t.is((await short(client, `@${SERVER4}`, 'web.shop.weir')).length, 2, 'also by an agent that starts now');
  t.regex(await dig(client, `@${SERVER4}`, 'nope.shop.weir'), /status: NXDOMAIN/);
  startEtcd();
  await started;
  await eventually(
    () => readReadiness(one),
    ({ reasons }) => !reasons.some((reason) => reason.includes('store')),
    { limitMs: 20_000 },
  );
});

test.serial('a host without a DNS server refuses a network that asks for one, and says what to do', async (t) => {
  t.timeout(60_000);
  const two = testbed().hosts[1]!;
  await two.stopAgent();
  const { dns: _, ...config } = JSON.parse(readFileSync(two.agentConfig, 'utf8'));
  writeFileSync(two.agentConfig, JSON.stringify(config));
  await two.startAgent();
  const call = { host: two, containerId: 'refused', namespace: testbed().makeNamespace('refused'), stdin: mesosNetwork({}, NETWORK) };
  const { json } = await callCni({ ...call, command: 'ADD' });
  t.regex(json.msg, /the network "weir" has "hostDns": true, and the agent of host-2 answers no DNS/);
  t.regex(json.details, /dns: \{\}/);
  await callCni({ ...call, command: 'DEL' });
  const { stdout } = await run('nsenter', [`--net=${two.namespace}`, 'ip', 'address', 'show', 'dev', 'lo']);
  t.notRegex(stdout, /169\.254\.1\.53/, 'what the agent before had is taken away');
});
