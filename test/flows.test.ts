/** What `weir flows` tells of real packets: who, to whom, allowed or denied and by which rule, seen by the agents of both ends. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { inNamespace } from '@weir/kernel';
import type { FlowRecord } from '@weir/resources';
import test from 'ava';
import { eventually } from './testbed/eventually.ts';
import { readMetrics } from './testbed/health.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';

const testbed = Testbed.share(test, { hosts: 2 });

let server: Workload;
let client: Workload;
let guest: Workload;

const POLICIES = `
apiVersion: weir/v1
kind: Policy
metadata: { name: server, namespace: shop }
spec:
  selector: app == 'server'
  ingress:
    - { action: Log, protocol: UDP }
    - { action: Allow, protocol: TCP, source: { selector: app == 'client' }, destination: { ports: [80] } }
---
apiVersion: weir/v1
kind: GlobalPolicy
metadata: { name: quarantine }
spec:
  staged: true
  order: 1
  selector: app == 'server'
  types: [Ingress]
  ingress:
    - { action: Deny, source: { nets: [10.64.0.0/16] } }
    - { action: Allow }
---
apiVersion: weir/v1
kind: GlobalNetworkSet
metadata: { name: documentation }
spec: { nets: [192.0.2.0/24] }
---
apiVersion: weir/v1
kind: Policy
metadata: { name: guests, namespace: guests }
spec:
  selector: all()
  types: [Egress]
  egress:
    - { action: Deny, destination: { nets: [192.0.2.0/24] } }
    - { action: Allow }
`;

test.serial.before('a server with a policy, a client on the other host, and a guest beside the server', async () => {
  const bed = testbed();
  const [one, two] = bed.hosts as [(typeof bed.hosts)[0], (typeof bed.hosts)[0]];
  await bed.apply(POLICIES);
  [server, client, guest] = await Promise.all([
    bed.launch(one, { 'weir/namespace': 'shop', app: 'server' }, { name: 'server' }),
    bed.launch(two, { 'weir/namespace': 'shop', app: 'client' }, { name: 'client' }),
    bed.launch(one, { 'weir/namespace': 'guests', app: 'guest' }, { name: 'guest' }),
  ]);
});

async function flows(...args: string[]): Promise<FlowRecord[]> {
  return JSON.parse(await testbed().mustWeir(['flows', '-o', 'json', ...args])) as FlowRecord[];
}

/** Asks until some records pass the test. */
async function seen(isWanted: (record: FlowRecord) => boolean, ...args: string[]): Promise<FlowRecord[]> {
  const all = await eventually(
    () => flows(...args),
    (records) => records.some(isWanted),
  );
  return all.filter(isWanted);
}

const nft = (...args: string[]) => inNamespace(server.host.namespace, () => execFileSync('/usr/sbin/nft', args, { encoding: 'utf8' }));

const metric = async (name: string) =>
  Number((await readMetrics(server.host)).find((line) => line.startsWith(`${name} `))?.split(' ')[1] ?? 0);

/** Sends UDP packets, each from another source: hardware address and address of the destination, and how many. */
const SPOOF = `
import random, socket, struct, sys
hardware, destination, count = bytes.fromhex(sys.argv[1].replace(':', '')), socket.inet_aton(sys.argv[2]), int(sys.argv[3])
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
udp = struct.pack('!HHHH8x', 1000, 99, 16, 0)
for _ in range(count):
    header = bytearray(struct.pack('!BBHHHBBH4s4s', 0x45, 0, 36, 0, 0, 64, 17, 0, struct.pack('!I', 11 << 24 | random.getrandbits(24)), destination))
    total = sum(struct.unpack('!10H', header))
    total = (total & 0xffff) + (total >> 16)
    struct.pack_into('!H', header, 10, ~((total & 0xffff) + (total >> 16)) & 0xffff)
    s.sendto(header + udp, ('eth0', 0x0800, 0, 0, hardware))
`;

/** Sends as many bytes over one connection as each line of its input says, takes them back from one who echoes, and says so. */
const ECHOED = `
import socket, sys
s = socket.create_connection((sys.argv[1], 80))
for line in sys.stdin:
    left = int(line)
    while left > 0:
        awaited = s.send(b'x' * min(left, 16384))
        left -= awaited
        while awaited > 0: awaited -= len(s.recv(awaited))
    print('done', flush=True)
`;

const POLICY_OF_SERVER = { kind: 'Policy', namespace: 'shop', name: 'server' };

test.serial('an allowed flow is told of by both hosts, with the rule of each end, and what a staged policy would do', async (t) => {
  t.timeout(60_000);
  t.true(await client.traffic.tcp({ address: server.ipv4, port: 80 }));
  const isOurs = ({ destinationPort, verdict, host, connections }: FlowRecord) =>
    destinationPort === 80 && verdict === 'Allow' && host === server.host.name && connections === 1;
  const [record] = await seen(isOurs, '--from', 'app=client', '--to', "app == 'server'");
  t.like(record, {
    source: { address: client.ipv4, endpoint: { namespace: 'shop', labels: { app: 'client' } } },
    destination: { address: server.ipv4, endpoint: { namespace: 'shop' } },
    protocol: 'TCP',
    because: { direction: 'Ingress', tier: 'default', policy: POLICY_OF_SERVER, ruleIndex: 1 },
    staged: { verdict: 'Deny', because: { policy: { kind: 'GlobalPolicy', name: 'quarantine' }, ruleIndex: 0 } },
  });
  t.true(record!.packets >= 1 && record!.bytes >= 60, JSON.stringify(record));
  const [egress] = (await flows('--to', server.ipv4)).filter(({ host }) => host === client.host.name);
  t.like(egress, { verdict: 'Allow', because: { direction: 'Egress', default: 'default action' } });
  t.is(egress?.staged, undefined);
});

test.serial(
  'a flow that goes on is in each window with what it carried, both ways; an agent that starts anew counts nothing again',
  async (t) => {
    t.timeout(90_000);
    const connection = inNamespace(client.container.namespace, () =>
      spawn('python3', ['-c', ECHOED, server.ipv6], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    t.teardown(() => connection.kill());
    const lines = createInterface({ input: connection.stdout })[Symbol.asyncIterator]();
    const send = async (bytes: number) => {
      connection.stdin.write(`${bytes}\n`);
      await lines.next();
    };
    const told = async () =>
      (await flows('--to', server.ipv6)).filter(
        ({ host, verdict, destinationPort }) => host === server.host.name && verdict === 'Allow' && destinationPort === 80,
      );
    const sum = (records: FlowRecord[], of: 'bytes' | 'replyBytes') => records.reduce((all, record) => all + (record[of] ?? 0), 0);

    await send(3_000_000);
    const begun = (records: FlowRecord[]) => records.reduce((count, { connections = 0 }) => count + connections, 0);
    const first = await eventually(told, (records) => sum(records, 'replyBytes') >= 3_000_000 && begun(records) > 0);
    await send(2_000_000);
    const all = await eventually(told, (records) => sum(records, 'replyBytes') >= 5_000_000);
    // Headers are counted too, and what was sent again.
    for (const [records, bytes] of [[first, 3_000_000] as const, [all, 5_000_000] as const]) {
      for (const way of ['bytes', 'replyBytes'] as const) {
        const counted = sum(records, way);
        t.true(counted >= bytes && counted < 1.3 * bytes, `${counted} ${way} for ${bytes}`);
      }
    }
    t.is(begun(all), 1);
    const latest = all.findLast((record) => record.bytes >= 100_000)!;
    t.true(latest.start >= first.at(-1)!.end, JSON.stringify([first, latest]));
    t.like(latest, { connections: 0, because: { policy: POLICY_OF_SERVER, ruleIndex: 1 } });

    await server.host.stopAgent('SIGKILL');
    await server.host.startAgent();
    const again = await eventually(
      async () => {
        await send(1_000);
        return told();
      },
      (records) => records.length > 0,
    );
    t.true(again.length > 0);
    t.true(sum(again, 'bytes') < 1_000_000, `${sum(again, 'bytes')} bytes since`);
    t.like(again[0], { connections: 0, because: { policy: POLICY_OF_SERVER, ruleIndex: 1 } });
  },
);

test.serial('a denied flow, over both versions, is told of with what denied it; those who ask for others do not see it', async (t) => {
  t.timeout(60_000);
  t.false(await guest.traffic.tcp({ address: server.ipv6, port: 81 }));
  t.false(await client.traffic.tcp({ address: server.ipv4, port: 81 }));
  const isDenied = ({ destinationPort }: FlowRecord) => destinationPort === 81;
  const records = await eventually(
    () => flows('--denied', '--to', server.ipv4),
    (all) => all.some(isDenied),
  );
  t.true(records.every(({ verdict }) => verdict === 'Deny'));
  t.like(records.find(isDenied), {
    host: server.host.name,
    source: { endpoint: { labels: { app: 'client' } } },
    because: { direction: 'Ingress', tier: 'default', default: 'no rule matched' },
  });
  const [ofGuest] = await seen(isDenied, '--denied', '--from', 'app=guest');
  t.like(ofGuest, { verdict: 'Deny', source: { address: guest.ipv6 }, destination: { address: server.ipv6 } });
  t.deepEqual((await flows('--denied', '--from', 'outside')).filter(isDenied), []);
});

test.serial('denied on its way out, to an address of a network set; and what is not its own address', async (t) => {
  t.timeout(60_000);
  await guest.traffic.udp({ address: '192.0.2.7', port: 53 });
  const [record] = await seen(({ destinationPort }) => destinationPort === 53, '--denied', '--to', '192.0.2.0/24');
  t.like(record, {
    verdict: 'Deny',
    destination: { address: '192.0.2.7', networkSets: ['documentation'] },
    because: { direction: 'Egress', policy: { name: 'guests' }, ruleIndex: 0 },
  });
  inNamespace(guest.container.namespace, () => execFileSync('ip', ['address', 'add', '10.64.255.1/32', 'dev', 'eth0']));
  await guest.traffic.udp({ address: server.ipv4, port: 54, source: '10.64.255.1' });
  const [spoofed] = await seen(({ destinationPort }) => destinationPort === 54, '--denied');
  t.like(spoofed, { source: { address: '10.64.255.1' }, because: { default: 'not an address of the interface' } });
});

test.serial('what a kernel says of itself when its interface comes up is not among what was denied', async (t) => {
  t.deepEqual(
    (await flows('--denied')).filter(({ protocol, icmpType }) => protocol === 'ICMPv6' && icmpType === 143),
    [],
  );
});

test.serial('`weir policy simulate` says which of the flows seen until now would meet another verdict', async (t) => {
  const [before] = await seen(
    ({ verdict, destination }) => verdict === 'Allow' && destination.address === server.ipv4,
    '--to',
    server.ipv4,
  );
  t.truthy(before);
  const { status, stdout, stderr } = await testbed().weir(
    ['policy', 'simulate', '--by', 'app', '-f', '-'],
    POLICIES.replace("source: { selector: app == 'client' }", "source: { selector: app == 'nobody' }"),
  );
  t.is(status, 0, stderr);
  t.regex(stdout, /^\S+Z +shop\/\S+ \(\S+\) +shop\/\S+ \(\S+\) +TCP\/80 +\d+ +Allow +Deny +no rule matched \(tier default, ingress\)$/m);
  t.regex(stderr, /flows: of \d+ in the last hour on 2 hosts, \d+ would meet another verdict\nflows: host host-1 remembers them since /);
});

test.serial('a rule with the action Log has its own records', async (t) => {
  t.timeout(60_000);
  t.false(await client.traffic.udp({ address: server.ipv4, port: 80 }));
  const records = await seen(({ protocol, destinationPort }) => protocol === 'UDP' && destinationPort === 80);
  const logged = records.find(({ verdict }) => verdict === 'Log');
  t.deepEqual(logged?.because, { direction: 'Ingress', policy: POLICY_OF_SERVER, ruleIndex: 0 });
  t.true(records.some(({ verdict, host }) => verdict === 'Deny' && host === server.host.name));
});

test.serial('who floods does not hide the others, is counted whole, and the agent is told of few', async (t) => {
  t.timeout(60_000);
  const PACKETS = 20_000;
  const script = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(${PACKETS}): s.sendto(b'x' * 64, ('192.0.2.9', 99))`;
  inNamespace(guest.container.namespace, () => execFileSync('python3', ['-c', script]));
  t.false(await client.traffic.tcp({ address: server.ipv4, port: 8080 }));
  const [flood] = await seen(({ destinationPort }) => destinationPort === 99, '--denied');
  t.true(flood!.packets < 200, `${flood!.packets} of ${PACKETS} packets were told of`);
  t.is((await seen(({ destinationPort }) => destinationPort === 8080, '--denied')).length > 0, true);
  const denied = await eventually(
    () => metric('weir_denied_packets_total{reason="policy"}'),
    (count) => count >= PACKETS,
    { limitMs: 15_000 },
  );
  t.true(denied >= PACKETS, `${denied}`);
  t.true((await metric('weir_muted_sources_total')) >= 1);
  const listMuted = () => nft('list', 'chain', 'inet', 'weir', 'muted');
  const isHeard = (set: string) => !set.includes(guest.ipv4);
  t.true(isHeard(await eventually(async () => listMuted(), isHeard, { limitMs: 15_000 })), 'it is heard again when the window is over');
});

test.serial(
  'a destination that many sources flood is muted, its packets are counted, and who is denied elsewhere is told of',
  async (t) => {
    t.timeout(60_000);
    const SOURCES = '11.0.0.0/8';
    const inServersHost = (...args: string[]) => inNamespace(server.host.namespace, () => execFileSync('ip', args));
    // The kernel's reverse path filter lets them in by it.
    inServersHost('route', 'add', SOURCES, 'via', client.host.addresses.ipv4);
    t.teardown(() => inServersHost('route', 'delete', SOURCES));
    const mac = inServersHost('-o', 'link', 'show', 'eth0').toString().split('link/ether ')[1]!.split(' ')[0]!;
    const isMuted = () => nft('list', 'chain', 'inet', 'weir', 'muted').includes(`daddr ${server.ipv4}`);
    const before = await metric('weir_denied_packets_total{reason="policy"}');
    let sent = 0;
    const flood = async () => {
      // Past the sending host's own rules, frame by frame.
      inNamespace(client.host.namespace, () => execFileSync('python3', ['-c', SPOOF, mac, server.ipv4, '20000']));
      sent += 20_000;
      return isMuted();
    };
    t.true(await eventually(flood, (muted) => muted, { limitMs: 30_000 }));
    const start = new Date().toISOString();
    await guest.traffic.udp({ address: '192.0.2.7', port: 8181 });
    await seen(({ destinationPort, end }) => destinationPort === 8181 && end >= start, '--denied', '--from', guest.ipv4);
    const denied = await eventually(
      () => metric('weir_denied_packets_total{reason="policy"}'),
      (count) => count - before >= sent / 2,
      { limitMs: 15_000 },
    );
    // As many as the queues between the hosts took.
    t.true(denied - before >= sent / 2, `${denied - before} of ${sent}`);
    t.true((await metric('weir_muted_destinations_total')) >= 1);
    t.false(
      await eventually(
        async () => isMuted(),
        (muted) => !muted,
        { limitMs: 15_000 },
      ),
    );
  },
);

test.serial('a table that somebody took away tells again; one that is read again keeps what it knows of sources', async (t) => {
  t.timeout(60_000);
  nft('delete', 'table', 'inet', 'weir');
  const start = new Date().toISOString();
  t.false(
    await eventually(
      () => client.traffic.tcp({ address: server.ipv4, port: 8080 }),
      (isThrough) => !isThrough,
    ),
  );
  t.true((await seen(({ end, destinationPort }) => end > start && destinationPort === 8080, '--denied')).length > 0);
  nft('add', 'table', 'inet', 'other');
  nft('delete', 'table', 'inet', 'other');
  await delay(1_000);
  t.true(nft('list', 'set', 'inet', 'weir', 'denied_rate4').includes(client.ipv4));
});

test.serial('--follow prints what comes; ends that are none are refused', async (t) => {
  t.timeout(60_000);
  const following = testbed().startWeir(['flows', '-f', '--since', '0s', '--to', server.ipv4, '-o', 'json']);
  let told = '';
  following.stdout!.on('data', (chunk: Buffer) => (told += chunk));
  const ofPort = (port: number) => told.includes(`"destinationPort":${port}`);
  await eventually(
    async () => {
      await client.traffic.udp({ address: server.ipv4, port: 8080 });
      return ofPort(8080);
    },
    (isTold) => isTold,
    { limitMs: 20_000 },
  );
  t.true(ofPort(8080), told);
  following.kill('SIGINT');
  await once(following, 'close');
  const { status, stderr } = await testbed().weir(['flows', '--from', '10.0.0.300']);
  t.is(status, 2, stderr);
  t.regex(stderr, /^error: --from: /);
});
