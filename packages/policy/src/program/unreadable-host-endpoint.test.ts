import { type AnyObject, type HostEndpoint, parseObject } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { PolicyCalculator } from '../calculator.ts';
import type { Statement } from '../statements/statement.ts';
import { globalPolicy } from '../test-support/objects.ts';
import { TableWalk } from '../test-support/table-walk.ts';
import { unreadableHostEndpoint } from './unreadable-host-endpoint.ts';

const NAME = 'uplink';
const ID = { kind: 'HostEndpoint', name: NAME } as const;
const hostEndpoint = (spec: object = {}, labels = { role: 'agent' }) =>
  parseObject({
    apiVersion: 'weir/v1',
    kind: 'HostEndpoint',
    metadata: { name: NAME, labels },
    spec: { host: 'here', interfaceName: 'eth0', ...spec },
  }) as HostEndpoint;
const unreadable = (spec: object, labels: unknown = { role: 'agent' }) => ({ metadata: { labels }, spec: { ports: 1, ...spec } });
const OPEN = globalPolicy('open', {
  selector: "role == 'agent'",
  types: ['Ingress', 'Egress'],
  ingress: [{ action: 'Allow' }],
  egress: [{ action: 'Allow' }],
});
const THROUGH = globalPolicy('through', { selector: "role == 'agent'", applyOnForward: true, ingress: [{ action: 'Deny' }] });
const PACKET = { source: '192.0.2.1', destination: '192.0.2.2', protocol: 6, sourcePort: 1024, destinationPort: 80 };

/** A calculator with objects, and what its table does with a packet that comes in by an interface: to the host, and through it. */
function open(t: ExecutionContext, ...objects: AnyObject[]) {
  const calculator = new PolicyCalculator({ host: 'here' });
  for (const object of objects) calculator.upsert(object);
  const statements = new Map<string, Statement>();
  const expect = (interfaceName: string, wanted: { toHost: 'Allow' | 'Deny'; through: 'Allow' | 'Deny' }) => {
    const change = calculator.flush();
    for (const key of change.delete) statements.delete(key);
    for (const [key, statement] of change.set) statements.set(key, statement);
    const walk = new TableWalk(statements);
    walk.assertWhole();
    const toHost = walk.hostVerdict('to_host', interfaceName, PACKET).verdict;
    t.deepEqual({ toHost, through: walk.hostVerdict('forward_in', interfaceName, PACKET).verdict }, wanted);
  };
  return { calculator, expect };
}

const CLOSED = { toHost: 'Deny', through: 'Allow' } as const;
const ALL_OPEN = { toHost: 'Allow', through: 'Allow' } as const;

test('what can be read says of which host it is and of which interface', (t) => {
  const at = (value: unknown) => {
    const { standIn, hasLabels } = unreadableHostEndpoint(ID, value);
    return [standIn.spec.host, standIn.spec.interfaceName, standIn.metadata.labels, hasLabels];
  };
  t.deepEqual(at(unreadable({ host: 'here', interfaceName: 'eth0' })), ['here', 'eth0', { role: 'agent' }, true]);
  t.deepEqual(at(unreadable({ host: 7, interfaceName: 'eth 0' }, { role: 1 })), [NAME, '*', {}, false]);
  for (const value of [undefined, null, 'no JSON {', [], { spec: [], metadata: 1 }]) t.deepEqual(at(value), [NAME, '*', {}, false]);
});

test('one that cannot be read closes its interface, whatever policy allows, until it can be, or is gone', (t) => {
  const { calculator, expect } = open(t, OPEN);
  calculator.upsertInvalid(ID, unreadable({ host: 'here', interfaceName: 'eth0' }));
  expect('eth0', CLOSED);
  expect('eth1', ALL_OPEN);
  calculator.upsert(hostEndpoint());
  expect('eth0', ALL_OPEN);
  calculator.upsertInvalid(ID, unreadable({ host: 'here', interfaceName: 'eth0' }));
  expect('eth0', CLOSED);
  calculator.remove('HostEndpoint', NAME);
  expect('eth0', ALL_OPEN);
});

test('of which host or interface it is, is what it was last; else it is taken for that which it is named for', (t) => {
  const { calculator, expect } = open(t, OPEN, hostEndpoint());
  expect('eth0', ALL_OPEN);
  calculator.upsertInvalid(ID, 'no JSON {');
  expect('eth0', CLOSED);
  expect('eth1', ALL_OPEN);

  const named = open(t);
  named.calculator.upsertInvalid({ kind: 'HostEndpoint', name: 'here' }, 'no JSON {');
  named.expect('eth7', CLOSED);
  const other = open(t);
  other.calculator.upsertInvalid(ID, 'no JSON {');
  other.expect('eth7', ALL_OPEN);
});

test('where it was never read, a second form that cannot be read counts and not the first', (t) => {
  const { calculator, expect } = open(t);
  calculator.upsertInvalid(ID, unreadable({ host: 'here', interfaceName: 'eth0' }));
  expect('eth0', CLOSED);
  calculator.upsertInvalid(ID, unreadable({ host: 'there', interfaceName: 'eth0' }));
  expect('eth0', ALL_OPEN);
});

test('what passes through is asked for by its labels; where these cannot be read, any policy may be for it', (t) => {
  const { calculator, expect } = open(t, THROUGH);
  calculator.upsertInvalid(ID, unreadable({ host: 'here', interfaceName: 'eth0' }, { role: 'other' }));
  expect('eth0', CLOSED);
  calculator.upsertInvalid(ID, unreadable({ host: 'here', interfaceName: 'eth0' }, 'none'));
  expect('eth0', { toHost: 'Deny', through: 'Deny' });
  calculator.remove('GlobalPolicy', 'through');
  expect('eth0', CLOSED);
  calculator.upsert(THROUGH);
  expect('eth0', { toHost: 'Deny', through: 'Deny' });
});

test('as a peer it is what it was last', (t) => {
  const peers = parseObject({
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { host: 'here', containerId: 'web', network: 'net', interfaceName: 'eth0', hostInterface: 'weirweb', addresses: ['10.0.0.1'] },
  });
  const { calculator, expect } = open(t, peers as AnyObject, hostEndpoint({ expectedIPs: ['192.0.2.1'] }));
  calculator.upsert(
    globalPolicy('from-agents', { selector: 'all()', ingress: [{ action: 'Allow', source: { selector: "role == 'agent'" } }] }),
  );
  expect('eth0', ALL_OPEN);
  const flow = { source: '192.0.2.1', destination: '10.0.0.1', protocol: 'TCP', destinationPort: 80 } as const;
  t.is(calculator.decide(flow).verdict, 'Allow');
  calculator.upsertInvalid(ID, unreadable({ host: 'here', interfaceName: 'eth0' }));
  expect('eth0', CLOSED);
  t.true(calculator.allows(flow));
  t.false(calculator.allows({ ...flow, source: '192.0.2.3' }));
});
