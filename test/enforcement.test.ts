/** Policies as users write them, applied with `weir` and measured with real packets between real namespaces, over IPv4 and IPv6. */
import { Netlink } from '@weir/kernel';
import test, { type ExecutionContext } from 'ava';
import { callCni, mesosNetwork } from './testbed/cni-call.ts';
import { eventually } from './testbed/eventually.ts';
import { expectFlows, expectFlowsUnder, hostPlace, type Passage, type Place } from './testbed/flows.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';
import { tracesInStore } from './testbed/traces.ts';
import { Traffic } from './testbed/traffic.ts';

const AGENT_PORT = 5051;

const testbed = Testbed.share(test, { hosts: 2 });

let places: Record<string, Place> & { server: Workload; near: Workload; far: Workload; guest: Workload };

test.serial.before('two tasks in `shop` beside each other, one on the other host, and one in `guests`', async () => {
  const bed = testbed();
  const [one, two] = bed.hosts as [(typeof bed.hosts)[0], (typeof bed.hosts)[0]];
  const inHosts = bed.hosts.map((host) => new Traffic(host.name, host.namespace));
  await Promise.all(inHosts.map((traffic) => traffic.listen({ tcp: [AGENT_PORT, 9999], udp: [] })));
  const task = (host: typeof one, namespace: string, labels: Record<string, string>, name: string) =>
    bed.launch(host, { 'weir/namespace': namespace, ...labels }, { name });
  const [server, near, far, guest] = await Promise.all([
    task(one, 'shop', { app: 'server' }, 'server'),
    task(one, 'shop', { app: 'client', zone: 'near' }, 'near'),
    task(two, 'shop', { app: 'client', zone: 'far' }, 'far'),
    task(two, 'guests', { app: 'client' }, 'guest'),
  ]);
  places = { server, near, far, guest, 'host-1': hostPlace(one, inHosts[0]!), 'host-2': hostPlace(two, inHosts[1]!) };
});

test.after.always(async () => {
  await Promise.all([places?.['host-1']?.traffic.close(), places?.['host-2']?.traffic.close()]);
});

const under = (t: ExecutionContext, manifests: string, wanted: Record<string, Passage>) =>
  expectFlowsUnder(t, testbed(), manifests, places, wanted);

function policy(name: string, spec: string, { namespace = 'shop', kind = 'Policy' } = {}): string {
  const place = kind === 'Policy' ? `, namespace: ${namespace}` : '';
  const indented = spec.trim().replaceAll('\n', '\n  ');
  return `---\napiVersion: weir/v1\nkind: ${kind}\nmetadata: { name: ${name}${place} }\nspec:\n  ${indented}\n`;
}

test.serial('without policy everything passes', async (t) => {
  await expectFlows(t, places, {
    'near > server tcp/80': true,
    'far > server udp/80': true,
    'guest > server ping': true,
    'server > guest tcp/8080': true,
    'host-2 > server tcp/80': true,
    'server > host-1 tcp/9999': true,
  });
});

test.serial('ingress: a range of ports of one protocol', async (t) => {
  const manifests = policy(
    'ports',
    `
selector: app == 'server'
ingress:
  - { action: Allow, protocol: TCP, destination: { ports: ['80:81'] } }`,
  );
  await under(t, manifests, {
    'near > server tcp/80': true,
    'far > server tcp/81': true,
    'far > server tcp/8080': false,
    'near > server udp/80': false,
    'near > server ping': false,
    'server > near tcp/8080': true,
  });
});

test.serial('UDP by port, and pings by type, in both families', async (t) => {
  const manifests = policy(
    'datagrams',
    `
selector: app == 'server'
ingress:
  - { action: Allow, protocol: UDP, source: { selector: zone == 'near' }, destination: { ports: [81] } }
  - { action: Allow, protocol: ICMP, icmp: { type: 8 }, source: { selector: zone == 'far' } }
  - { action: Allow, protocol: ICMPv6, icmp: { type: 128 }, source: { selector: zone == 'far' } }`,
  );
  await under(t, manifests, {
    'near > server udp/81': true,
    'near > server udp/80': false,
    'far > server udp/81': false,
    'far > server ping': true,
    'near > server ping': false,
    'far > server tcp/81': false,
  });
});

test.serial('egress: only where the sender may go, whatever the receiver allows', async (t) => {
  const manifests = policy(
    'outward',
    `
selector: zone == 'near'
types: [Egress]
egress:
  - { action: Allow, protocol: TCP, destination: { selector: app == 'server', ports: [80] } }`,
  );
  await under(t, manifests, {
    'near > server tcp/80': true,
    'near > server tcp/81': false,
    'near > far tcp/80': false,
    'near > host-1 tcp/9999': false,
    'far > near tcp/80': true,
    'far > server tcp/81': true,
  });
});

test.serial('both ends are asked', async (t) => {
  const manifests =
    policy('in', `{ selector: app == 'server', ingress: [{ action: Allow, protocol: TCP, destination: { ports: [80, 81] } }] }`) +
    policy('out', `{ selector: app == 'client', egress: [{ action: Allow, protocol: TCP, destination: { ports: [81, 8080] } }] }`);
  await under(t, manifests, {
    'near > server tcp/80': false,
    'near > server tcp/81': true,
    'far > server tcp/81': true,
    'far > server tcp/8080': false,
    'guest > server tcp/80': true,
  });
});

test.serial('CIDRs, and what is cut out of them', async (t) => {
  const { near } = places;
  const manifests = policy(
    'nets',
    `
selector: app == 'server'
ingress:
  - { action: Allow, source: { nets: [10.64.0.0/16, 'fd00:64::/112'], notNets: [${near.ipv4}/32, '${near.ipv6}/128'] } }`,
  );
  await under(t, manifests, {
    'far > server tcp/80': true,
    'guest > server udp/80': true,
    'near > server tcp/80': false,
    'near > server ping': false,
    'host-2 > server tcp/80': false,
  });
});

test.serial('one family alone', async (t) => {
  const manifests = policy('six', `{ selector: app == 'server', ingress: [{ action: Allow, ipVersion: 6 }] }`);
  await under(t, manifests, { 'near > server tcp/80': 'IPv6 only', 'far > server ping': 'IPv6 only', 'far > server udp/80': 'IPv6 only' });
});

test.serial('namespaces: a peer is of the own one, unless namespaceSelector says more', async (t) => {
  await under(t, policy('own', `{ selector: app == 'server', ingress: [{ action: Allow, source: { selector: app == 'client' } }] }`), {
    'near > server tcp/80': true,
    'far > server tcp/80': true,
    'guest > server tcp/80': false,
  });
  const invited = `---\n{ apiVersion: weir/v1, kind: Namespace, metadata: { name: guests, labels: { invited: 'yes' } } }\n`;
  const byLabel = policy(
    'labelled',
    `{ selector: app == 'server', ingress: [{ action: Allow, source: { namespaceSelector: invited == 'yes' } }] }`,
  );
  await under(t, invited + byLabel, { 'guest > server tcp/80': true, 'near > server tcp/80': false });
  const global = policy('by-name', `{ namespaceSelector: kubernetes.io/metadata.name == 'guests', types: [Ingress] }`, {
    kind: 'GlobalPolicy',
  });
  await under(t, global, { 'near > guest tcp/80': false, 'near > far tcp/80': true, 'guest > near tcp/80': true });
});

test.serial('order: the first rule that matches decides; Pass leaves it to the default', async (t) => {
  const manifests =
    policy('first', `{ order: 1, selector: app == 'server', ingress: [{ action: Deny, source: { selector: zone == 'near' } }] }`) +
    policy('second', `{ order: 2, selector: app == 'server', ingress: [{ action: Allow, source: { selector: app == 'client' } }] }`) +
    policy(
      'zeroth',
      `
order: 0
namespaceSelector: kubernetes.io/metadata.name == 'shop'
selector: app == 'server'
ingress:
  - { action: Log, protocol: TCP, destination: { ports: [81] } }
  - { action: Pass, protocol: TCP, destination: { ports: [8080] } }`,
      { kind: 'GlobalPolicy' },
    );
  await under(t, manifests, {
    'near > server tcp/80': false,
    'near > server tcp/81': false,
    'near > server tcp/8080': true,
    'far > server tcp/80': true,
    'guest > server tcp/80': false,
    'guest > server tcp/8080': true,
  });
});

test.serial('a namespace that is closed by default, and what a policy opens in it', async (t) => {
  const closed = `---\n{ apiVersion: weir/v1, kind: Namespace, metadata: { name: guests }, spec: { defaultAction: Deny } }\n`;
  await under(t, closed, { 'guest > server tcp/80': false, 'server > guest tcp/80': false, 'near > server tcp/80': true });
  const opened = policy('open', '{ ingress: [{ action: Allow, protocol: TCP, destination: { ports: [80] } }] }', { namespace: 'guests' });
  await under(t, closed + opened, { 'near > guest tcp/80': true, 'near > guest tcp/81': false, 'guest > server tcp/80': false });
});

test.serial('a namespace that is open to itself, and to nobody else', async (t) => {
  const inner = `---\n{ apiVersion: weir/v1, kind: Namespace, metadata: { name: shop }, spec: { defaultIngress: SameNamespace } }\n`;
  await under(t, inner, {
    'near > server tcp/80': true,
    'far > server udp/80': true,
    'guest > server tcp/80': false,
    'server > guest tcp/80': true,
  });
});

test.serial('tiers: an earlier one decides first, passes on, or leaves nothing to the next; staged policies do nothing', async (t) => {
  const tier = (defaultAction: string) =>
    `---\n{ apiVersion: weir/v1, kind: Tier, metadata: { name: first }, spec: { order: 1, defaultAction: ${defaultAction} } }\n`;
  const policies =
    policy(
      'gate',
      `
tier: first
selector: app == 'server'
ingress:
  - { action: Allow, source: { selector: zone == 'near' } }
  - { action: Pass, protocol: TCP, destination: { ports: [80] } }`,
      { kind: 'GlobalPolicy' },
    ) +
    policy('rest', `{ selector: app == 'server', ingress: [{ action: Allow, source: { selector: zone == 'far' } }] }`) +
    policy('later', `{ staged: true, tier: first, order: -1, ingress: [{ action: Deny }] }`);
  const flows = { 'near > server tcp/80': true, 'near > server tcp/81': true, 'far > server tcp/80': true, 'guest > server tcp/80': false };
  await under(t, tier('Deny') + policies, { ...flows, 'far > server tcp/81': false });
  await under(t, tier('Pass') + policies, { ...flows, 'far > server tcp/81': true });
});

const KUBERNETES = `
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: { name: admin }
spec:
  priority: 10
  subject: { namespaces: { matchLabels: { kubernetes.io/metadata.name: shop } } }
  ingress:
    - action: Deny
      from: [{ namespaces: { matchLabels: { kubernetes.io/metadata.name: guests } } }]
      ports: [{ portNumber: { protocol: TCP, port: 80 } }]
    - action: Allow
      from: [{ pods: { namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: shop } }, podSelector: { matchLabels: { zone: far } } } }]
      ports: [{ portRange: { protocol: TCP, start: 80, end: 81 } }]
    - action: Pass
      from: [{ namespaces: {} }]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: { name: outbound }
spec:
  tier: Admin
  priority: 20
  subject: { namespaces: { matchLabels: { kubernetes.io/metadata.name: shop } } }
  egress:
    - action: Deny
      to: [{ namespaces: { matchLabels: { kubernetes.io/metadata.name: guests } } }]
      protocols: [{ udp: { destinationPort: { number: 81 } } }]
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: { name: default }
spec:
  subject: { namespaces: { matchLabels: { kubernetes.io/metadata.name: shop } } }
  ingress: [{ action: Deny, from: [{ namespaces: {} }] }]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: server, namespace: shop }
spec:
  podSelector: { matchLabels: { app: server } }
  ingress:
    - from: [{ podSelector: { matchLabels: { zone: near } } }, { namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: guests } } }]
      ports: [{ port: 80 }, { port: 8080 }]
`;

test.serial("Kubernetes' cluster-wide policies come before and after its NetworkPolicies", async (t) => {
  await under(t, KUBERNETES, {
    'guest > server tcp/80': false, // denied by the administrators, whatever the NetworkPolicy says
    'guest > server tcp/8080': true, // passed on to the NetworkPolicy
    'far > server tcp/81': true, // allowed by the administrators
    'far > server tcp/8080': false, // passed on, and the NetworkPolicy does not name it
    'near > server tcp/80': true,
    'near > server tcp/81': false,
    'far > near tcp/80': true,
    'far > near tcp/8080': false, // passed on, no NetworkPolicy is for it, and the baseline denies
    'server > near tcp/80': false,
    'server > guest udp/81': false,
    'server > guest udp/80': true,
    'server > guest tcp/80': true,
  });
});

test.serial('a policy that cannot be read closes its endpoints, and no others, until it is gone', async (t) => {
  t.timeout(60_000);
  const value = {
    apiVersion: 'weir/v1',
    kind: 'Policy',
    metadata: { name: 'bad', namespace: 'shop' },
    spec: { selector: "app == 'server'" },
  };
  await testbed().putRaw('/weir/v1/Policy/shop/bad', JSON.stringify({ ...value, spec: { ...value.spec, ingress: 'everybody' } }));
  try {
    await expectFlows(t, places, {
      'near > server tcp/80': false,
      'server > guest tcp/80': false,
      'near > far tcp/80': true,
      'guest > near tcp/80': true,
    });
  } finally {
    await testbed().mustWeir(['delete', 'policy', 'bad', '-n', 'shop']);
  }
  await expectFlows(t, places, { 'near > server tcp/80': true, 'server > guest tcp/80': true });
});

test.serial('a tier and a namespace that cannot be read close their endpoints, and no others', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const tier = '---\napiVersion: weir/v1\nkind: Tier\nmetadata: { name: spoilt }\nspec: { order: 1, defaultAction: Pass }\n';
  const manifests = tier + policy('of-tier', "{ tier: spoilt, selector: app == 'server', ingress: [{ action: Allow }] }");
  await bed.apply(manifests);
  try {
    await expectFlows(t, places, { 'near > server tcp/80': true });
    await bed.putRaw('/weir/v1/Tier/spoilt', '{"kind": "Tier", "spec": {"order": "first"}}');
    await expectFlows(t, places, { 'near > server tcp/80': false, 'near > far tcp/80': true, 'server > guest tcp/80': true });
    const stdout = await bed.mustWeir(['get', 'policies', '-n', 'shop', '-o', 'wide']);
    t.regex(stdout, /^of-tier .* closes its endpoints: there is no tier spoilt /m);
    await bed.apply(tier);
    await expectFlows(t, places, { 'near > server tcp/80': true });
  } finally {
    await bed.apply(tier);
    await bed.delete(manifests);
  }
  await bed.putRaw('/weir/v1/Namespace/guests', '{"kind": "Namespace", "spec": {"defaultAction": "Perhaps"}}');
  try {
    await expectFlows(t, places, { 'near > guest tcp/80': false, 'guest > near tcp/80': false, 'near > far tcp/80': true });
  } finally {
    await bed.mustWeir(['delete', 'namespace', 'guests']);
  }
  await expectFlows(t, places, { 'near > guest tcp/80': true, 'guest > near tcp/80': true });
});

test.serial('a network set that cannot be read closes the endpoints of a policy that denies by it', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const set =
    '---\napiVersion: weir/v1\nkind: GlobalNetworkSet\nmetadata: { name: banned, labels: { threat: known } }\nspec: { nets: [203.0.113.0/24] }\n';
  const ban = policy(
    'ban',
    "{ selector: app == 'server', ingress: [{ action: Deny, source: { selector: threat == 'known' } }, { action: Allow }] }",
    {
      kind: 'GlobalPolicy',
    },
  );
  await bed.apply(set + ban);
  try {
    await expectFlows(t, places, { 'near > server tcp/80': true });
    await bed.putRaw(
      '/weir/v1/GlobalNetworkSet/banned',
      '{"metadata": {"labels": {"threat": "known"}}, "spec": {"nets": ["203.0.113.0/33"]}}',
    );
    await expectFlows(t, places, { 'near > server tcp/80': false, 'near > far tcp/80': true, 'server > guest tcp/80': true });
    await bed.apply(set);
    await expectFlows(t, places, { 'near > server tcp/80': true });
  } finally {
    await bed.apply(set);
    await bed.delete(set + ban);
  }
});

test.serial('a Service that cannot be read closes the endpoints of a policy that denies by it', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const service =
    "---\napiVersion: weir/v1\nkind: Service\nmetadata: { name: web, namespace: shop }\nspec: { selector: app == 'server', ports: [{ port: 81 }] }\n";
  const ban = policy(
    'ban',
    "{ selector: zone == 'near', types: [Egress], egress: [{ action: Deny, destination: { services: { name: web } } }, { action: Allow }] }",
  );
  await bed.apply(service + ban);
  try {
    await expectFlows(t, places, { 'near > server tcp/80': true, 'near > server tcp/81': false });
    await bed.putRaw('/weir/v1/Service/shop/web', '{"spec": {"ports": []}}');
    await expectFlows(t, places, { 'near > server tcp/80': false, 'far > server tcp/80': true, 'server > near tcp/80': true });
  } finally {
    await bed.apply(service);
    await bed.delete(service + ban);
  }
});

test.serial('a NetworkSet names addresses outside', async (t) => {
  const { ipv4, ipv6 } = places['host-2']!;
  const set = `---\napiVersion: weir/v1\nkind: NetworkSet\nmetadata: { name: offices, namespace: shop, labels: { from: office } }\nspec: { nets: [${ipv4}/32, '${ipv6}/128'] }\n`;
  const manifests =
    set + policy('offices', `{ selector: app == 'server', ingress: [{ action: Allow, source: { selector: from == 'office' } }] }`);
  await under(t, manifests, {
    'host-2 > server tcp/80': true,
    'host-2 > server ping': true,
    'near > server tcp/80': false,
    'far > server tcp/80': false,
  });
});

test.serial('a label that changes moves its endpoint from one rule to another', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const manifests = policy('labels', `{ selector: app == 'server', ingress: [{ action: Allow, source: { selector: vip == 'yes' } }] }`);
  const endpoint = ['endpoint', `${places.far.containerId}-eth0`, '-n', 'shop'];
  await under(t, manifests, { 'far > server tcp/80': false });
  await bed.apply(manifests);
  try {
    await bed.mustWeir(['label', ...endpoint, 'vip=yes']);
    await expectFlows(t, places, { 'far > server tcp/80': true, 'near > server tcp/80': false });
    await bed.mustWeir(['label', ...endpoint, 'vip-']);
    await expectFlows(t, places, { 'far > server tcp/80': false });
  } finally {
    await bed.delete(manifests);
  }
});

test.serial('a container cannot send from an address that is not its own', async (t) => {
  const { near, far, server } = places;
  const forged = { 4: '10.64.99.99', 6: 'fd00:64::9999' };
  using netlink = Netlink.open({ namespace: near.container.namespace });
  for (const cidr of [`${forged[4]}/32`, `${forged[6]}/128`]) netlink.addAddress('eth0', cidr, cidr.includes(':') ? { noDad: true } : {});
  t.teardown(() => {
    using again = Netlink.open({ namespace: near.container.namespace });
    for (const cidr of [`${forged[4]}/32`, `${forged[6]}/128`]) again.deleteAddress('eth0', cidr);
  });
  const receivers = [far, server];
  for (const { ipv4, ipv6 } of receivers) {
    t.false(await near.traffic.udp({ address: ipv4, port: 80, source: forged[4] }));
    t.false(await near.traffic.udp({ address: ipv6, port: 80, source: forged[6] }));
    // Its own address passes over the same interface at the same time: what was dropped was the forged one.
    t.true(await near.traffic.udp({ address: ipv4, port: 80, source: near.ipv4 }));
    t.true(await near.traffic.udp({ address: ipv6, port: 80, source: near.ipv6 }));
  }
  for (const { name, traffic } of receivers) {
    const heard = await traffic.heard();
    t.true(heard.includes(near.ipv4), name);
    t.deepEqual(
      heard.filter((source) => Object.values(forged).includes(source)),
      [],
      name,
    );
  }
});

const CLOSED = policy('closed', '{ types: [Ingress, Egress] }');

test.serial("Mesos' own traffic passes a policy that denies all", async (t) => {
  await under(t, CLOSED, {
    [`server > host-1 tcp/${AGENT_PORT}`]: true,
    [`far > host-2 tcp/${AGENT_PORT}`]: true,
    'server > host-1 tcp/9999': false,
    [`server > host-2 tcp/${AGENT_PORT}`]: false, // another host's agent is not the container's own
    'host-1 > server tcp/80': true,
    'host-1 > near ping': true,
    'host-2 > server tcp/80': false,
    'near > server tcp/80': false,
  });
});

test.serial("an operator narrows Mesos' own traffic by the Host object", async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const host = (mesosTraffic: string) => {
    const { ipv4, ipv6 } = bed.hosts[0]!.addresses;
    return `{ apiVersion: weir/v1, kind: Host, metadata: { name: host-1 }, spec: { addresses: ['${ipv4}', '${ipv6}'], mesosTraffic: ${mesosTraffic} } }`;
  };
  const own = `server > host-1 tcp/${AGENT_PORT}`;
  await bed.apply(host('{ agentPorts: [], healthChecks: Policy }'));
  try {
    // Without a policy nothing is closed.
    await expectFlows(t, places, { [own]: true, 'host-1 > server tcp/80': true });
    await under(t, CLOSED, {
      [own]: false,
      'host-1 > server tcp/80': false,
      'host-1 > server ping': false,
      [`far > host-2 tcp/${AGENT_PORT}`]: true,
      'host-2 > far tcp/80': true,
    });
    await bed.apply(host('{ agentPorts: [9999], healthChecks: Always }'));
    await under(t, CLOSED, { [own]: false, 'server > host-1 tcp/9999': true, 'host-1 > server tcp/80': true });
  } finally {
    await bed.apply(host(`{ agentPorts: [${AGENT_PORT}], healthChecks: Always }`));
  }
});

test.serial('an interface that policy does not know carries nothing', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const host = bed.hosts[0]!;
  const namespace = bed.makeNamespace('unknown');
  const call = {
    host,
    containerId: 'unknown',
    namespace,
    tool: 'weir-route',
    stdin: mesosNetwork({}, { type: 'weir-route', ipam: { type: 'weir-ipam' }, failClosed: true }),
  };
  const { json } = await callCni({ ...call, command: 'ADD' });
  const [ipv4, ipv6] = (json.ips as { address: string }[]).map(({ address }) => address.split('/')[0]!);
  const unknown = { ipv4: ipv4!, ipv6: ipv6!, traffic: new Traffic('unknown', namespace) };
  t.teardown(() => unknown.traffic.close());
  await unknown.traffic.listen({ tcp: [80], udp: [80] });
  await expectFlows(
    t,
    { ...places, unknown },
    {
      'unknown > server tcp/80': false,
      'unknown > far udp/80': false,
      'unknown > server ping': false,
      [`unknown > host-1 tcp/${AGENT_PORT}`]: false,
      'near > unknown tcp/80': false,
      'far > unknown udp/80': false,
    },
  );
  t.false((await places.server.traffic.heard()).includes(unknown.ipv4));
  t.is((await callCni({ ...call, command: 'DEL' })).exitCode, 0);
  const left = await eventually(
    () => tracesInStore(bed.objects),
    (traces) => !traces.some((trace) => trace.includes('unknown')),
  );
  t.deepEqual(
    left.filter((trace) => trace.includes('unknown')),
    [],
  );
});
