import type { LoggedPacket } from '@weir/kernel';
import { PolicyCalculator } from '@weir/policy';
import { parseObject } from '@weir/resources';
import test from 'ava';
import { describeAllowed, describeFlow, type FlowIdentity, flowEnds } from './flow-description.ts';
import { FlowWindow } from './flow-window.ts';

const endpoint = (name: string, address: string) =>
  parseObject({
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name, namespace: 'shop', labels: { app: name } },
    spec: {
      host: 'h1',
      containerId: name,
      network: 'weir',
      interfaceName: 'eth0',
      hostInterface: `weir${name}`,
      addresses: [address],
    },
  });

const policy = (name: string, spec: object) =>
  parseObject({ apiVersion: 'weir/v1', kind: 'Policy', metadata: { name, namespace: 'shop' }, spec });

const WEB = policy('web', {
  selector: "app == 'web'",
  ingress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: [80] } }],
});

function open(...objects: ReturnType<typeof parseObject>[]): { window: FlowWindow; calculator: PolicyCalculator } {
  const calculator = new PolicyCalculator({ host: 'h1' });
  for (const object of [endpoint('web', '10.0.0.1'), endpoint('client', '10.0.0.2'), ...objects]) calculator.upsert(object);
  return {
    calculator,
    window: new FlowWindow({
      host: 'h1',
      describe: (packet, cause) => describeFlow(packet, cause, calculator),
      ends: (flow) => flowEnds(flow, calculator),
    }),
  };
}

const packet = (prefix: string, changes: Partial<LoggedPacket> = {}): LoggedPacket => ({
  prefix,
  version: 4,
  source: '10.0.0.2',
  destination: '10.0.0.1',
  protocol: 6,
  sourcePort: 40_000,
  destinationPort: 80,
  length: 60,
  ...changes,
});

const POLICY_WEB = { kind: 'Policy', namespace: 'shop', name: 'web' };

test('packets that differ in their source port alone are one record', (t) => {
  const { window } = open(WEB);
  window.add(packet('weir allow'), 1_000);
  window.add(packet('weir allow', { sourcePort: 40_001, length: 40 }), 4_000);
  window.add(packet('weir deny policy', { destinationPort: 22 }), 5_000);
  const [allowed, denied, ...others] = window.close();
  t.deepEqual(others, []);
  t.deepEqual(allowed, {
    host: 'h1',
    start: '1970-01-01T00:00:01.000Z',
    end: '1970-01-01T00:00:04.000Z',
    verdict: 'Allow',
    source: { address: '10.0.0.2', endpoint: { namespace: 'shop', name: 'client', labels: { app: 'client' } } },
    destination: { address: '10.0.0.1', endpoint: { namespace: 'shop', name: 'web', labels: { app: 'web' } } },
    protocol: 'TCP',
    destinationPort: 80,
    because: { direction: 'Ingress', tier: 'default', policy: POLICY_WEB, ruleIndex: 0 },
    packets: 2,
    bytes: 100,
    connections: 2,
  });
  t.like(denied, {
    verdict: 'Deny',
    destinationPort: 22,
    because: { direction: 'Ingress', tier: 'default', default: 'no rule matched' },
    packets: 1,
  });
  t.deepEqual(window.close(), [], 'the next window begins empty');
});

test('the rule is that of the first packet, and a kernel that judged by other rules is not explained by these', (t) => {
  const { window, calculator } = open(WEB);
  window.add(packet('weir allow'), 0);
  calculator.remove('Policy', 'web', 'shop');
  calculator.upsert(policy('closed', { ingress: [] }));
  window.add(packet('weir allow'), 1);
  window.add(packet('weir allow', { destinationPort: 81 }), 2);
  const [first, second] = window.close();
  t.like(first, { packets: 2, because: { policy: POLICY_WEB } });
  t.deepEqual(second?.because, { default: 'policy has changed since' });
});

test('what the table denies beside policy; a flow that was cut is denied by what cut it', (t) => {
  const { window } = open(WEB);
  window.add(packet('weir deny source', { source: '10.9.9.9' }), 0);
  window.add(packet('weir deny state'), 0);
  window.add(packet('weir deny state', { destinationPort: 22 }), 0);
  t.deepEqual(
    window.close().map(({ because }) => because.default),
    ['not an address of the interface', 'not the begin of a flow', 'no rule matched'],
  );
});

test('rules that log have records of their own; others who log to the group, and flows between strangers, have none', (t) => {
  const { window } = open(WEB);
  window.add(packet('weir Policy shop/web Ingress 0: '), 0);
  window.add(packet('weir allow'), 0);
  window.add(packet('ulogd'), 0);
  window.add(packet('weir allow', { source: '192.0.2.1', destination: '192.0.2.2' }), 0);
  const records = window.close();
  t.deepEqual(
    records.map(({ verdict }) => verdict),
    ['Log', 'Allow'],
  );
  t.deepEqual(records[0]?.because, { direction: 'Ingress', policy: POLICY_WEB, ruleIndex: 0 });
});

test('staged policies say what they would do, in either direction', (t) => {
  const closed = policy('closed', { staged: true, order: -1, selector: "app == 'web'", ingress: [{ action: 'Deny' }] });
  const { window } = open(WEB, closed);
  window.add(packet('weir allow'), 0);
  window.add(packet('weir allow', { source: '10.0.0.1', destination: '10.0.0.2' }), 0);
  const [denied, untouched] = window.close();
  t.like(denied?.staged, { verdict: 'Deny', because: { policy: { name: 'closed' }, ruleIndex: 0 } });
  t.is(untouched?.staged, undefined);
});

test('ICMP by type and code, protocols without a name by number, and a window that is full', (t) => {
  const { window } = open();
  const { destinationPort: _, sourcePort: __, ...bare } = packet('weir allow');
  window.add({ ...bare, protocol: 1, icmpType: 8, icmpCode: 0 }, 0);
  window.add({ ...bare, protocol: 47 }, 0);
  window.add({ ...bare, protocol: 0, version: 6, source: 'fd00::1', destination: 'fd00::2', prefix: 'weir deny unknown' }, 0);
  for (let port = 0; port < 9_997; port += 1) window.add(packet('weir allow', { destinationPort: port }), 0);
  t.false(window.add(packet('weir allow', { destinationPort: 20_000 }), 0));
  t.true(window.add(packet('weir allow', { destinationPort: 5 }), 0), 'a flow that is known has room');
  const records = window.close();
  t.is(records.length, 10_000);
  t.like(records[0], { protocol: 'ICMP', icmpType: 8, icmpCode: 0 });
  t.like(records[1], { protocol: 47 });
  t.like(records[2], { protocol: 0, because: { default: 'no endpoint is known at the interface' } });
});

const TO_WEB: FlowIdentity = { source: '10.0.0.2', destination: '10.0.0.1', protocol: 6, sourcePort: 40_000, destinationPort: 80 };
const SOME = { packets: 10, bytes: 5_000, replyPackets: 8, replyBytes: 400 };
const NOTHING = { packets: 0, bytes: 0, replyPackets: 0, replyBytes: 0 };

test('what the kernel counted takes the place of the first packets, which it counted too', (t) => {
  const { window, calculator } = open(WEB);
  const explain = (flow: FlowIdentity) => () => describeAllowed(flow, calculator);
  window.add(packet('weir allow'), 1_000);
  window.addVolume(TO_WEB, SOME, { from: 0, to: 9_000 }, explain(TO_WEB));
  const other = { ...TO_WEB, sourcePort: 40_001 };
  window.addVolume(other, SOME, { from: 0, to: 9_000 }, explain(other));
  const [record, ...others] = window.close();
  t.deepEqual(others, []);
  t.like(record, { start: '1970-01-01T00:00:01.000Z', end: '1970-01-01T00:00:09.000Z', connections: 1 });
  t.like(record, { packets: 20, bytes: 10_000, replyPackets: 16, replyBytes: 800, because: { policy: POLICY_WEB, ruleIndex: 0 } });
});

test('a flow that goes on is in each window in which it carries something, with the rule of its first packet', (t) => {
  const { window, calculator } = open(WEB);
  const explain = () => describeAllowed(TO_WEB, calculator);
  window.add(packet('weir allow'), 1_000);
  window.close();
  calculator.upsert(policy('first', { order: -1, ingress: [{ action: 'Allow' }] }));
  window.addVolume(TO_WEB, NOTHING, { from: 10_000, to: 20_000 }, explain);
  t.deepEqual(window.close(), [], 'nothing to tell of');
  const client = endpoint('client', '10.0.0.2');
  calculator.upsert({ ...client, metadata: { ...client.metadata, labels: { app: 'other' } } });
  window.addVolume(TO_WEB, SOME, { from: 20_000, to: 30_000 }, explain);
  const [record] = window.close();
  t.like(record, { start: '1970-01-01T00:00:20.000Z', end: '1970-01-01T00:00:30.000Z', connections: 0, bytes: 5_000 });
  t.like(record?.because, { policy: POLICY_WEB });
  t.deepEqual(record?.source.endpoint?.labels, { app: 'other' }, 'with the labels of now');
  window.close();
  window.addVolume(TO_WEB, SOME, { from: 40_000, to: 50_000 }, explain);
  t.like(window.close()[0]?.because, { policy: { name: 'first' } }, 'gone from one window, it is forgotten');
});

test('a flow whose begin nobody saw is explained by the rules of now; strangers, and what is allowed beside policy, have no record', (t) => {
  const { window, calculator } = open(WEB);
  const add = (flow: FlowIdentity) => window.addVolume(flow, SOME, { from: 0, to: 1 }, () => describeAllowed(flow, calculator));
  t.true(add({ source: '192.0.2.1', destination: '192.0.2.2', protocol: 47 }));
  t.true(add(TO_WEB));
  t.true(add({ ...TO_WEB, destinationPort: 22 }));
  const [allowed, changed, ...others] = window.close();
  t.deepEqual(others, []);
  t.like(allowed, { verdict: 'Allow', because: { policy: POLICY_WEB }, connections: 0, ...SOME });
  t.deepEqual(changed?.because, { default: 'policy has changed since' });
});
