import type { Flow } from '@weir/kernel';
import test from 'ava';
import { isForbidden, type Suspects } from './forbidden-flows.ts';

function flow(source: string, destination: string, destinationPort: number): Flow {
  return {
    version: 4,
    protocol: 6,
    original: { source, destination, sourcePort: 40000, destinationPort },
    reply: { source: destination, destination: source, sourcePort: destinationPort, destinationPort: 40000 },
    mark: 0,
    id: destinationPort,
  };
}

const flows = [flow('10.0.0.1', '10.0.0.2', 80), flow('10.0.0.1', '10.0.0.2', 22), flow('10.0.0.3', '10.0.0.4', 22)];
const denySsh = (judged: { destinationPort?: number }): boolean => judged.destinationPort !== 22;
const none = new Set<string>();
const forbiddenFlows = (tracked: Flow[], suspects: Suspects, isAllowed: (judged: { destinationPort?: number }) => boolean): Flow[] =>
  tracked.filter((one) => isForbidden(one, suspects, isAllowed));

test('only what policy denies is cut, of endpoints that lost something', (t) => {
  t.deepEqual(forbiddenFlows(flows, { narrowed: new Set(['10.0.0.2']), gone: none }, denySsh), [flows[1]]);
});

test('an endpoint is looked at as the end that began the flow, too', (t) => {
  t.deepEqual(forbiddenFlows(flows, { narrowed: new Set(['10.0.0.3']), gone: none }, denySsh), [flows[2]]);
});

test('flows of an address that was given back are cut, whatever policy says', (t) => {
  t.deepEqual(
    forbiddenFlows(flows, { narrowed: none, gone: new Set(['10.0.0.2']) }, () => true),
    [flows[0], flows[1]],
  );
});
