/** Hosts as ends of flows, and on the way. */
import test from 'ava';
import { endpoint, host, Weir } from '../testing/weir.ts';

const hostEndpoint = (name: string, labels: string, spec: string) =>
  `---\napiVersion: weir/v1\nkind: HostEndpoint\nmetadata: {name: ${name}-eth0, labels: {${labels}}}\nspec: {host: ${name}, interfaceName: eth0, ${spec}}\n`;
const H2 = hostEndpoint('h2', 'role: agent', 'expectedIPs: [192.168.0.2], ports: [{name: metrics, protocol: TCP, port: 9100}]');
const AGENTS = `---
apiVersion: weir/v1
kind: GlobalPolicy
metadata: {name: agents}
spec:
  selector: role == 'agent'
  ingress:
    - {action: Allow, protocol: TCP, source: {selector: run == 'web'}, destination: {ports: [metrics]}}
`;
const THROUGH = `---
apiVersion: weir/v1
kind: GlobalPolicy
metadata: {name: through}
spec:
  selector: role == 'agent'
  applyOnForward: true
  ingress:
    - {action: Allow, protocol: TCP, source: {selector: run == 'web'}, destination: {ports: [5432]}}
`;

async function shop(t: Parameters<typeof Weir.in>[0], manifests: string): Promise<Weir> {
  const weir = await Weir.in(t);
  await weir.seed(
    host('h1', '192.168.0.1'),
    host('h2', '192.168.0.2'),
    endpoint('web1', { run: 'web' }, { on: 'h1', address: '10.77.0.1' }),
    endpoint('api1', { run: 'api' }, { on: 'h2', address: '10.77.0.66' }),
    endpoint('db1', { run: 'db' }, { on: 'h2', address: '10.77.0.67' }),
    {
      kind: 'Block',
      metadata: { name: '10.77.0.64-26' },
      spec: { cidr: '10.77.0.64/26', pool: 'main', host: 'h2', allocations: {} },
    },
  );
  await weir.ok(t, ['apply', '-f', '-'], { stdin: manifests });
  return weir;
}

const trace = (from: string, to: string, port: string) => ['trace', '--from', from, '--to', to, '--port', port];

test('to a host, by its name, an address and labels: by the policy of its endpoint, and the name of a port there', async (t) => {
  const weir = await shop(t, H2 + AGENTS);
  for (const to of ['h2', 'host/h2', '192.168.0.2', 'role=agent']) {
    const stdout = await weir.ok(t, trace('run=web', to, 'tcp/metrics'));
    t.regex(
      stdout,
      /^shop\/web1-eth0 .* to host h2 \(192\.168\.0\.2\), TCP 9100\nAllowed: ingress\[0\] of globalpolicy\/agents, tier default$/m,
      to,
    );
    t.regex(stdout, /^Way: h1 to h2, by the network between the hosts$/m);
    t.regex(stdout, /^Ingress of host h2 at host endpoint h2-eth0: allowed: /m);
  }
  const { status, stdout } = await weir.run(trace('h1', 'h2', 'tcp/9100'));
  t.is(status, 1);
  t.regex(stdout, /^host h1 \(192\.168\.0\.1\) to host h2 .*\nDenied: no ingress rule of tier default matches$/m);
  t.regex(stdout, /^Egress of host h1: open, since no HostEndpoint of it is on the way$/m);
  t.regex(
    stdout,
    /source\.selector is run == 'web', and the source is 192\.168\.0\.1 of host h1, which no HostEndpoint tells of \(expectedIPs\)$/m,
  );
});

test('a failsafe port is the reason', async (t) => {
  const weir = await shop(t, H2);
  const stdout = await weir.ok(t, trace('outside', 'h2', 'tcp/22'));
  t.regex(stdout, /^Allowed: a failsafe port of its host, which no policy closes \(failsafePorts\)$/m);
  const { status, stdout: closed } = await weir.run(trace('outside', 'h2', 'tcp/80'));
  t.is(status, 1);
  t.regex(closed, /^Denied: no policy decides on ingress: the defaultAction of host endpoint h2-eth0$/m);
  t.regex(
    closed,
    /no policy is for host endpoint h2-eth0, which is closed by default: apply a GlobalPolicy that selects it and allows TCP 80/,
  );
});

test('the port of the tunnels stays open, whatever failsafe ports are said', async (t) => {
  const weir = await shop(t, H2);
  const yaml = await weir.ok(t, ['get', 'host', 'h2', '-o', 'yaml']);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: `${yaml}  failsafePorts: {inbound: [tcp/2222]}\n` });
  t.regex(await weir.ok(t, trace('h1', 'h2', 'udp/4789')), /^Allowed: the port of the tunnels between hosts, .*failsafePorts/m);
  t.is((await weir.run(trace('h1', 'h2', 'tcp/22'))).status, 1);
  const who = await weir.ok(t, ['policy', 'who', '--from', 'outside', '--to', 'h2']);
  t.regex(who, /hosts\/role=agent +TCP 2222; UDP 4789$/m);
});

test('through a host: policies with applyOnForward are asked on the way, and within the host nobody is', async (t) => {
  const weir = await shop(t, H2 + THROUGH);
  const allowed = await weir.ok(t, trace('run=web', 'run=db', 'tcp/5432'));
  t.regex(allowed, /^Into host h2 at host endpoint h2-eth0: allowed: ingress\[0\] of globalpolicy\/through, tier default$/m);
  const { status, stdout } = await weir.run(trace('run=web', 'run=db', 'tcp/80'));
  t.is(status, 1);
  t.regex(stdout, /^Denied: no ingress rule of tier default matches$/m);
  t.regex(stdout, /^Into host h2 at host endpoint h2-eth0: denied: no ingress rule of tier default matches$/m);
  t.regex(stdout, /^ {2}ingress\[0\] of globalpolicy\/through would allow it, but destination\.ports is 5432, and the flow has port 80$/m);
  t.notRegex(await weir.ok(t, trace('run=api', 'run=db', 'tcp/80')), /Into host/);
  t.is((await weir.run(trace('outside', 'run=db', 'tcp/80'))).status, 1);
  const json = JSON.parse((await weir.run([...trace('run=web', 'run=db', 'tcp/80'), '-o', 'json'])).stdout);
  t.like(json.steps[1], { host: 'h2', verdict: 'Deny', because: { forwarded: true, endpoint: { name: 'h2-eth0' } } });
  t.deepEqual(json.pairs, { all: 1, allowed: 0 });
});

test('a container that leaves under the address of its host is judged as that host at the other one', async (t) => {
  const pool = '---\napiVersion: weir/v1\nkind: Pool\nmetadata: {name: main}\nspec: {cidr: 10.77.0.0/16, natOutgoing: true}\n';
  const weir = await shop(t, H2 + AGENTS + pool + hostEndpoint('h1', 'role: edge', 'expectedIPs: [192.168.0.1], defaultAction: Allow'));
  const { status, stdout } = await weir.run(trace('run=web', 'h2', 'tcp/9100'));
  t.is(status, 1);
  t.regex(stdout, /^Way: h1 to h2, by the network between the hosts, under the address of h1 \(natOutgoing\)$/m);
  t.regex(stdout, /source\.selector is run == 'web', and the source has role=edge and is in no namespace, as all hosts$/m);
});

test('a host and its own containers, and a host that there is not', async (t) => {
  const weir = await shop(t, H2);
  t.regex(
    await weir.ok(t, trace('h2', 'run=db', 'tcp/80')),
    /Egress of host h2: its traffic with its own containers is not asked about there/,
  );
  t.regex(
    await weir.fails(t, 1, trace('run=web', 'host/h3', 'tcp/80')),
    /^error: no host is "h3"\n {2}did you mean "host\/h1"\?$|^error: no host is "h3"\n {2}did you mean "host\/h2"\?$/m,
  );
});

test('a policy of a namespace that means hosts is told to say global()', async (t) => {
  const policy = `---
apiVersion: weir/v1
kind: Policy
metadata: {name: to-agents, namespace: shop}
spec: {selector: run == 'web', egress: [{action: Allow, destination: {selector: role == 'agent'}}]}
`;
  const weir = await shop(t, H2.replace('expectedIPs', 'defaultAction: Allow, expectedIPs') + policy);
  const { stdout } = await weir.run(trace('run=web', 'h2', 'tcp/80'));
  t.regex(stdout, /the destination is in none: add namespaceSelector: global\(\)$/m);
});
