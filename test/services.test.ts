/** Services: virtual addresses in the kernel of each host. Real packets from containers, hosts and outside, and what changes meanwhile. */
import { execFileSync } from 'node:child_process';
import { Conntrack } from '@weir/kernel';
import { type Endpoint, keyOf, type Service, serialize, serviceAddresses } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { eventually } from './testbed/eventually.ts';
import { SctpEnd } from './testbed/sctp.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';
import { Traffic } from './testbed/traffic.ts';

const PATIENCE_MS = 5000;

const testbed = Testbed.share(test, { hosts: 2 });

let one: Testbed['hosts'][0];
let two: Testbed['hosts'][0];
let near: Workload;
let far: Workload;
let client: Workload;
let onHosts: Traffic[];
let virtual: { ipv4: string; ipv6: string };

const WEB = `
apiVersion: weir/v1
kind: Service
metadata: { name: web }
spec:
  selector: app == 'web'
  ports:
    - { name: http, port: 8000, targetPort: 80 }
    - { name: query, port: 8000, targetPort: 80, protocol: UDP }
    - { name: other, port: 8001, targetPort: 81, hostPort: 30080 }
    - { name: outside, port: 8001, targetPort: 81, protocol: UDP, hostPort: 30080 }
`;

test.serial.before('a service of two tasks, one on each host, and a client', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  [one, two] = bed.hosts as [typeof one, typeof two];
  onHosts = bed.hosts.map((host) => new Traffic(host.name, host.namespace));
  [near, far, client] = await Promise.all([
    bed.launch(one, { app: 'web' }, { name: 'near' }),
    bed.launch(two, { app: 'web' }, { name: 'far' }),
    bed.launch(one, { app: 'client' }),
  ]);
  await bed.apply(WEB);
  virtual = await addressesOf('web');
  const passed = await eventually(
    () =>
      Promise.all(
        [far.ipv4, far.ipv6, virtual.ipv4, virtual.ipv6].map((address, at) => client.traffic.tcp({ address, port: at < 2 ? 80 : 8000 })),
      ),
    (all) => all.every(Boolean),
  );
  t.deepEqual(passed, [true, true, true, true]);
});

test.after.always(() => Promise.all((onHosts ?? []).map((traffic) => traffic.close())));

async function addressesOf(name: string): Promise<{ ipv4: string; ipv6: string }> {
  const service = (await testbed().objects.get('Service', name, 'default'))!.object as Service;
  const [ipv4, ipv6] = serviceAddresses(service);
  return { ipv4: ipv4!, ipv6: ipv6! };
}

const both = () => [virtual.ipv4, virtual.ipv6];

/** By whom connections to a port of some address were taken, as the host of the sender tracked them. */
async function takersOf(host: Testbed['hosts'][0], to: { address: string; port: number; protocol?: number }): Promise<string[]> {
  using conntrack = Conntrack.open({ namespace: host.namespace });
  return (await conntrack.list())
    .filter(
      ({ original, protocol }) =>
        protocol === (to.protocol ?? 6) && original.destination === to.address && original.destinationPort === to.port,
    )
    .map(({ reply }) => reply.source);
}

async function expectAnswers(t: ExecutionContext, wanted: [string, Traffic, string, number, boolean][]): Promise<void> {
  const measured = await Promise.all(
    wanted.flatMap(([what, traffic, address, port, passes]) =>
      (['tcp', 'udp'] as const).map(async (protocol) => [
        `${what} > ${protocol} ${address} ${port}`,
        await traffic[protocol]({ address, port, ...(passes && { timeoutMs: PATIENCE_MS }) }),
      ]),
    ),
  );
  const expected = wanted.flatMap(([what, , address, port, passes]) =>
    ['tcp', 'udp'].map((protocol) => [`${what} > ${protocol} ${address} ${port}`, passes]),
  );
  t.deepEqual(Object.fromEntries(measured), Object.fromEntries(expected));
}

/** As the follower of tasks does it. */
async function setReady(workload: Workload, ready: boolean): Promise<void> {
  const { objects } = testbed();
  const all = await objects.list('Endpoint');
  const { object } = all.objects.find(({ object: { spec } }) => spec.containerId === workload.containerId)!;
  const changed: Endpoint = { ...object, spec: { ...object.spec, ready } };
  await testbed().putRaw(keyOf(changed), serialize(changed));
}

test.serial('containers and hosts reach the virtual address over TCP and UDP, and a backend reaches itself by it', async (t) => {
  t.timeout(60_000);
  const senders: [string, Traffic][] = [
    ['client', client.traffic],
    ['near', near.traffic],
    ['far', far.traffic],
    ['host-1', onHosts[0]!],
    ['host-2', onHosts[1]!],
  ];
  await expectAnswers(
    t,
    senders.flatMap(([what, traffic]) =>
      both().map((address): [string, Traffic, string, number, boolean] => [what, traffic, address, 8000, true]),
    ),
  );
  // Each backend comes to itself sooner or later; none of the tries may be lost.
  for (const workload of [near, far]) {
    for (const address of both()) {
      const tries = await Promise.all(
        Array.from({ length: 12 }, () => workload.traffic.tcp({ address, port: 8000, timeoutMs: PATIENCE_MS })),
      );
      t.deepEqual(
        tries,
        Array.from({ length: 12 }, () => true),
        `${workload.name} > ${address}`,
      );
    }
    const takers = await takersOf(workload.host, { address: virtual.ipv4, port: 8000 });
    t.true(takers.includes(workload.ipv4));
  }
});

test.serial('SCTP: an association goes there and back, by the virtual address and by a port of the hosts', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const server = await bed.launch(two, { app: 'diameter' });
  const spec = "{ selector: app == 'diameter', ports: [{ port: 3868, targetPort: 3869, protocol: SCTP, hostPort: 30086 }] }";
  const service = `{ apiVersion: weir/v1, kind: Service, metadata: { name: diameter }, spec: ${spec} }`;
  await bed.apply(service);
  const addresses = await addressesOf('diameter');
  let next = 41000;
  for (const [family, at] of [
    ['IPv4', 'ipv4'],
    ['IPv6', 'ipv6'],
  ] as const) {
    const [inside, outside] = [server, client].map(({ container }) => new SctpEnd(container.namespace, family));
    t.teardown(() => inside!.close());
    t.teardown(() => outside!.close());
    for (const [address, port] of [
      [addresses[at], 3868],
      [one.addresses[at], 30086],
    ] as const) {
      // Each try is an association of its own: one that came before the service stays what it was.
      const heard = await eventually(
        () => {
          outside!.init(address, { sourcePort: next++, destinationPort: port });
          return inside!.hear({ limitMs: 300 });
        },
        (packet) => packet !== undefined,
      );
      t.like(heard, { destinationPort: 3869, chunk: 1, isSound: true }, `${address} ${port}`);
      const { sourcePort } = heard!;
      inside!.initAck(client[at], { sourcePort: 3869, destinationPort: sourcePort });
      t.deepEqual(await outside!.hear(), { sourcePort: port, destinationPort: sourcePort, chunk: 2, isSound: true }, `${address} ${port}`);
    }
  }
  await bed.delete(service);
  await bed.destroy(server);
});

test.serial('flows are spread over the backends', async (t) => {
  t.timeout(60_000);
  await Promise.all(Array.from({ length: 60 }, () => client.traffic.tcp({ address: virtual.ipv4, port: 8001, timeoutMs: PATIENCE_MS })));
  const takers = await takersOf(one, { address: virtual.ipv4, port: 8001 });
  const share = takers.filter((taker) => taker === near.ipv4).length;
  t.is(takers.length, 60);
  t.true(takers.every((taker) => taker === near.ipv4 || taker === far.ipv4));
  // By lot, a share below 10 or above 50 of 60 comes once in ten million times.
  t.true(share >= 10 && share <= 50, `${share} of 60`);
});

test.serial('a port of any host leads there from outside, whichever host the backend is on', async (t) => {
  t.timeout(60_000);
  for (const [sender, host] of [
    [onHosts[1]!, one],
    [onHosts[0]!, two],
    [client.traffic, two],
    [client.traffic, one],
    [onHosts[0]!, one],
  ] as const) {
    for (const address of [host.addresses.ipv4, host.addresses.ipv6]) {
      const tries = await Promise.all(
        Array.from({ length: 8 }, (_, at) => sender[at % 2 === 0 ? 'tcp' : 'udp']({ address, port: 30080, timeoutMs: PATIENCE_MS })),
      );
      t.deepEqual(
        tries,
        Array.from({ length: 8 }, () => true),
        `${address} of ${host.name}`,
      );
    }
  }
  t.false(await onHosts[1]!.tcp({ address: one.addresses.ipv4, port: 30081 }));
});

const ONLY_CLIENT = `
apiVersion: weir/v1
kind: Policy
metadata: { name: only-client, namespace: default }
spec:
  selector: app == 'web'
  ingress:
    - { action: Allow, source: { selector: app == 'client' }, destination: { ports: [80] }, protocol: TCP }
    - { action: Allow, source: { selector: app == 'client' }, destination: { ports: [80] }, protocol: UDP }
`;

test.serial('policy decides by the sender and by the backend with its port, not by the virtual address', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  await bed.apply(ONLY_CLIENT);
  try {
    await eventually(
      () => near.traffic.tcp({ address: far.ipv4, port: 80 }),
      (through) => !through,
    );
    await eventually(
      () => far.traffic.tcp({ address: near.ipv4, port: 80 }),
      (through) => !through,
    );
    await expectAnswers(
      t,
      both().flatMap((address): [string, Traffic, string, number, boolean][] => [
        ['client', client.traffic, address, 8000, true],
        // Its port in the container is 81, which the policy does not name.
        ['client', client.traffic, address, 8001, false],
        ['near', near.traffic, address, 8000, false],
        ['far', far.traffic, address, 8000, false],
      ]),
    );
  } finally {
    await bed.delete(ONLY_CLIENT);
  }
});

test.serial('who is not ready gets no new flow and keeps those that it has; with nobody ready the sender is told at once', async (t) => {
  t.timeout(60_000);
  await eventually(() => far.traffic.tcp({ address: near.ipv4, port: 81 }), Boolean);
  // One connection to each, of which each is to go on.
  for (let count = 0; count < 8; count++) await client.traffic.stream(`drain-${count}`, { address: virtual.ipv4, port: 8000 });
  await setReady(near, false);
  const newcomers = async () => {
    const before = await takersOf(one, { address: virtual.ipv6, port: 8000 });
    await Promise.all(Array.from({ length: 10 }, () => client.traffic.tcp({ address: virtual.ipv6, port: 8000, timeoutMs: PATIENCE_MS })));
    const after = await takersOf(one, { address: virtual.ipv6, port: 8000 });
    return after.filter((taker) => taker === near.ipv6).length - before.filter((taker) => taker === near.ipv6).length;
  };
  t.is(await eventually(newcomers, (count) => count === 0), 0);
  const toNear = (await takersOf(one, { address: virtual.ipv4, port: 8000 })).includes(near.ipv4);
  t.true(toNear, 'some of the connections are to the one that is not ready any more');
  for (let count = 0; count < 8; count++) t.is((await client.traffic.streamState(`drain-${count}`)).ended, undefined);
  const described = await testbed().mustWeir(['describe', 'service', 'web']);
  t.regex(described, /1 of 2 ready/);
  t.regex(described, new RegExp(`${near.ipv4}, ${near.ipv6}  not ready`));
  t.regex(await testbed().mustWeir(['get', 'services']), new RegExp(`web +${virtual.ipv4},.* 1/2`));

  await setReady(far, false);
  for (const [sender, what] of [
    [client.traffic, 'client'],
    [onHosts[0]!, 'host-1'],
  ] as const) {
    for (const address of both()) {
      for (const protocol of ['tcp', 'udp'] as const) {
        const told = await eventually(
          () => sender.refusal(protocol, { address, port: 8000 }),
          (code) => code === 'ECONNREFUSED',
        );
        t.is(told, 'ECONNREFUSED', `${what} > ${protocol} ${address}`);
      }
      t.is(await sender.refusal('tcp', { address, port: 9999 }), 'ECONNREFUSED', `${what}: a port that the service has not`);
    }
  }
  await setReady(near, true);
  await setReady(far, true);
  const back = await eventually(() => client.traffic.tcp({ address: virtual.ipv4, port: 8000 }), Boolean);
  t.true(back);
  for (let count = 0; count < 8; count++) t.is((await client.traffic.streamState(`drain-${count}`)).ended, undefined);
});

test.serial('ClientIP: a client comes to the same backend, from then on until that one is not ready', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const sticky = (affinity: string) =>
    `{ apiVersion: weir/v1, kind: Service, metadata: { name: sticky }, spec: { selector: app == 'web', ports: [{ port: 80 }], sessionAffinity: ${affinity} } }`;
  await bed.apply(sticky('ClientIP'));
  const { ipv4, ipv6 } = await addressesOf('sticky');
  const takers = async (address: string) => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => client.traffic.tcp({ address, port: 80, timeoutMs: PATIENCE_MS })));
    t.true(answers.every(Boolean));
    return [...new Set(await takersOf(one, { address, port: 80 }))];
  };
  await eventually(() => client.traffic.tcp({ address: ipv4, port: 80 }), Boolean);
  const [first, ...others] = await takers(ipv4);
  t.deepEqual(others, []);
  t.is((await takers(ipv6)).length, 1);
  const holder = first === near.ipv4 ? near : far;
  await setReady(holder, false);
  const other = holder === near ? far : near;
  const isElsewhere = async () => {
    await client.traffic.tcp({ address: ipv4, port: 80, timeoutMs: PATIENCE_MS });
    return (await takersOf(one, { address: ipv4, port: 80 })).includes(other.ipv4);
  };
  t.true(await eventually(isElsewhere, Boolean));
  await setReady(holder, true);
  await bed.delete(sticky('ClientIP'));
  t.is(
    await eventually(
      () => client.traffic.refusal('tcp', { address: ipv4, port: 80 }),
      (code) => code === 'ECONNREFUSED',
    ),
    'ECONNREFUSED',
  );
});

test.serial('a flow of UDP that never pauses is led to another backend when its own is not ready, or gone', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const third = await bed.launch(two, { app: 'query' }, { name: 'third' });
  const fourth = await bed.launch(two, { app: 'query' }, { name: 'fourth' });
  const QUERY = `{ apiVersion: weir/v1, kind: Service, metadata: { name: query }, spec: { selector: app == 'query', ports: [{ port: 53, targetPort: 80, protocol: UDP }] } }`;
  await bed.apply(QUERY);
  const { ipv4 } = await addressesOf('query');
  await eventually(() => client.traffic.udp({ address: ipv4, port: 53 }), Boolean);
  const whoHas = async (port: number) => {
    using conntrack = Conntrack.open({ namespace: one.namespace });
    const flows = (await conntrack.list()).filter(
      ({ original, protocol }) => protocol === 17 && original.destination === ipv4 && original.sourcePort === port,
    );
    return flows.map(({ reply }) => reply.source);
  };
  const sender = await client.traffic.datagrams({ address: ipv4, port: 53 });
  const [first] = await eventually(
    () => whoHas(sender),
    (takers) => takers.length === 1,
  );
  const [holder, other] = first === third.ipv4 ? [third, fourth] : [fourth, third];
  await setReady(holder, false);
  t.deepEqual(
    await eventually(
      () => whoHas(sender),
      (takers) => takers.join() === other.ipv4,
    ),
    [other.ipv4],
  );
  await setReady(holder, true);
  await bed.destroy(other);
  t.deepEqual(
    await eventually(
      () => whoHas(sender),
      (takers) => takers.join() === holder.ipv4,
    ),
    [holder.ipv4],
  );
  await bed.destroy(holder);
  await bed.delete(QUERY);
});

test.serial('backends outside of Weir, and an address of one’s own that two services share', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  await onHosts[1]!.listen({ tcp: [7001], udp: [7001] });
  const outside = (name: string, port: number, protocol: string) => `
apiVersion: weir/v1
kind: Service
metadata: { name: ${name} }
spec:
  backends: ['${two.addresses.ipv4}', '${two.addresses.ipv6}']
  ports: [{ port: ${port}, targetPort: 7001, protocol: ${protocol} }]
  addresses: [11.200.0.1, 'fd01:c::200:1']
`;
  const [first, second] = [outside('legacy', 80, 'TCP'), outside('legacy-udp', 80, 'UDP')];
  await bed.apply(`${first}---${second}`);
  await t.throwsAsync(bed.apply(outside('third', 80, 'TCP')), {
    message: /TCP\/80 of 11\.200\.0\.1 is that of service default\/legacy already/,
  });
  for (const address of ['11.200.0.1', 'fd01:c::200:1']) {
    for (const [what, sender] of [
      ['client', client.traffic],
      ['host-1', onHosts[0]!],
    ] as const) {
      t.true(await eventually(() => sender.tcp({ address, port: 80 }), Boolean), `${what} > tcp ${address}`);
      t.true(await eventually(() => sender.udp({ address, port: 80 }), Boolean), `${what} > udp ${address}`);
    }
  }
  await bed.delete(`${first}---${second}`);
});

const TO_SERVICE = `
apiVersion: weir/v1
kind: Policy
metadata: { name: to-service, namespace: default }
spec:
  selector: app == 'client'
  types: [Egress]
  egress:
    - { action: Allow, destination: { services: { name: web } } }
`;

test.serial('a rule that names a service lets its backends be reached, by whichever address, at its ports alone', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  await bed.apply(TO_SERVICE);
  try {
    await eventually(
      () => client.traffic.tcp({ address: near.ipv4, port: 8080 }),
      (through) => !through,
    );
    await expectAnswers(t, [
      ...both().map((address): [string, Traffic, string, number, boolean] => ['client', client.traffic, address, 8000, true]),
      ['client', client.traffic, far.ipv4, 80, true],
      ['client', client.traffic, far.ipv6, 81, true],
      ['client', client.traffic, far.ipv4, 8080, false],
    ]);
    t.is((await bed.weir(['trace', '--from', 'app=client', '--to', 'service/web', '--port', 'tcp/8000'])).status, 0);
    t.is((await bed.weir(['trace', '--from', 'app=client', '--to', 'app=web', '--port', 'tcp/8080'])).status, 1);
    await bed.apply(WEB.replaceAll('targetPort: 81', 'targetPort: 8080'));
    t.true(await eventually(() => client.traffic.tcp({ address: far.ipv4, port: 8080 }), Boolean), 'the rule follows the service');
    t.true(await eventually(() => client.traffic.tcp({ address: virtual.ipv4, port: 8001 }), Boolean));
  } finally {
    await bed.apply(WEB);
    await bed.delete(TO_SERVICE);
  }
});

const CLOSED_HOST = `
apiVersion: weir/v1
kind: HostEndpoint
metadata: { name: host-1 }
spec: { host: host-1, interfaceName: eth0 }
`;

test.serial('policy of the host itself closes the way to backends elsewhere, and not to its own', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  await bed.apply(CLOSED_HOST);
  try {
    await eventually(
      () => onHosts[0]!.tcp({ address: far.ipv4, port: 80 }),
      (through) => !through,
    );
    await setReady(far, false);
    const isLocal = async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => onHosts[0]!.tcp({ address: virtual.ipv4, port: 8000 })));
      return answers.every(Boolean);
    };
    t.true(await eventually(isLocal, Boolean));
    await setReady(far, true);
    await setReady(near, false);
    t.false(
      await eventually(
        () => onHosts[0]!.tcp({ address: virtual.ipv4, port: 8000 }),
        (through) => !through,
      ),
    );
    t.true(
      await client.traffic.tcp({ address: virtual.ipv4, port: 8000, timeoutMs: PATIENCE_MS }),
      'what passes through is no matter of it',
    );
  } finally {
    await setReady(near, true);
    await bed.delete(CLOSED_HOST);
  }
});

test.serial('kill -9 of the agent cuts nothing and keeps the service; the next one finds what changed meanwhile', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  await client.traffic.stream('through the kill', { address: virtual.ipv4, port: 8000 });
  await one.stopAgent('SIGKILL');
  await expectAnswers(t, [['client', client.traffic, virtual.ipv4, 8000, true]]);
  await setReady(near, false);
  await setReady(far, false);
  await one.startAgent();
  t.is(await client.traffic.refusal('tcp', { address: virtual.ipv4, port: 8000 }), 'ECONNREFUSED');
  t.is((await client.traffic.streamState('through the kill')).ended, undefined);
  await setReady(near, true);
  await setReady(far, true);
  t.true(await eventually(() => client.traffic.tcp({ address: virtual.ipv4, port: 8000 }), Boolean));
  await bed.delete(WEB);
  const leftIn = (host: typeof one) =>
    execFileSync('nsenter', [`--net=${host.namespace}`, '/usr/sbin/nft', 'list', 'table', 'inet', 'weir'], { encoding: 'utf8' });
  const isClean = (text: string) => !/chain s_/.test(text) && !text.includes(virtual.ipv4);
  t.true(isClean(await eventually(() => leftIn(one), isClean)), 'nothing of it is left in the table');
  await bed.apply(WEB);
});
