/** Egress by DNS name, with a real DNS server: what an answer says is in force before the container has the answer, and for nobody else. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { inNamespace } from '@weir/kernel';
import type { LabHost } from '@weir/lab';
import test from 'ava';
import { encode } from 'dns-packet';
import { eventually } from './testbed/eventually.ts';
import { connectByName } from './testbed/named-connection.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';

const run = promisify(execFile);
const testbed = Testbed.share(test, { hosts: 1 });
const servers: ChildProcess[] = [];

let host: LabHost;
let web: Workload;
let dns: Workload;
let rogue: Workload;

const QUESTION = { type: 'A', name: 'www.example.com' } as const;

const POLICY = `
apiVersion: weir/v1
kind: Policy
metadata: { name: by-name, namespace: default }
spec:
  selector: role == "client"
  types: [Egress]
  egress:
    - { action: Allow, protocol: UDP, destination: { selector: app == "dns", ports: [53] } }
    - { action: Allow, protocol: TCP, destination: { domains: ["*.example.com", exact.test], ports: [80] } }
`;

test.serial.before('a web server, a DNS server that policy lets ask, and one that it does not', async () => {
  const bed = testbed();
  [host] = bed.hosts as [LabHost];
  await bed.apply(POLICY);
  [web, dns, rogue] = await Promise.all([
    bed.launch(host, { app: 'web' }),
    bed.launch(host, { app: 'dns' }),
    bed.launch(host, { app: 'rogue' }),
  ]);
  await Promise.all([dns, rogue].map((server) => startDns(server.container.namespace)));
});

test.after.always(() => {
  for (const server of servers) server.kill();
});

async function startDns(namespace: string): Promise<void> {
  const both = (name: string) => [`--host-record=${name},${web.ipv4},${web.ipv6}`];
  const options = [
    '--keep-in-foreground',
    '--no-resolv',
    '--no-hosts',
    '--conf-file=/dev/null',
    '--pid-file=',
    '--user=root',
    '--local-ttl=30',
  ];
  const records = [
    ...['www.example.com', 'a.b.example.com', 'exact.test', 'else.test', 'target.cdn.test'].flatMap(both),
    '--cname=alias.example.com,target.cdn.test',
  ];
  const server = inNamespace(namespace, () =>
    spawn('/usr/sbin/dnsmasq', [...options, ...records], { stdio: ['ignore', 'ignore', 'inherit'] }),
  );
  servers.push(server);
  await once(server, 'spawn');
}

let launched = 0;
async function client(): Promise<Workload> {
  launched += 1;
  return testbed().launch(host, { role: 'client', number: String(launched) });
}

const reaches = (from: Workload, address: string) => from.traffic.tcp({ address, port: 80 });

test.serial('the first connection after an answer passes, over both families; other names open nothing', async (t) => {
  t.timeout(60_000);
  const asks = await client();
  await eventually(
    () => connectByName(asks, dns.ipv4, 'else.test', 'A'),
    (answer) => JSON.stringify(answer) === '{"A":false}',
  );
  t.deepEqual(await connectByName(asks, dns.ipv4, 'else.test', 'A', 'AAAA'), { A: false, AAAA: false }, 'a name that no rule has');
  t.deepEqual(await connectByName(asks, dns.ipv4, 'www.example.com', 'A'), { A: true }, 'a wildcard');
  t.false(await reaches(asks, web.ipv6), 'what was not told yet');
  t.deepEqual(await connectByName(asks, dns.ipv6, 'www.example.com', 'AAAA'), { AAAA: true }, 'asked over IPv6');
  t.false(await asks.traffic.tcp({ address: web.ipv4, port: 81 }), 'ports are those of the rule');
});

for (const [what, name] of [
  ['below a wildcard at any depth', 'a.b.example.com'],
  ['an exact name', 'exact.test'],
  ['by way of a CNAME', 'alias.example.com'],
] as const) {
  test.serial(`${what}: ${name}`, async (t) => {
    t.timeout(30_000);
    const asks = await client();
    const beside = await client();
    t.deepEqual(await connectByName(asks, dns.ipv4, name, 'A', 'AAAA'), { A: true, AAAA: true });
    t.false(await reaches(beside, web.ipv4), 'the other container was told nothing');
    t.false(await reaches(beside, web.ipv6));
  });
}

test.serial('a DNS server that policy does not allow opens nothing, even when it helps', async (t) => {
  t.timeout(30_000);
  const asks = await client();
  t.deepEqual(await connectByName(asks, rogue.ipv4, 'www.example.com', 'A'), { A: 'ETIMEOUT' });
  const answer = encode({ type: 'response', id: 7, questions: [QUESTION], answers: [{ ...QUESTION, ttl: 300, data: web.ipv4 }] });
  // The container asks, from a port that it told its helper, who answers although nothing came.
  await python(
    asks.container.namespace,
    SEND,
    '4000',
    rogue.ipv4,
    '53',
    encode({ type: 'query', id: 7, questions: [QUESTION] }).toString('hex'),
  );
  for (const server of servers.splice(1)) server.kill();
  const heard = python(asks.container.namespace, HEAR, '4000');
  await eventually(
    () =>
      python(rogue.container.namespace, SEND, '53', asks.ipv4, '4000', answer.toString('hex')).then(() => Promise.race([heard, undefined])),
    (bytes) => bytes !== undefined,
  );
  t.is(await heard, answer.toString('hex'), 'the forged answer arrived');
  t.false(await reaches(asks, web.ipv4));
  t.deepEqual(await connectByName(asks, dns.ipv4, 'www.example.com', 'A'), { A: true }, 'the right one opens what it tells');
});

test.serial('who asks ever more has the agent look at some of it alone, and it has time for what others are told', async (t) => {
  t.timeout(60_000);
  const [floods, asks] = [await client(), await client()];
  const before = messagesSeen();
  const flood = python(floods.container.namespace, FLOOD, dns.ipv4, encode({ type: 'query', questions: [QUESTION] }).toString('hex'));
  t.deepEqual(await connectByName(asks, dns.ipv4, 'www.example.com', 'A', 'AAAA'), { A: true, AAAA: true });
  const sent = Number(await flood);
  const seen = messagesSeen() - before;
  t.true(seen > 0 && seen < sent / 2, `${seen} of ${sent} questions and their answers`);
});

/** How many the kernel has given the agent since it was started (nfnetlink_queue.c, seq_show). */
function messagesSeen(): number {
  const queue = inNamespace(host.namespace, () => readFileSync('/proc/thread-self/net/netfilter/nfnetlink_queue', 'utf8'));
  return Number(/^ *5353 +(?:\d+ +){6}(\d+) /m.exec(queue)![1]);
}

test.serial('what was learnt outlives the agent, answers pass while it is away, and it learns again when it is back', async (t) => {
  t.timeout(60_000);
  const knows = await client();
  const late = await client();
  t.deepEqual(await connectByName(knows, dns.ipv4, 'www.example.com', 'A'), { A: true });
  await host.stopAgent('SIGKILL');
  t.true(await reaches(knows, web.ipv4));
  t.deepEqual(await connectByName(late, dns.ipv4, 'www.example.com', 'A'), { A: false }, 'answered, and closed');
  await host.startAgent();
  t.deepEqual(
    await eventually(
      () => connectByName(late, dns.ipv4, 'www.example.com', 'A'),
      (answer) => JSON.stringify(answer) === '{"A":true}',
    ),
    { A: true },
  );
  t.true(await reaches(knows, web.ipv4), 'and nothing was forgotten');
});

const SEND = `
import socket, sys
port, address, to, payload = sys.argv[1:]
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind(('', int(port)))
sender.sendto(bytes.fromhex(payload), (address, int(to)))
`;
const FLOOD = `
import socket, sys
address, payload = sys.argv[1:]
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
question = bytes.fromhex(payload)
for count in range(50000):
    sender.sendto(count.to_bytes(2, 'big') + question[2:], (address, 53))
print(count)
`;
const HEAR = `
import socket, sys
ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ear.bind(('', int(sys.argv[1])))
ear.settimeout(10)
print(ear.recv(2000).hex())
`;

async function python(namespace: string, program: string, ...args: string[]): Promise<string> {
  return (await run('nsenter', [`--net=${namespace}`, '/usr/bin/python3', '-c', program, ...args])).stdout.trim();
}
