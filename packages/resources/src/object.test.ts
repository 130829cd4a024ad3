import test from 'ava';
import { parseObject } from './object.ts';
import { ValidationError } from './validation/validation-error.ts';

/** Issues of a bad object as `path: message` lines. */
function issuesOf(value: unknown): string[] {
  try {
    parseObject(value);
  } catch (error) {
    if (error instanceof ValidationError) return error.issues.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

const policy = (parts: object = {}) => ({ apiVersion: 'weir/v1', kind: 'Policy', metadata: { name: 'web' }, spec: {}, ...parts });

test('defaults are filled in, in the order of the description', (t) => {
  const object = parseObject(policy());
  t.deepEqual<unknown, unknown>(object, {
    apiVersion: 'weir/v1',
    kind: 'Policy',
    metadata: { name: 'web', namespace: 'default', labels: {}, annotations: {} },
    spec: { selector: 'all()', types: ['Ingress'], ingress: [], egress: [] },
  });
  t.deepEqual(Object.keys(object.spec), ['selector', 'types', 'ingress', 'egress']);
  t.deepEqual(Object.keys(object.metadata), ['name', 'namespace', 'labels', 'annotations']);
});

test('parsing what was parsed changes nothing', (t) => {
  const rule = {
    action: 'Allow',
    protocol: 6,
    source: { nets: ['FD00::/8', '10.0.0.1'] },
    destination: { ports: ['80', '8080:8090', 'http'] },
  };
  const once = parseObject(policy({ spec: { order: 10, selector: ' run == "nginx"\n', ingress: [rule], egress: [{ action: 'Deny' }] } }));
  t.deepEqual(parseObject(once), once);
  t.like(once.spec, {
    selector: 'run == "nginx"',
    types: ['Ingress', 'Egress'],
    ingress: [{ protocol: 'TCP', source: { nets: ['fd00::/8', '10.0.0.1/32'] } }],
  });
});

test('the input stays as it was', (t) => {
  const input = policy();
  parseObject(input);
  t.deepEqual(input, policy());
});

test('all issues of an object come at once, with path and value', (t) => {
  const error = t.throws(
    () =>
      parseObject(
        policy({
          metadata: { name: 'Web', lables: {} },
          specs: {},
          spec: { selecter: '', ingress: [{ action: 'allow', source: { ports: ['http', 70000] } }] },
        }),
        { file: 'web.yaml', document: 2 },
      ),
    { instanceOf: ValidationError },
  );
  t.deepEqual(
    error?.issues.map(({ path, value }) => [path, value]),
    [
      ['metadata.name', 'Web'],
      ['metadata.lables', {}],
      ['spec.ingress[0].action', 'allow'],
      ['spec.ingress[0].source.ports[1]', 70000],
      ['spec.ingress[0].source.ports', ['http', 70000]],
      ['spec.selecter', ''],
      ['specs', {}],
    ],
  );
  t.regex(error?.message ?? '', /^web\.yaml, document 2, Policy "Web":\n/);
  t.regex(error?.message ?? '', /metadata\.lables: is no field here; did you mean "labels"\?/);
  t.regex(error?.message ?? '', /spec\.ingress\[0\]\.source\.ports\[1\]: 70000 is no port number: allowed are 1 to 65535/);
});

test('kind and API version: missing, misspelt, of the system next door', (t) => {
  t.regex(issuesOf({ ...policy(), kind: 'Polcy' })[0]!, /^kind: "Polcy" is no kind: did you mean "Policy"\?$/);
  t.regex(issuesOf({ ...policy(), kind: 'IPPool' })[0]!, /did you mean "Pool"/);
  t.regex(issuesOf({ ...policy(), kind: 'NetworkPolicy' })[0]!, /write kind Policy, or apiVersion networking\.k8s\.io\/v1/);
  t.regex(issuesOf({ ...policy(), kind: 'constructor' })[0]!, /is no kind: expected Endpoint, /);
  t.is(issuesOf({}).length, 2);
  t.regex(issuesOf({ ...policy(), apiVersion: 'v1' })[0]!, /^apiVersion: "v1" is not known: expected "weir\/v1".*calicoctl convert/);
  for (const value of [null, 'text', [policy()], 3]) t.regex(issuesOf(value)[0]!, /is no object/);
});

test('names, namespaces and labels', (t) => {
  const labels = { run: 'nginx', 'weir/tier': 'a.b_c-d', web: null };
  t.deepEqual(parseObject(policy({ metadata: { name: 'web', labels } })).metadata.labels, {
    run: 'nginx',
    'weir/tier': 'a.b_c-d',
    web: '',
  });
  t.deepEqual(parseObject(policy({ metadata: { name: 'web', labels: null } })).metadata.labels, {});

  const bad: [object, RegExp][] = [
    [{ name: 'a_b' }, /^metadata\.name: "a_b" is no name/],
    [{ name: '-a' }, /is no name/],
    [{ name: 'a'.repeat(254) }, /is no name/],
    [{}, /^metadata\.name: is missing/],
    [{ name: 7 }, /7 is no name.*write it in quotes: "7"/],
    [{ name: 'a', namespace: 'A' }, /^metadata\.namespace: "A" is no namespace/],
    [{ name: 'a', labels: { version: 1.1 } }, /^metadata\.labels\.version: 1\.1 is no label value.*write it in quotes: "1\.1"/],
    [{ name: 'a', labels: { 'a b': 'c' } }, /^metadata\.labels\["a b"\]: "a b" is no label name/],
    [{ name: 'a', labels: { a: 'b c' } }, /is no label value/],
    [{ name: 'a', labels: JSON.parse('{"__proto__": "x"}') }, /is no label name/],
    [{ name: 'a', labels: ['a'] }, /^metadata\.labels: \["a"\] is no mapping/],
    [{ name: 'a', annotations: { a: {} } }, /^metadata\.annotations\.a: \{\} is no text/],
  ];
  for (const [metadata, message] of bad) t.regex(issuesOf(policy({ metadata })).join('\n'), message);
});

test('cluster-wide kinds have no namespace; Weir names endpoints more freely than people name policies', (t) => {
  const namespace = { apiVersion: 'weir/v1', kind: 'Namespace', metadata: { name: 'shop', namespace: 'x' } };
  t.deepEqual(issuesOf(namespace), ['metadata.namespace: "x" is out of place: this kind belongs to no namespace, leave the field out']);

  const spec = {
    host: 'h',
    containerId: 'P_1.c',
    network: 'weir',
    interfaceName: 'eth0',
    hostInterface: 'weirabc',
    addresses: ['10.0.0.1'],
  };
  const endpoint = parseObject({ apiVersion: 'weir/v1', kind: 'Endpoint', metadata: { name: 'P_1.c-eth0' }, spec });
  t.deepEqual<unknown, unknown>(endpoint.spec, { ...spec, ports: [] });
  t.is(endpoint.metadata.namespace, 'default');
});

test('a field called as a property of every object is unknown all the same', (t) => {
  t.regex(
    issuesOf(JSON.parse('{"apiVersion":"weir/v1","kind":"Namespace","metadata":{"name":"a"},"__proto__":{}}'))[0]!,
    /__proto__: is no field here/,
  );
  t.regex(issuesOf({ ...policy(), toString: 1 })[0]!, /toString: is no field here/);
});
