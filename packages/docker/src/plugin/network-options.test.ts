import test from 'ava';
import { readNetworkOptions } from './network-options.ts';

test("options in the words of a network file, and Docker's own for the MTU", (t) => {
  t.deepEqual(readNetworkOptions({}), { waitForLabels: true });
  const given = { namespace: 'shop', defaultAction: 'Deny', waitForLabels: 'false', 'com.docker.network.driver.mtu': '1400' };
  t.deepEqual(readNetworkOptions(given), { namespace: 'shop', defaultAction: 'Deny', waitForLabels: false, mtu: 1400 });
});

test('what is wrong is named, all of it', (t) => {
  const error = t.throws(() => readNetworkOptions({ defaultAction: 'Maybe', mtu: 'big', colour: 'red' }), { code: 'EREQUEST' });
  for (const name of ['defaultAction', 'mtu', 'colour', 'namespace, defaultAction, waitForLabels, mtu'])
    t.true(error.message.includes(name));
});
