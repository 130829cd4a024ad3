import { type AnyObject, type Endpoint, familyOf, keyOf } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { PolicyCalculator } from '../calculator.ts';
import { allowedAt } from '../program/traffic-class.ts';
import { trafficText } from '../program/traffic-text.ts';
import { anyHeader, anyObject } from '../test-support/arbitraries.ts';
import { endpoint, policy } from '../test-support/objects.ts';
import { isUnchanged, participants, reach } from './reach.ts';

const SHOP = [
  endpoint('w1', { app: 'web' }, { addresses: ['10.0.0.1'] }),
  endpoint('w2', { app: 'web' }, { addresses: ['10.0.0.2'], host: 'there', hostInterface: 'weirw1' }),
  endpoint('d1', { app: 'db' }, { addresses: ['10.0.0.3'] }),
];
const DB = policy('db', {
  selector: 'app == "db"',
  ingress: [{ action: 'Allow', protocol: 'TCP', source: { selector: 'app == "web"' }, destination: { ports: [5432, '6000:6009'] } }],
});

function calculatorOf(objects: Iterable<AnyObject>): PolicyCalculator {
  const calculator = new PolicyCalculator();
  for (const object of objects) calculator.upsert(object);
  return calculator;
}

const app = ({ metadata }: Endpoint) => metadata.labels.app ?? '';

test('instances of an app are one line, whatever hosts they run on', (t) => {
  const found = reach([calculatorOf([...SHOP, DB])], [...participants(SHOP, app), { group: 'outside', address: '192.0.2.1' }]);
  t.deepEqual(
    found.map(({ from, to, traffic, pairs }) => `${from} ${to} ${pairs}: ${trafficText(traffic[0]!)}`),
    [
      'web web 2: everything',
      'web db 2: TCP 5432,6000-6009',
      'web outside 2: everything',
      'db web 2: everything',
      'db outside 1: everything',
      'outside web 2: everything',
      'outside db 1: nothing',
    ],
  );
});

test('of two states, what differs', (t) => {
  const changed = reach([calculatorOf(SHOP), calculatorOf([...SHOP, DB])], participants(SHOP, app)).filter((row) => !isUnchanged(row));
  t.deepEqual(
    changed.map(({ from, to, traffic }) => [from, to, ...traffic.map(trafficText)]),
    [['web', 'db', 'everything', 'TCP 5432,6000-6009']],
  );
});

test('traffic in words', (t) => {
  const text = (...ingress: object[]) => {
    const db = policy('db', { selector: 'app == "db"', ingress });
    const [row] = reach([calculatorOf([...SHOP, db])], participants(SHOP, app)).filter(({ from, to }) => from === 'web' && to === 'db');
    return trafficText(row!.traffic[0]!);
  };
  const allow = { action: 'Allow' };
  t.is(text({ ...allow, protocol: 'TCP' }, { ...allow, protocol: 47 }), 'TCP; protocol 47');
  t.is(text({ action: 'Deny', protocol: 'TCP', destination: { ports: [22] } }, allow), 'everything except TCP 22');
  t.is(text({ ...allow, protocol: 'UDP', source: { ports: [53] }, destination: { ports: [80] } }), 'UDP from port 53 to 80');
  t.is(text({ ...allow, protocol: 'ICMP', icmp: { type: 8 } }), 'ICMP type 8');
  t.is(text({ ...allow, protocol: 'ICMP', icmp: { type: 3, code: 4 } }), 'ICMP type 3 code 4');
});

test('what is said of a group holds for each pair, and for every packet', (t) => {
  let compared = 0;
  let split = 0;
  const anyObjects = fc.array(anyObject, { minLength: 4, maxLength: 30 });
  fc.assert(
    fc.property(anyObjects, fc.array(anyHeader, { minLength: 4, maxLength: 8 }), (all, headers) => {
      const objects = [...new Map(all.map((object) => [keyOf(object), object])).values()];
      const calculator = calculatorOf(objects);
      // Of one address that two endpoints have only one can be asked for.
      const owners = new Map(
        objects.flatMap((object) => (object.kind === 'Endpoint' ? object.spec.addresses.map((address) => [address, object]) : [])),
      );
      const among = [...owners.keys()].map((address) => ({ address, group: owners.get(address)!.metadata.namespace! }));
      const rows = reach([calculator], among);
      if (rows.length > new Set(rows.map(({ from, to }) => `${from} ${to}`)).size) split += 1;
      for (const header of headers) {
        const expected = new Map<string, number>();
        for (const from of among) {
          for (const to of among) {
            if (from === to || familyOf(from.address) !== familyOf(to.address)) continue;
            if (!calculator.allows({ source: from.address, destination: to.address, ...header })) continue;
            const key = `${from.group} ${to.group}`;
            expected.set(key, (expected.get(key) ?? 0) + 1);
            compared += 1;
          }
        }
        const found = new Map<string, number>();
        for (const { from, to, traffic, pairs } of rows) {
          const { icmpType = 0, icmpCode = 0, sourcePort = icmpType, destinationPort = icmpCode, protocol } = header;
          const isForeign = (protocol === 1 && traffic[0]!.family === 'IPv6') || (protocol === 58 && traffic[0]!.family === 'IPv4');
          const point = isForeign ? { protocol, first: 0, second: 0 } : { protocol, first: sourcePort, second: destinationPort };
          if (!allowedAt({ allowed: traffic[0]! }, point)) continue;
          found.set(`${from} ${to}`, (found.get(`${from} ${to}`) ?? 0) + pairs);
        }
        t.deepEqual([...found].sort(), [...expected].sort());
      }
    }),
    { numRuns: 400 },
  );
  t.log(`${compared} allowed pairs; ${split} states in which instances of a group differ`);
  t.true(compared > 2000 && split > 50);
});
