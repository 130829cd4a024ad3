import { readFileSync } from 'node:fs';
import test from 'ava';
import { parseDocuments } from './documents.ts';
import { ValidationError } from './validation/validation-error.ts';

const POOL = 'apiVersion: weir/v1\nkind: Pool\nmetadata: {name: main}\nspec: {cidr: 10.0.0.0/16}\n';

/** As in the talk that the project grew from. */
const ACCESS_NGINX = `kind: NetworkPolicy
apiVersion: extensions/v1beta1
metadata:
  name: access-nginx
  namespace: policy-demo
spec:
  podSelector:
    matchLabels:
      run: nginx
  ingress:
    - from:
      - podSelector:
          matchLabels:
            run: access
`;

function failure(text: string, file?: string, options = {}): ValidationError {
  try {
    parseDocuments(text, file, options);
  } catch (error) {
    if (error instanceof ValidationError) return error;
    throw error;
  }
  throw new Error('expected a ValidationError');
}

test('several documents, empty ones skipped, a Kubernetes NetworkPolicy among them', (t) => {
  const parsed = parseDocuments(`# heading\n---\n${POOL}---\n---\n~\n---\n${ACCESS_NGINX}`, 'all.yaml');
  t.deepEqual(
    parsed.map(({ object, origin }) => [object.kind, object.metadata.name, origin.file]),
    [
      ['Pool', 'main', 'all.yaml'],
      ['Policy', 'access-nginx', 'all.yaml'],
    ],
  );
  t.deepEqual(parseDocuments(''), []);
  t.deepEqual(parseDocuments('# nothing\n'), []);
});

test('JSON is read as well, and a List of any API version', (t) => {
  const pool = { apiVersion: 'weir/v1', kind: 'Pool', metadata: { name: 'main' }, spec: { cidr: '10.0.0.0/16' } };
  t.is(parseDocuments(JSON.stringify(pool, null, '\t')).length, 1);
  const list = parseDocuments(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [pool, { ...pool, metadata: { name: 'b' } }] }));
  t.deepEqual(
    list.map(({ object, origin }) => [object.metadata.name, origin]),
    [
      ['main', { document: 1, item: 0 }],
      ['b', { document: 1, item: 1 }],
    ],
  );
});

test('issues of all documents at once, each with its line', (t) => {
  const error = failure(`${POOL}---\n${POOL.replace('/16', '/12').replace('10.0', '10.1')}---\nkind: Polcy\n---\n- 1\n`, 'all.yaml');
  t.deepEqual(
    error.issues.map(({ path, line, origin }) => [path, line, origin?.document]),
    [
      ['spec.cidr', 9, 2],
      ['apiVersion', 11, 3],
      ['kind', 11, 3],
      ['', 13, 4],
    ],
  );
  t.is(
    error.message.split('\n')[0],
    'all.yaml, document 2, Pool "main": line 9: spec.cidr: "10.1.0.0/12" has host bits set: write "10.0.0.0/12" for the block, or "10.1.0.0/32" for the address',
  );
});

test('lines within lists, odd keys and Kubernetes objects', (t) => {
  const text = `kind: List
items:
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: {name: a}
  spec:
    podSelector:
      matchLabels:
        "run it": nginx
    ingress:
    - ports:
      - protocol: UDP
        port: 0
`;
  const error = failure(text);
  t.deepEqual(
    error.issues.map(({ path, line, origin }) => [path, line, origin?.item]),
    [
      ['spec.podSelector.matchLabels["run it"]', 9, 0],
      ['spec.ingress[0].ports[0].port', 13, 0],
    ],
  );
});

test('an entry of a list has its own line; a field that is missing, that of the mapping that lacks it', (t) => {
  const error = failure('apiVersion: weir/v1\nkind: NetworkSet\nmetadata:\n  labels: {}\nspec:\n  nets:\n  - 10.0.0.0/8\n  - 10.0.0.1/8\n');
  t.deepEqual(
    error.issues.map(({ path, line }) => [path, line]),
    [
      ['metadata.name', 3],
      ['spec.nets[1]', 8],
    ],
  );
});

test('text that is no YAML names line and column, and the other documents are still checked', (t) => {
  const error = failure('a: b: c\n---\nkind: Pool\nkind: Pool\n---\nx: [1\n', 'bad.yaml');
  t.deepEqual(
    error.issues.map(({ line, origin }) => [line, origin?.document]),
    [
      [1, 1],
      [4, 2],
      [7, 3],
    ],
  );
  t.regex(error.message, /^bad\.yaml, document 1:\n {2}line 1: column 4: not valid YAML or JSON: Nested mappings/);
  t.regex(error.message, /Map keys must be unique/);
  t.regex(failure('{"kind": "Pool",,}', 'bad.json').message, /bad\.json, document 1:\n {2}line 1: column 17: not valid YAML or JSON/);
});

test('aliases that blow up are refused', (t) => {
  const row = (name: string, of: string) => `${name}: &${name} [${Array(10).fill(of).join(', ')}]\n`;
  t.regex(
    failure(row('a', 'x') + row('b', '*a') + row('c', '*b') + row('d', '*c')).message,
    /not valid YAML or JSON: Excessive alias count/,
  );
});

test('a List without items is told', (t) => {
  t.regex(failure('kind: List\n').message, /^document 1, List: items: is missing: expected a list of objects$/);
});

test('namespace option: for objects that name none, and against those that name another', (t) => {
  const set = 'apiVersion: weir/v1\nkind: NetworkSet\nmetadata: {name: a}\nspec: {nets: []}\n';
  t.is(parseDocuments(set, undefined, { namespace: 'shop' })[0]?.object.metadata.namespace, 'shop');
  t.is(parseDocuments(set)[0]?.object.metadata.namespace, 'default');
  t.is(parseDocuments(POOL, undefined, { namespace: 'shop' })[0]?.object.metadata.namespace, undefined);
  t.is(parseDocuments(ACCESS_NGINX, undefined, { namespace: 'policy-demo' })[0]?.object.metadata.namespace, 'policy-demo');
  t.regex(
    failure(ACCESS_NGINX, 'a.yaml', { namespace: 'shop' }).message,
    /line 5: metadata\.namespace: "policy-demo" is not the namespace asked for: expected "shop"$/,
  );
});

test('the two forms of one policy in the README are one policy', (t) => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [kubernetes, weir] = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => parseDocuments(text)[0]?.object);
  t.is(weir?.kind, 'Policy');
  t.deepEqual(kubernetes, weir);
});
