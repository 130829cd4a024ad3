/** The host itself as an endpoint: closed but for failsafe ports, opened by policy, asked for what passes through only when policy says so. */
import { setTimeout as delay } from 'node:timers/promises';
import type { LabHost } from '@weir/lab';
import test, { type ExecutionContext } from 'ava';
import { eventually } from './testbed/eventually.ts';
import { expectFlows, expectFlowsUnder, hostPlace, type Passage, type Place } from './testbed/flows.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';
import { Traffic } from './testbed/traffic.ts';

const testbed = Testbed.share(test, { hosts: 2 });

let places: Record<string, Place> & { server: Workload; far: Workload };
let one: LabHost;
let two: LabHost;

test.serial.before(async () => {
  const bed = testbed();
  [one, two] = bed.hosts as [LabHost, LabHost];
  const inHosts = bed.hosts.map((host) => new Traffic(host.name, host.namespace));
  await Promise.all(inHosts.map((traffic) => traffic.listen({ tcp: [5051, 9998, 9999], udp: [9999] })));
  const [server, far] = await Promise.all([
    bed.launch(one, { 'weir/namespace': 'shop', app: 'server' }, { name: 'server' }),
    bed.launch(two, { 'weir/namespace': 'shop', app: 'far' }, { name: 'far' }),
  ]);
  places = { server, far, 'host-1': hostPlace(one, inHosts[0]!), 'host-2': hostPlace(two, inHosts[1]!) };
});

test.after.always(async () => {
  await Promise.all([places?.['host-1']?.traffic.close(), places?.['host-2']?.traffic.close()]);
});

function hostEndpoint(host: LabHost, { interfaceName = 'eth0', defaultAction = 'Deny' } = {}): string {
  const { ipv4, ipv6 } = host.addresses;
  return `---
apiVersion: weir/v1
kind: HostEndpoint
metadata: { name: ${host.name}, labels: { mesos: agent, host: ${host.name} } }
spec:
  host: ${host.name}
  interfaceName: "${interfaceName}"
  expectedIPs: ["${ipv4}", "${ipv6}"]
  ports: [{ name: admin, protocol: TCP, port: 9998 }]
  defaultAction: ${defaultAction}
`;
}

function globalPolicy(name: string, spec: string): string {
  return `---\napiVersion: weir/v1\nkind: GlobalPolicy\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
}

const under = (t: ExecutionContext, manifests: string, wanted: Record<string, Passage>) =>
  expectFlowsUnder(t, testbed(), manifests, places, wanted);

const CLOSED = {
  'host-2 > host-1 tcp/9999': false,
  'host-2 > host-1 udp/9999': false,
  'host-2 > host-1 ping': false,
  'far > host-1 tcp/9999': false,
  'host-1 > host-2 tcp/9999': false,
  // The failsafe ports.
  'host-2 > host-1 tcp/5051': true,
  'host-1 > host-2 tcp/5051': true,
  // A host and its own containers.
  'server > host-1 tcp/9999': true,
  'host-1 > server tcp/80': true,
  // What passes through.
  'far > server tcp/80': true,
  'server > host-2 tcp/9999': true,
};

for (const interfaceName of ['eth0', '*']) {
  test.serial(
    `a host endpoint of ${interfaceName} without policy is closed, but for failsafe ports, its own containers and forwarding`,
    async (t) => {
      await under(t, hostEndpoint(one, { interfaceName }), CLOSED);
      await expectFlows(t, places, { 'host-2 > host-1 tcp/9999': true });
    },
  );
}

test.serial('a host endpoint that never could be read closes its interface all the same, and a trace says so', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const open = globalPolicy(
    'open',
    '{ selector: all(), types: [Ingress, Egress], ingress: [{ action: Allow }], egress: [{ action: Allow }] }',
  );
  const spec = { host: one.name, interfaceName: 'eth0', defaultAction: 'Allow', ports: 'all' };
  await bed.apply(open);
  try {
    await bed.putRaw(`/weir/v1/HostEndpoint/${one.name}-uplink`, JSON.stringify({ metadata: { labels: {} }, spec }));
    await expectFlows(t, places, CLOSED);
    const { status, stdout } = await bed.weir(['trace', '--from', two.addresses.ipv4, '--to', one.addresses.ipv4, '--port', 'tcp/9999']);
    t.is(status, 1);
    t.regex(stdout, new RegExp(`^Denied: hostendpoint/${one.name}-uplink is not valid, which closes it$`, 'm'));
    await bed.mustWeir(['delete', 'hostendpoint', `${one.name}-uplink`]);
    await expectFlows(t, places, { 'host-2 > host-1 tcp/9999': true, 'host-1 > host-2 tcp/9999': true, 'far > server tcp/80': true });
  } finally {
    await bed.weir(['delete', 'hostendpoint', `${one.name}-uplink`]);
    await bed.delete(open);
  }
});

test.serial('policy opens it, by port name and to peers by label, containers and hosts alike', async (t) => {
  const manifests =
    hostEndpoint(one) +
    hostEndpoint(two, { defaultAction: 'Allow' }) +
    globalPolicy(
      'admin',
      `
  selector: host == '${one.name}'
  ingress:
    - { action: Allow, protocol: TCP, source: { selector: host == '${two.name}' }, destination: { ports: [admin] } }
    - { action: Allow, protocol: TCP, source: { selector: app == 'far' }, destination: { ports: [9999] } }`,
    );
  await under(t, manifests, {
    'host-2 > host-1 tcp/9998': true,
    'host-2 > host-1 tcp/9999': false,
    'far > host-1 tcp/9999': true,
    'far > host-1 tcp/9998': false,
    'host-1 > host-2 tcp/9999': false,
    'far > server tcp/80': true,
  });
});

test.serial('forwarded packets are asked for by policies with applyOnForward, and the host itself stays as it was', async (t) => {
  const manifests =
    hostEndpoint(one, { defaultAction: 'Allow' }) +
    globalPolicy(
      'through',
      `
  selector: host == '${one.name}'
  applyOnForward: true
  ingress:
    - { action: Allow, protocol: TCP, source: { selector: app == 'far' }, destination: { ports: [81] } }`,
    );
  await under(t, manifests, {
    'far > server tcp/81': true,
    'far > server tcp/80': false,
    'host-2 > server tcp/81': false,
    'far > host-1 tcp/9999': false,
    'server > far tcp/80': true,
    'host-1 > server tcp/80': true,
    'server > host-1 tcp/9999': true,
  });
});

test.serial("containers' policies name hosts as peers", async (t) => {
  const manifests = `${hostEndpoint(two, { defaultAction: 'Allow' })}---
apiVersion: weir/v1
kind: Policy
metadata: { name: to-agents, namespace: shop }
spec:
  selector: app == 'server'
  types: [Egress]
  egress:
    - { action: Allow, protocol: TCP, destination: { selector: mesos == 'agent', namespaceSelector: global(), ports: [admin] } }
`;
  await under(t, manifests, {
    'server > host-2 tcp/9998': true,
    'server > host-2 tcp/9999': false,
    'server > far tcp/80': false,
  });
});

test.serial('an established flow of the host that lost its permission is cut, one of a failsafe port goes on', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const { traffic } = places['host-2']!;
  await traffic.stream('cut', { address: one.addresses.ipv4, port: 9999 });
  await traffic.stream('failsafe', { address: one.addresses.ipv4, port: 5051 });
  const answered = async (name: string) => (await traffic.streamState(name)).answered;
  const pause = () => delay(500);
  await eventually(
    () => answered('cut'),
    (count) => count > 3,
  );
  await bed.apply(hostEndpoint(one));
  try {
    const isStill = async () => {
      const before = await answered('cut');
      await pause();
      return (await answered('cut')) === before;
    };
    t.true(await eventually(isStill, (still) => still), 'the forbidden flow');
    const before = await answered('failsafe');
    t.true(
      (await eventually(
        () => answered('failsafe'),
        (count) => count > before,
      )) > before,
      'the flow of a failsafe port',
    );
  } finally {
    await bed.delete(hostEndpoint(one));
  }
});

test.serial('an established flow that passes through is cut when a policy forbids that, and one that it allows goes on', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const { far, server } = places;
  for (const [name, port] of [
    ['cut', 80],
    ['goes on', 81],
  ] as const)
    for (const [family, address] of Object.entries({ ipv4: server.ipv4, ipv6: server.ipv6 }))
      await far.traffic.stream(`${name} ${family}`, { address, port });
  const through = globalPolicy(
    'through',
    `
  selector: host == '${one.name}'
  applyOnForward: true
  ingress:
    - { action: Allow, protocol: TCP, source: { selector: app == 'far' }, destination: { ports: [81] } }`,
  );
  const answered = async (name: string) => (await far.traffic.streamState(name)).answered;
  const comeInHalfASecond = async (name: string) => {
    const before = await answered(name);
    await delay(500);
    return (await answered(name)) - before;
  };
  await bed.apply(hostEndpoint(one, { interfaceName: '*', defaultAction: 'Allow' }));
  try {
    t.true((await comeInHalfASecond('cut ipv4')) > 0, 'no policy is for what passes through');
    await bed.apply(through);
    for (const family of ['ipv4', 'ipv6']) {
      t.is(
        await eventually(
          () => comeInHalfASecond(`cut ${family}`),
          (count) => count === 0,
        ),
        0,
        family,
      );
      t.true((await comeInHalfASecond(`goes on ${family}`)) > 0, family);
    }
  } finally {
    await bed.delete(`${through}${hostEndpoint(one, { interfaceName: '*', defaultAction: 'Allow' })}`);
  }
});
