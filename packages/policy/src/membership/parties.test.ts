import test from 'ava';
import { PolicyCalculator } from '../calculator.ts';
import { endpoint, globalNetworkSet, namespaceObject, networkSet } from '../test-support/objects.ts';

test('who has an address: endpoints of all hosts, hosts, network sets, and nobody', (t) => {
  const calculator = new PolicyCalculator({ host: 'here' });
  const set = globalNetworkSet('wide', {}, ['192.0.2.0/24', '10.0.0.0/8', '2001:db8::/32']);
  for (const object of [
    endpoint('far', { app: 'far' }, { host: 'there', addresses: ['10.0.1.1', 'fd00::1'] }),
    namespaceObject('demo', {}, { labelsToApply: { team: 'one' } }),
    set,
    networkSet('one', {}, ['192.0.2.7/32']),
  ])
    calculator.upsert(object);
  t.deepEqual(calculator.partyAt('10.0.1.1'), {
    address: '10.0.1.1',
    endpoint: { namespace: 'demo', name: 'far', labels: { team: 'one', app: 'far' } },
    networkSets: ['wide'],
  });
  t.deepEqual(calculator.partyAt('192.0.2.7').networkSets, ['demo/one', 'wide']);
  t.deepEqual(calculator.partyAt('2001:db8::9').networkSets, ['wide']);
  t.deepEqual(calculator.partyAt('198.51.100.1'), { address: '198.51.100.1' });
  calculator.upsert(globalNetworkSet('wide', {}, ['198.51.100.0/30']));
  t.deepEqual(calculator.partyAt('198.51.100.1').networkSets, ['wide']);
  t.deepEqual(calculator.partyAt('192.0.2.8'), { address: '192.0.2.8' });
  calculator.remove('GlobalNetworkSet', 'wide');
  t.deepEqual(calculator.partyAt('198.51.100.1'), { address: '198.51.100.1' });
});
