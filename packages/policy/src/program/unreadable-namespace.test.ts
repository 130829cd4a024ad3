import type { ObjectId } from '@weir/resources';
import test from 'ava';
import { PolicyCalculator } from '../calculator.ts';
import { endpoint, globalPolicy, namespaceObject, networkSet } from '../test-support/objects.ts';

const LISTS: ObjectId = { kind: 'Namespace', name: 'lists' };
const lists = namespaceObject('lists', { team: 'security' });

test('a network set of a namespace that becomes unreadable does not drop out of a rule that forbids', (t) => {
  const calculator = new PolicyCalculator({ host: 'here' });
  const forbidden = { selector: "list == 'blocked'", namespaceSelector: "team == 'security'" };
  for (const object of [
    lists,
    networkSet('blocked', { list: 'blocked' }, ['203.0.113.0/24'], 'lists'),
    endpoint('web', { app: 'web' }, { addresses: ['10.0.0.1'] }),
    endpoint('other', {}, { addresses: ['10.0.0.2'] }),
    globalPolicy('closed', { selector: "app == 'web'", ingress: [{ action: 'Deny', source: forbidden }, { action: 'Allow' }] }),
    globalPolicy('open', { selector: '!has(app)', ingress: [{ action: 'Allow' }] }),
  ])
    calculator.upsert(object);
  const verdicts = () =>
    [
      ['203.0.113.9', '10.0.0.1'],
      ['198.51.100.1', '10.0.0.1'],
      ['203.0.113.9', '10.0.0.2'],
    ].map(([source, destination]) => {
      const flow = { source: source!, destination: destination!, protocol: 6, sourcePort: 1024, destinationPort: 80 };
      return calculator.decide(flow).verdict;
    });
  t.deepEqual(verdicts(), ['Deny', 'Allow', 'Allow']);
  calculator.upsertInvalid(LISTS, { metadata: { name: 'lists', labels: { team: 'security' } }, spec: { sellector: 1 } });
  t.deepEqual(verdicts(), ['Deny', 'Allow', 'Allow'], 'its labels can be read');
  for (const value of ['no JSON', { metadata: { labels: { team: 1 } } }]) {
    calculator.upsertInvalid(LISTS, value);
    t.deepEqual(verdicts(), ['Deny', 'Deny', 'Allow'], 'nobody knows whether it is meant: who forbids by labels of namespaces is closed');
  }
  calculator.upsert(lists);
  t.deepEqual(verdicts(), ['Deny', 'Allow', 'Allow']);
});
