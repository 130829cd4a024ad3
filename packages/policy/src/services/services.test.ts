import {
  type AnyObject,
  type Endpoint,
  familyOf,
  keyOf,
  protocolNumber,
  type Service,
  serviceAddresses,
  serviceBackends,
  targetPortOf,
} from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { type DataplaneChange, PolicyCalculator } from '../calculator.ts';
import type { ElementStatement, Statement } from '../statements/statement.ts';
import { elementText } from '../statements/table-text.ts';
import { anyObject } from '../test-support/arbitraries.ts';
import { listing } from '../test-support/listing.ts';
import { endpoint, globalPolicy, networkSet, policy, service } from '../test-support/objects.ts';

const OF_SERVICES = /^(element\/(service|backend|port_backend|far_backend|hairpin)|chain\/s_)/;

function follow(...objects: AnyObject[]) {
  const calculator = new PolicyCalculator({ host: 'here' });
  const table = new Map<string, Statement>();
  const settle = (...changed: AnyObject[]): DataplaneChange => {
    for (const object of changed) calculator.upsert(object);
    const change = calculator.flush();
    for (const key of change.delete) table.delete(key);
    for (const [key, statement] of change.set) table.set(key, statement);
    return change;
  };
  settle(...objects);
  const statements = () => [...table].filter(([key]) => OF_SERVICES.test(key)).map(([, statement]) => statement);
  return { calculator, settle, statements, lines: () => listing(statements()).split('\n').sort() };
}

const web = (count: number, spec: object = {}): Endpoint =>
  endpoint(`web${count}`, { app: 'web' }, { addresses: [`10.0.0.${count}`], host: 'there', ...spec });

test('a service is an element that names a chain by its number of backends, and one for each backend', (t) => {
  const { lines } = follow(
    web(1),
    web(2, { host: 'here' }),
    web(3, { ready: false }),
    service('web', { selector: 'app == "web"', backends: ['192.0.2.1'] }),
  );
  t.deepEqual(lines(), [
    '  dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 3 map @backend4',
    'chain s_lot_3_backend4',
    'element backend4 { 11.0.0.1 . 6 . 80 . 0 : 10.0.0.1 . 80 }',
    'element backend4 { 11.0.0.1 . 6 . 80 . 1 : 10.0.0.2 . 80 }',
    'element backend4 { 11.0.0.1 . 6 . 80 . 2 : 192.0.2.1 . 80 }',
    'element hairpin4 { 10.0.0.2 . 10.0.0.2 }',
    'element service4 { 11.0.0.1 . 6 . 80 : goto s_lot_3_backend4 }',
    'element service_range4 { 11.0.0.0-11.255.255.255 }',
  ]);
});

test('a port of the hosts has backends of its own, and those elsewhere are known', (t) => {
  const spec = { selector: 'app == "web"', ports: [{ port: 80, targetPort: 'http', hostPort: 30080, protocol: 'UDP' }] };
  const ports = [{ name: 'http', protocol: 'UDP', port: 8000 }];
  const { lines } = follow(web(1, { ports }), web(2, { ports: [] }), service('web', spec, ['192.0.2.9', 'fd01:c::9']));
  t.deepEqual(lines(), [
    '  dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 1 map @backend4',
    '  meta nfproto ipv4 dnat ip to meta l4proto . th dport . numgen random mod 1 map @port_backend4',
    'chain s_lot_1_backend4',
    'chain s_lot_1_port_backend4',
    'element backend4 { 192.0.2.9 . 17 . 80 . 0 : 10.0.0.1 . 8000 }',
    'element far_backend4 { 10.0.0.1 . 17 . 8000 }',
    'element port_backend4 { 17 . 30080 . 0 : 10.0.0.1 . 8000 }',
    'element service4 { 192.0.2.9 . 17 . 80 : goto s_lot_1_backend4 }',
    'element service6 { fd01:c::9 . 17 . 80 : goto no_backend }',
    'element service_port4 { 17 . 30080 : goto s_lot_1_port_backend4 }',
    'element service_range6 { fd01:c::-fd01:c::ffff:ffff:ffff:ffff }',
  ]);
});

test('one backend more or less is a few elements, whatever else there is', (t) => {
  const others = Array.from({ length: 50 }, (_, at) => service(`other${at}`, { selector: 'app == "web"' }, [`11.1.0.${at}`]));
  const { settle } = follow(web(1), web(2), web(3), service('db', { selector: 'app == "db"' }), ...others.slice(0, 1));
  settle(endpoint('db1', { app: 'db' }, { addresses: ['10.0.1.1'], host: 'there' }));
  const { set, delete: gone } = settle(endpoint('db2', { app: 'db' }, { addresses: ['10.0.1.2'], host: 'there' }));
  t.deepEqual([...set.keys()].sort(), [
    'chain/s_lot_2_backend4',
    'element/backend4/11.0.0.1 . 6 . 80 . 1',
    'element/service4/11.0.0.1 . 6 . 80',
  ]);
  t.deepEqual([...gone], ['chain/s_lot_1_backend4']);
  t.is(settle(web(1, { containerId: 'other' })).set.size, 0, 'what services do not look at is no change');
});

function bySource(statements: Statement[]): string[] {
  return statements
    .filter((statement): statement is ElementStatement => statement.kind === 'element' && statement.set === 'backend4')
    .sort((left, right) => Number(left.key.at(-1)!.value) - Number(right.key.at(-1)!.value))
    .map(({ data }) => String(data![0]!.value));
}

test('ClientIP: a backend that goes or comes moves no source but its own share', (t) => {
  const affine = service('web', { selector: 'app == "web"', sessionAffinity: 'ClientIP' });
  const { settle, statements, calculator } = follow(...[1, 2, 3, 4, 5].map((count) => web(count)), affine);
  const before = bySource(statements());
  t.is(before.length, 256);
  for (const count of [1, 2, 3, 4, 5]) {
    const share = before.filter((address) => address === `10.0.0.${count}`).length;
    t.true(share > 25 && share < 85, `10.0.0.${count} has ${share} of 256`);
  }
  calculator.remove('Endpoint', 'web3', 'demo');
  settle();
  const after = bySource(statements());
  t.true(before.every((address, slot) => address === '10.0.0.3' || after[slot] === address));
  t.false(after.includes('10.0.0.3'));
  settle(web(3));
  t.deepEqual(bySource(statements()), before);
});

test('flows of UDP of what changed are told of, with the targets that are left', (t) => {
  const dns = service('dns', { selector: 'app == "web"', ports: [{ port: 53, protocol: 'UDP' }] });
  const { settle, calculator } = follow(web(1), web(2), dns);
  const told = ({ udpSockets }: DataplaneChange) =>
    [...udpSockets].map(([name, socket]) => [name, socket?.targets.map(({ address }) => address)]);
  t.deepEqual(told(settle(web(1, { ready: false }))), [['UDP 11.0.0.1 53', ['10.0.0.2']]]);
  t.deepEqual(told(settle(service('tcp', { selector: 'app == "web"' }, ['11.0.0.2']))), []);
  calculator.remove('Service', 'dns', 'demo');
  t.deepEqual(told(settle()), [['UDP 11.0.0.1 53', undefined]]);
});

test('another range, another space, and another host without one', (t) => {
  const config = (serviceRanges: string[]) =>
    ({ apiVersion: 'weir/v1', kind: 'IpamConfig', metadata: { name: 'default' }, spec: { serviceRanges } }) as unknown as AnyObject;
  const { settle, lines, calculator } = follow(service('web', { selector: 'all()' }), web(1, { addressSpace: 'Own' }));
  t.deepEqual(lines(), ['element service4 { 11.0.0.1 . 6 . 80 : goto no_backend }', 'element service_range4 { 11.0.0.0-11.255.255.255 }']);
  settle(config(['11.0.0.0/24']));
  t.true(lines().includes('element service_range4 { 11.0.0.0-11.0.0.255 }'));
  calculator.remove('IpamConfig', 'default');
  settle();
  t.true(lines().includes('element service_range4 { 11.0.0.0-11.255.255.255 }'));
  calculator.remove('Service', 'web', 'demo');
  settle();
  t.deepEqual(lines(), ['']);
  const own = new PolicyCalculator({ host: 'here', space: 'net' });
  own.upsert(service('web', { selector: 'all()' }));
  t.is(own.flush().set.size, 0, 'a network with its own address space has no services');
});

/** Where each virtual address and port leads, plainly: who has it first by name, and its backends that are ready. */
function plainly(objects: AnyObject[]): Map<string, Set<string>> {
  const endpoints = objects.filter((object): object is Endpoint => object.kind === 'Endpoint');
  const services = objects
    .filter((object): object is Service => object.kind === 'Service')
    .sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
  const leads = new Map<string, Set<string>>();
  for (const one of services) {
    for (const port of one.spec.ports) {
      for (const address of serviceAddresses(one)) {
        const name = `${address} . ${protocolNumber(port.protocol)} . ${port.port}`;
        if (leads.has(name)) continue;
        const inherited = objects.find((object) => object.kind === 'Namespace' && object.metadata.name === one.metadata.namespace);
        const labels = inherited?.kind === 'Namespace' ? inherited.spec.labelsToApply : {};
        const targets = serviceBackends(one, endpoints, labels)
          .filter(({ ready }) => ready)
          .flatMap((backend) => backend.addresses.map((at) => [at, targetPortOf(port, backend.endpoint?.spec.ports ?? [])]))
          .filter(([at, target]) => target !== undefined && familyOf(String(at)) === familyOf(address));
        leads.set(name, new Set(targets.map((target) => target.join(' . '))));
      }
    }
  }
  return leads;
}

test('random services lead to whom a plain look at all objects says, and each backend has a slot', (t) => {
  let compared = 0;
  fc.assert(
    fc.property(fc.array(anyObject, { minLength: 10, maxLength: 60 }), (all) => {
      const objects = [...new Map(all.map((object) => [keyOf(object), object])).values()];
      const { statements } = follow(...all);
      const elements = statements().filter((statement) => statement.kind === 'element');
      const dispatched = new Map(
        elements
          .filter(({ set }) => /^service[46]$/.test(set))
          .map((one) => [elementText({ ...one, verdict: undefined } as never), one.verdict!]),
      );
      for (const [name, targets] of plainly(objects)) {
        const verdict = dispatched.get(name);
        dispatched.delete(name);
        const chain = verdict !== undefined && 'chain' in verdict ? verdict.chain : '';
        const slots = elements.filter(
          ({ set, key }) => /^backend[46]$/.test(set) && elementText({ key: key.slice(0, -1) } as never) === name,
        );
        const found = new Set(slots.map(({ data }) => data!.map(({ value }) => value).join(' . ')));
        if (String([...found].sort()) !== String([...targets].sort())) throw new Error(`${name}: ${[...found]}, expected ${[...targets]}`);
        const count = Number(/^s_(?:lot|source)_(\d+)_/.exec(chain)?.[1] ?? 0);
        if (count !== slots.length) throw new Error(`${name}: ${slots.length} slots and ${chain}`);
        compared += 1;
      }
      if (dispatched.size > 0) throw new Error(`${[...dispatched.keys()]} should not be there`);
    }),
    { numRuns: 150 },
  );
  t.true(compared > 150, `${compared}`);
});

const TO_WEB = policy('to-web', { selector: 'app == "client"', egress: [{ action: 'Allow', destination: { services: { name: 'web' } } }] });
const client = endpoint('client', { app: 'client' }, { addresses: ['10.0.0.9'] });

test('a rule that names a service means its backends, ready or not, with their ports, whatever comes and goes', (t) => {
  const calculator = new PolicyCalculator({ host: 'here' });
  const may = (destination: string, destinationPort: number, protocol: 'TCP' | 'UDP' = 'TCP') =>
    calculator.allows({ source: '10.0.0.9', destination, protocol, sourcePort: 40000, destinationPort });
  for (const object of [
    client,
    TO_WEB,
    web(1),
    web(2, { ready: false }),
    endpoint('web3', { app: 'web' }, { addresses: ['10.0.0.3'] }, 'other'),
  ])
    calculator.upsert(object);
  t.false(may('10.0.0.1', 8000), 'there is no such service yet');
  const spec = {
    selector: 'app == "web"',
    ports: [
      { port: 80, targetPort: 8000 },
      { port: 53, targetPort: 'dns', protocol: 'UDP' },
    ],
    backends: ['192.0.2.1'],
  };
  calculator.upsert(service('web', spec));
  t.deepEqual([may('10.0.0.1', 8000), may('10.0.0.2', 8000), may('192.0.2.1', 8000)], [true, true, true]);
  t.deepEqual(
    [may('10.0.0.1', 80), may('10.0.0.3', 8000), may('10.0.0.1', 8000, 'UDP'), may('192.0.2.1', 53, 'UDP')],
    [false, false, false, false],
  );
  calculator.upsert(web(1, { ports: [{ name: 'dns', protocol: 'UDP', port: 5353 }] }));
  t.deepEqual([may('10.0.0.1', 5353, 'UDP'), may('10.0.0.2', 5353, 'UDP')], [true, false]);
  calculator.upsert(networkSet('look-alike', { app: 'web' }, ['198.51.100.0/24']));
  t.false(may('198.51.100.1', 8000), 'a network set is no backend');
  calculator.flush();
  calculator.remove('Service', 'web', 'demo');
  t.true(calculator.flush().narrowed.has('weirclient'), 'flows are to be judged again');
  t.false(may('10.0.0.1', 8000));
});

test('of where traffic comes from a service means the addresses; the way to a verdict names it', (t) => {
  const calculator = new PolicyCalculator({ host: 'here' });
  const from = globalPolicy('from', {
    selector: 'app == "client"',
    ingress: [{ action: 'Allow', protocol: 'TCP', source: { services: { name: 'web', namespace: 'demo' } }, destination: { ports: [22] } }],
  });
  for (const object of [client, from, web(1), service('web', { selector: 'app == "web"' })]) calculator.upsert(object);
  const flow = (source: string, destinationPort: number) => ({
    source,
    destination: '10.0.0.9',
    protocol: 'TCP' as const,
    sourcePort: 40000,
    destinationPort,
  });
  const explained = (source: string, port: number) =>
    calculator.explain(flow(source, port)).steps.find(({ direction }) => direction === 'Ingress')!.tiers[0]!.policies[0]!.rules;
  t.deepEqual(explained('10.0.0.1', 22), [{ index: 0, action: 'Allow', mismatches: [], isReached: true }]);
  t.deepEqual(explained('10.0.0.7', 80)[0]!.mismatches, ['destination.ports', 'source.services']);
  calculator.upsert(TO_WEB);
  const out = (port: number) =>
    calculator
      .explain({ source: '10.0.0.9', destination: '10.0.0.1', protocol: 'UDP', sourcePort: 40000, destinationPort: port })
      .steps.find(({ direction }) => direction === 'Egress')!.tiers[0]!.policies[0]!.rules;
  t.deepEqual(out(80), [{ index: 0, action: 'Allow', mismatches: ['destination.services'], isReached: true }]);
});
