import { inNamespace, Netlink, Nftables } from '@weir/kernel';
import { runWithin, temporaryNamespace } from '@weir/kernel/testing';
import { type AnyObject, type HostSpec, parseObject } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import pino from 'pino';
import { NO_METRICS } from '../no-metrics.ts';
import { Dataplane } from './dataplane.ts';

const MESOS_TRAFFIC: HostSpec['mesosTraffic'] = { agentPorts: [5051], healthChecks: 'Always' };

/** In a network namespace of its own. @param links that were there before */
function open(t: ExecutionContext, links: string[] = []): { namespace: string; dataplane: Dataplane; nftables: Nftables } {
  const namespace = temporaryNamespace(t);
  using netlink = Netlink.open({ namespace });
  for (const name of links) netlink.addBridge({ name });
  const options = { host: 'here', vxlan: { port: 4789, vni: 4096 }, log: pino({ level: 'silent' }), metrics: NO_METRICS };
  const dataplane = inNamespace(namespace, () => new Dataplane(options));
  const nftables = Nftables.open({ namespace });
  t.teardown(async () => {
    await dataplane.settled();
    dataplane.close();
    nftables.close();
  });
  return { namespace, dataplane, nftables };
}

function endpoint(name: string, spec: object = {}): AnyObject {
  const place = { host: 'here', network: 'default', containerId: name, interfaceName: 'eth0', hostInterface: `weir${name}` };
  return parseObject({
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name, labels: { app: name } },
    spec: { ...place, addresses: ['10.0.0.1'], mac: '02:00:00:00:00:01', ...spec },
  });
}

const CLOSED = parseObject({
  apiVersion: 'weir/v1',
  kind: 'Policy',
  metadata: { name: 'closed' },
  spec: { selector: 'app == "web"', ingress: [] },
});

test('what it changes itself is nothing that somebody else did', (t) => {
  const { dataplane } = open(t);
  const web = endpoint('web');
  const bridged = endpoint('port', { hostInterface: 'veth1', bridge: 'cni0', addresses: ['10.0.0.2'] });
  const steps: [name: string, before: AnyObject | undefined, after: AnyObject | undefined][] = [
    ['the fixed part alone', undefined, undefined],
    ['an endpoint', undefined, web],
    ['a policy', undefined, CLOSED],
    ['an object that changes nothing', CLOSED, CLOSED],
    ['the first endpoint at a bridge', undefined, bridged],
    ['and the last', bridged, undefined],
    ['a policy less', CLOSED, undefined],
  ];
  for (const [name, before, after] of steps) {
    if (before ?? after) dataplane.learn(before, after);
    dataplane.apply();
    t.false(dataplane.isTouched, name);
  }
  dataplane.apply({ mesosTraffic: { ...MESOS_TRAFFIC, agentPorts: [5052] } });
  t.false(dataplane.isTouched, 'another fixed part');
  dataplane.forgetActual();
  dataplane.apply();
  t.false(dataplane.isTouched, 'all of it read anew');
});

test('a flushed ruleset is not forgotten over a change that comes before anyone looked', (t) => {
  const { dataplane, nftables } = open(t);
  const [web, bridged] = [endpoint('web'), endpoint('port', { hostInterface: 'veth1', bridge: 'cni0', addresses: ['10.0.0.2'] })];
  dataplane.learn(undefined, web);
  dataplane.learn(undefined, bridged);
  dataplane.apply();
  const changes: [name: string, before: AnyObject | undefined, after: AnyObject | undefined][] = [
    ['one that changes nothing here', undefined, endpoint('other', { host: 'there', addresses: ['10.0.1.1'] })],
    // It finds that table missing and mends it, and not the other.
    ['one of the one table', undefined, CLOSED],
  ];
  for (const [name, before, after] of changes) {
    nftables.run('flush ruleset');
    dataplane.learn(before, after);
    dataplane.apply();
    t.true(dataplane.isTouched, name);
    dataplane.forgetActual();
    dataplane.apply();
    t.false(dataplane.isTouched, name);
    for (const table of ['inet weir', 'bridge weir']) t.truthy(nftables.list(table), `${table}, ${name}`);
  }
});

test('a flushed ruleset is not forgotten when it comes in the middle of a change', (t) => {
  const { dataplane, nftables } = open(t);
  dataplane.apply();
  dataplane.apply({
    get mesosTraffic() {
      nftables.run('flush ruleset');
      return MESOS_TRAFFIC;
    },
  });
  t.true(dataplane.isTouched);
});

test('both tables of another version of Weir become those of this one', (t) => {
  const { dataplane, nftables } = open(t);
  dataplane.learn(undefined, endpoint('web'));
  dataplane.learn(undefined, endpoint('port', { hostInterface: 'veth1', bridge: 'cni0', addresses: ['10.0.0.2', 'fd00::2'] }));
  dataplane.learn(undefined, CLOSED);
  dataplane.apply();
  const list = () => ['inet weir', 'bridge weir'].map((table) => nftables.text(table));
  const before = list();
  t.regex(before[1]!, /set target6 \{[^}]*elements = \{[^}]*0xfd000000000000000000000000000002/);
  nftables.run(
    [
      'flush chain inet weir version',
      'flush chain bridge weir version',
      'flush chain bridge weir to_port',
      'add chain bridge weir former { type filter hook prerouting priority 7; policy drop; }',
      '',
    ].join('\n'),
  );
  dataplane.forgetActual();
  dataplane.apply();
  t.deepEqual(list(), before);
  t.false(dataplane.isTouched);
});

function hooksOf(nftables: Nftables): string[] {
  const chains = nftables.list('inet weir')!.flatMap(({ chain }) => (chain as { type?: string; hook?: string } | undefined) ?? []);
  return chains.flatMap(({ type, hook }) => (hook === undefined ? [] : [`${type} ${hook}`])).sort();
}

const POLICED = ['filter forward', 'filter input', 'filter output', 'filter prerouting'];

test('a host that nothing is asked of tracks no connection; before an interface comes that is to be closed, it can be', (t) => {
  const { dataplane, nftables } = open(t);
  dataplane.apply();
  t.deepEqual(hooksOf(nftables), ['filter input']);
  dataplane.guard();
  t.deepEqual(hooksOf(nftables), POLICED);
  dataplane.forgetActual();
  dataplane.apply();
  t.deepEqual(hooksOf(nftables), POLICED, 'it stays so');
});

test('an interface that an agent before left behind is closed', (t) => {
  for (const [link, hooks] of [
    ['wlnkother', ['filter input']],
    ['weirleft', POLICED],
  ] as const) {
    const { dataplane, nftables } = open(t, [link]);
    dataplane.apply();
    t.deepEqual(hooksOf(nftables), hooks, link);
  }
});

test('what is asked of the table is hooked in with it, and stays while the agent runs', (t) => {
  const { dataplane, nftables } = open(t);
  dataplane.apply();
  const pool = (natOutgoing: boolean) =>
    parseObject({ apiVersion: 'weir/v1', kind: 'Pool', metadata: { name: 'p' }, spec: { cidr: '10.0.0.0/24', natOutgoing } });
  const policy = parseObject({ apiVersion: 'weir/v1', kind: 'GlobalPolicy', metadata: { name: 'all' }, spec: { selector: 'all()' } });
  dataplane.learn(undefined, policy);
  dataplane.apply();
  t.deepEqual(hooksOf(nftables), POLICED, 'connections are known before the first endpoint is');
  dataplane.learn(undefined, pool(true));
  dataplane.apply();
  const natted = [...POLICED, 'nat output', 'nat postrouting', 'nat prerouting'];
  t.deepEqual(hooksOf(nftables), natted);
  dataplane.learn(pool(true), pool(false));
  dataplane.learn(policy, undefined);
  dataplane.apply();
  t.deepEqual(hooksOf(nftables), natted, 'what left under the address of the host goes on');
});

test('a bridge that somebody told not to show its packets shows them again, though nothing changed in nftables', (t) => {
  const { namespace, dataplane } = open(t);
  const bridge = (...words: string[]) => runWithin(namespace, 'ip', ...words);
  bridge('link', 'add', 'cni0', 'type', 'bridge');
  dataplane.learn(undefined, endpoint('port', { hostInterface: 'veth1', bridge: 'cni0' }));
  dataplane.apply();
  const shown = () => bridge('-d', 'link', 'show', 'cni0');
  t.regex(shown(), /nf_call_iptables 1 nf_call_ip6tables 1/);
  bridge('link', 'set', 'cni0', 'type', 'bridge', 'nf_call_iptables', '0', 'nf_call_ip6tables', '0');
  t.regex(shown(), /nf_call_iptables 0 nf_call_ip6tables 0/);
  dataplane.forgetBridges();
  dataplane.apply();
  t.regex(shown(), /nf_call_iptables 1 nf_call_ip6tables 1/);
});
