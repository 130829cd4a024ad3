import test from 'ava';
import fc from 'fast-check';
import { API_VERSION, parseObject } from './object.ts';
import { parseEndpoint } from './parse-endpoint.ts';

/** Few values of each, so that endpoints have much in common; some are wrong. */
const someEndpoint = fc
  .record({
    name: fc.constantFrom('a-eth0', 'b-eth0', 'b eth0'),
    namespace: fc.constantFrom('shop', 'default', 'No'),
    labels: fc.constantFrom({ run: 'nginx', app: 'web' }, {}, { run: 'not a value' }),
    annotations: fc.option(fc.constant({ note: 'any text' }), { nil: undefined }),
    containerId: fc.constantFrom('a', 'b', ''),
    hostInterface: fc.constantFrom('weir1', 'weir2', 'far too long for a link'),
    addresses: fc.constantFrom(['10.0.0.1'], ['10.0.0.2', 'FD00::2'], ['10.0.0.256'], []),
    mac: fc.constantFrom('02:00:5E:10:00:01', 'no', undefined),
    addressSpace: fc.constantFrom('Own', 'Shared', undefined),
    hostPorts: fc.constantFrom(undefined, [{ hostIP: '::', hostPort: 80, containerPort: 80, protocol: 'TCP' }]),
    unknown: fc.constantFrom(undefined, undefined, 1),
  })
  .map(({ name, namespace, labels, annotations, unknown, ...spec }) => ({
    metadata: { name, namespace, labels, ...(annotations && { annotations }), ...(unknown && { unknown }) },
    spec: withoutUndefined({ host: 'agent-1', network: 'net', interfaceName: 'eth0', ...spec }),
  }));

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}

test('what has much in common with what was checked before comes out as if each was checked alone, and is refused with the same words', (t) => {
  fc.assert(
    fc.property(fc.array(someEndpoint, { minLength: 2, maxLength: 20 }), (endpoints) => {
      for (const endpoint of endpoints) {
        const alone = () => parseObject({ apiVersion: API_VERSION, kind: 'Endpoint', ...endpoint });
        const [one, other] = [alone, () => parseEndpoint(endpoint)].map((parse) => {
          try {
            return parse();
          } catch (error) {
            return (error as Error).message;
          }
        });
        t.deepEqual(other, one);
      }
    }),
  );
});
