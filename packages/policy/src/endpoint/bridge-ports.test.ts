import test from 'ava';
import { PolicyCalculator } from '../calculator.ts';
import { bridgeTable } from '../fixed-tables/bridge-table.ts';
import { readTable } from '../statements/read-table.ts';
import { difference } from '../statements/statement.ts';
import { elementText } from '../statements/table-text.ts';
import { NftNamespace } from '../test-support/nft.ts';
import { endpoint, policy } from '../test-support/objects.ts';

const port = (name: string, spec: object = {}) =>
  endpoint(name, { app: name }, { addresses: ['10.0.0.1', 'fd00::1'], hostInterface: `veth${name}`, bridge: 'cni0', ...spec });

test('an endpoint on a port is known by its addresses, with the verdicts of its interface', (t) => {
  const calculator = new PolicyCalculator({ host: 'here' });
  calculator.upsert(port('a'));
  calculator.upsert(policy('closed', { selector: 'app == "a"', types: ['Ingress'] }));
  const { set, bridge } = calculator.flush();
  for (const [map, entry] of [
    ['from_bridged', 'from_endpoint'],
    ['to_bridged', 'to_endpoint'],
  ]) {
    const byInterface = set.get(`element/${entry}/vetha`);
    t.truthy(byInterface);
    for (const key of [`${map}4/10.0.0.1`, `${map}6/fd00::1`])
      t.like(set.get(`element/${key}`), { verdict: byInterface!.kind === 'element' && byInterface!.verdict });
  }
  t.deepEqual([...bridge.set.keys()].sort(), [
    'element/address4/vetha . 10.0.0.1',
    'element/address6/vetha . fd00::1',
    'element/any_mac/vetha',
    'element/port/vetha',
    'element/target6/vetha . fd00::1',
  ]);
});

test('a change of policy changes the verdicts by address too', (t) => {
  const calculator = new PolicyCalculator({ host: 'here' });
  calculator.upsert(port('a'));
  calculator.flush();
  calculator.upsert(policy('closed', { selector: 'app == "a"', types: ['Ingress'] }));
  const { set, bridge, narrowed } = calculator.flush();
  t.deepEqual(set.get('element/to_bridged4/10.0.0.1'), {
    kind: 'element',
    set: 'to_bridged4',
    key: [{ type: 'ipv4_addr', value: '10.0.0.1' }],
    verdict: { kind: 'goto', chain: 'denied' },
  });
  t.is(set.get('element/from_bridged4/10.0.0.1'), undefined);
  t.is(bridge.set.size + bridge.delete.size, 0);
  t.deepEqual([...narrowed], ['vetha']);
});

test('an address that an old endpoint still has is not lost when that one goes', (t) => {
  const calculator = new PolicyCalculator({ host: 'here' });
  calculator.upsert(port('a'));
  calculator.upsert(port('b'));
  calculator.flush();
  calculator.remove('Endpoint', 'a', 'demo');
  const gone = calculator.flush();
  t.false(gone.delete.has('element/bridged4/10.0.0.1'));
  t.true(gone.bridge.delete.has('element/port/vetha'));
  calculator.remove('Endpoint', 'b', 'demo');
  t.true(calculator.flush().delete.has('element/bridged4/10.0.0.1'));
});

test('an endpoint whose interface is routed takes nothing of the bridge family', (t) => {
  const calculator = new PolicyCalculator({ host: 'here' });
  calculator.upsert(port('a', { bridge: undefined }));
  const { set, bridge } = calculator.flush();
  t.is(bridge.set.size, 0);
  t.false([...set.keys()].some((key) => key.includes('bridged')));
});

test('the table loads, and is read back as it was wanted', (t) => {
  const nft = NftNamespace.create(t);
  const base = bridgeTable();
  nft.run(base.script);
  const calculator = new PolicyCalculator({ host: 'here' });
  calculator.upsert(port('a', { mac: '02:00:00:00:00:01' }));
  const { bridge } = calculator.flush();
  for (const statement of bridge.set.values()) {
    if (statement.kind !== 'element') throw new Error('only elements are wanted there');
    // nft takes what it has no type for as a number alone.
    const text = elementText(statement).replace('fd00::1', (address) =>
      statement.set === 'target6' ? '0xfd000000000000000000000000000001' : address,
    );
    nft.run(`add element bridge weir ${statement.set} { ${text} }\n`);
  }
  const actual = readTable(nft.list('bridge weir'));
  t.is(actual.version, base.version);
  t.deepEqual(difference(bridge.set, actual.statements), { set: new Map(), delete: new Set() });
  for (const [, comment] of base.script.matchAll(/comment "([^"]*)"/g)) t.true(comment!.length <= 128);
});
