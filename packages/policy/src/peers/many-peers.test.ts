import { type AnyObject, parseObject } from '@weir/resources';
import test from 'ava';
import { PolicyCalculator } from '../calculator.ts';
import { type Statement, statementKey } from '../statements/statement.ts';
import { listing } from '../test-support/listing.ts';

const MANY = 4;

const object = (kind: string, metadata: object, spec: object): AnyObject =>
  parseObject({ apiVersion: 'weir/v1', kind, metadata: { namespace: 'shop', ...metadata }, spec });

function endpoint(index: number, labels: Record<string, string> = {}, host = 'there'): AnyObject {
  const spec = { host, containerId: `c${index}`, network: 'net', interfaceName: 'eth0', hostInterface: `weirc${index}` };
  return object('Endpoint', { name: `e${index}`, labels: { app: 'client', ...labels } }, { ...spec, addresses: [`10.0.0.${index}`] });
}

const SERVERS = [1, 2].map((index) => endpoint(index, { app: `server${index}` }, 'here'));
/** Two programs that have a set in common, and sets of their own beside it. */
const POLICIES = [1, 2].map((index) =>
  object(
    'Policy',
    { name: `p${index}` },
    {
      selector: `app == 'server${index}'`,
      ingress: [
        { action: 'Allow', protocol: 'TCP', source: { selector: "app == 'client'" }, destination: { ports: [80] } },
        { action: 'Allow', protocol: 'TCP', source: { selector: "role == 'admin'" }, destination: { ports: [22 + index] } },
      ],
    },
  ),
);

function started(clients: AnyObject[]): { calculator: PolicyCalculator; table: Map<string, Statement> } {
  const calculator = new PolicyCalculator({ host: 'here', manyPeers: MANY });
  for (const one of [...SERVERS, ...POLICIES, ...clients]) calculator.upsert(one);
  return { calculator, table: calculator.flush().set };
}

const clients = (count: number): AnyObject[] => Array.from({ length: count }, (_, index) => endpoint(10 + index));

function changed(calculator: PolicyCalculator, ...objects: AnyObject[]): string[] {
  for (const one of objects) calculator.upsert(one);
  const { set, delete: gone } = calculator.flush();
  return [...[...set.values()].map((statement) => `+ ${listing([statement])}`), ...[...gone].map((key) => `- ${key}`)].map((line) =>
    line.replaceAll(/\b([a-z])_([0-9a-f]{20}|\d)/g, '$1_'),
  );
}

test('a set of many peers is in the table once, and looked up behind the maps', (t) => {
  const { table } = started(clients(5));
  const sets = [...table.values()].filter((statement) => statement.kind === 'map' && statement.name.startsWith('m_'));
  t.is(sets.length, 1);
  const groups = [...table.values()].filter((statement) => statement.kind === 'chain' && statement.name.startsWith('g_'));
  t.deepEqual(listing(groups).split('\n').slice(0, 4), [
    'chain g_1',
    '  ip saddr vmap @p_1_a comment "peers by address"',
    '  ip saddr @m_1 goto c_1 comment "peers in a set of many"',
    '  goto denied comment "everybody else"',
  ]);
});

test('who comes to a set of many is one element, for all programs', (t) => {
  const { calculator } = started(clients(5));
  t.deepEqual(changed(calculator, endpoint(30)), ['+ element m_ { 10.0.0.30 }']);
  // Of whom other rules speak, too, programs have an element of their own.
  t.deepEqual(
    changed(calculator, endpoint(31, { role: 'admin' }))
      .map((line) => line.replace(/c_\w*/, 'c_'))
      .sort(),
    [
      '+ chain c_\n  tcp dport { 23, 80 } return\n  goto denied',
      '+ chain c_\n  tcp dport { 24, 80 } return\n  goto denied',
      '+ element m_ { 10.0.0.31 }',
      '+ element p__a { 10.0.0.31 : goto c_ }',
      '+ element p__a { 10.0.0.31 : goto c_ }',
    ],
  );
});

test('a set that comes to be one of many, and few again, ends in the table that is made from nothing', (t) => {
  const { calculator, table } = started(clients(MANY - 1));
  const keys = () => [...table.keys()].sort();
  const apply = (...objects: AnyObject[]) => {
    for (const one of objects) calculator.upsert(one);
    const { set, delete: gone } = calculator.flush();
    for (const key of gone) table.delete(key);
    for (const statement of set.values()) table.set(statementKey(statement), statement);
  };
  const few = keys();
  apply(endpoint(40));
  t.deepEqual(keys(), [...started([...clients(MANY - 1), endpoint(40)]).table.keys()].sort());
  t.true(keys().some((key) => key.startsWith('map/m_')));
  apply(endpoint(40, { app: 'none' }));
  t.deepEqual(keys(), few);
});

test('who leaves a set of many may have lost something', (t) => {
  const { calculator } = started(clients(6));
  calculator.upsert(endpoint(10, { app: 'none' }));
  t.deepEqual([...calculator.flush().narrowed].sort(), ['weirc1', 'weirc2']);
  calculator.upsert(endpoint(10));
  t.deepEqual([...calculator.flush().narrowed], []);
});
