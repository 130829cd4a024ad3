import test from 'ava';
import { resolveStoreOptions, type StoreOptionSources } from './store-options.ts';

const resolve = (sources: Partial<StoreOptionSources>) => resolveStoreOptions({ env: {}, ...sources });
const file = (store: unknown) => ({ path: '/etc/weir/agent.yaml', store });

test('by default, the embedded store', (t) => {
  t.deepEqual(resolve({}), { backend: 'embedded', path: '/var/lib/weir/weir.db', timeoutMilliseconds: 5000 });
  t.deepEqual(resolve({ env: { WEIR_STORE: '', WEIR_STORE_PATH: '/tmp/a.db' } }), {
    backend: 'embedded',
    path: '/tmp/a.db',
    timeoutMilliseconds: 5000,
  });
});

test('flags before WEIR_ before ETCDCTL_ before the file', (t) => {
  const configFile = file({ backend: 'etcd', timeout: 2, etcd: { endpoints: ['file:1'], caFile: '/file', user: 'file:file' } });
  const etcdctl = { ETCDCTL_ENDPOINTS: 'https://etcdctl:1', ETCDCTL_CACERT: '/etcdctl', ETCDCTL_USER: 'etcdctl:pass:word' };
  const weir = { WEIR_ETCD_ENDPOINTS: 'weir:1, weir:2', WEIR_ETCD_CA_FILE: '/weir', WEIR_ETCD_USER: 'weir:weir', WEIR_STORE_TIMEOUT: '3' };
  const flags = {
    'etcd-endpoints': ['https://flag:1/'],
    'etcd-ca-file': '/flag',
    'etcd-user': 'flag',
    'etcd-password-file': '/secret',
    other: 1,
  };
  const expected = (endpoints: string[], caFile: string, username: string, password: object, timeoutMilliseconds: number) => ({
    backend: 'etcd',
    endpoints,
    caFile,
    certFile: undefined,
    keyFile: undefined,
    username,
    password,
    timeoutMilliseconds,
  });
  t.deepEqual(resolve({ configFile }) as object, expected(['https://file:1'], '/file', 'file', { text: 'file' }, 2000));
  t.deepEqual(
    resolve({ configFile, env: etcdctl }) as object,
    expected(['https://etcdctl:1'], '/etcdctl', 'etcdctl', { text: 'pass:word' }, 2000),
  );
  t.deepEqual(
    resolve({ configFile, env: { ...etcdctl, ...weir } }) as object,
    expected(['https://weir:1', 'https://weir:2'], '/weir', 'weir', { text: 'weir' }, 3000),
  );
  t.deepEqual(
    resolve({ configFile, env: { ...etcdctl, ...weir }, flags }) as object,
    expected(['https://flag:1'], '/flag', 'flag', { file: '/secret' }, 3000),
  );
});

test('who names a place means the store that is there, whatever a source that counts for less says of its kind', (t) => {
  const configFile = file({ backend: 'embedded', path: '/var/lib/weir/weir.db' });
  t.like(resolve({ configFile, flags: { 'etcd-endpoints': 'flag:1' } }), { backend: 'etcd', endpoints: ['http://flag:1'] });
  t.like(resolve({ configFile, env: { WEIR_ETCD_ENDPOINTS: 'weir:1' } }), { backend: 'etcd', endpoints: ['http://weir:1'] });
  const etcd = file({ backend: 'etcd', etcd: { endpoints: ['file:1'] } });
  t.like(resolve({ configFile: etcd, flags: { 'store-path': '/copy.db' } }), { backend: 'embedded', path: '/copy.db' });
  t.like(resolve({ configFile: etcd, env: { WEIR_STORE_PATH: '/copy.db' } }), { backend: 'embedded', path: '/copy.db' });
  t.like(resolve({ configFile, env: { WEIR_STORE_PATH: '/a.db' }, flags: { store: 'etcd', 'etcd-endpoints': 'flag:1' } }), {
    backend: 'etcd',
  });
  t.like(resolve({ env: { WEIR_STORE: 'embedded' }, flags: { 'etcd-endpoints': 'flag:1' } }), { backend: 'etcd' });
});

test("etcd is chosen by name or by Weir's own endpoints, not by etcdctl's", (t) => {
  t.is(resolve({ env: { ETCDCTL_ENDPOINTS: '127.0.0.1:2379' } }).backend, 'embedded');
  t.like(resolve({ env: { ETCDCTL_ENDPOINTS: '127.0.0.1:2379', WEIR_STORE: 'etcd' } }), { endpoints: ['http://127.0.0.1:2379'] });
  t.like(resolve({ env: { WEIR_ETCD_ENDPOINTS: '[::1]:2379' } }), { backend: 'etcd', endpoints: ['http://[::1]:2379'] });
  t.like(resolve({ env: { WEIR_ETCD_ENDPOINTS: 'a:1', WEIR_ETCD_CERT_FILE: '/c', WEIR_ETCD_KEY_FILE: '/k' } }), {
    endpoints: ['https://a:1'],
  });
});

const refusals: [string, Partial<StoreOptionSources>, RegExp][] = [
  ['a backend that is none', { env: { WEIR_STORE: 'redis' } }, /WEIR_STORE: "redis": must be embedded or etcd/],
  ['a relative path', { flags: { 'store-path': 'weir.db' } }, /flag --store-path: "weir.db": must be an absolute path/],
  ['an endpoint without port', { env: { WEIR_ETCD_ENDPOINTS: 'etcd.example' } }, /WEIR_ETCD_ENDPOINTS: "etcd.example": must be host:port/],
  ['no endpoints', { env: { WEIR_STORE: 'etcd' } }, /needs endpoints/],
  ['mixed schemes', { env: { WEIR_ETCD_ENDPOINTS: 'http://a:1,https://b:1' } }, /mix http and https/],
  ['TLS files without TLS', { env: { WEIR_ETCD_ENDPOINTS: 'http://a:1', ETCDCTL_CACERT: '/ca' } }, /http:\/\/ would not use them/],
  ['a certificate without key', { env: { WEIR_ETCD_ENDPOINTS: 'a:1', WEIR_ETCD_CERT_FILE: '/c' } }, /needs both/],
  ['a user without password', { env: { WEIR_ETCD_ENDPOINTS: 'a:1', WEIR_ETCD_USERNAME: 'u' } }, /needs a password/],
  ['a password without user', { env: { WEIR_ETCD_ENDPOINTS: 'a:1', WEIR_ETCD_PASSWORD: 'p' } }, /needs a user/],
  ['an unknown field', { configFile: file({ endpoint: 'a:1' }) }, /agent\.yaml: store: .*endpoint/],
  ['a bad field', { configFile: file({ backend: 'etcd', etcd: { endpoints: [1] } }) }, /agent\.yaml: store\.etcd\.endpoints: \[1\]/],
  ['a timeout that is no number', { env: { WEIR_STORE_TIMEOUT: 'soon' } }, /WEIR_STORE_TIMEOUT: "soon": must be a number of seconds/],
];
for (const [what, sources, message] of refusals) {
  test(`refused, with its source: ${what}`, (t) => {
    t.throws(() => resolve(sources), { name: 'StoreError', code: 'EINVAL', message });
  });
}

test('no message tells a password', (t) => {
  const error = t.throws(() =>
    resolve({
      configFile: file({ backend: 'etcd', etcd: { endpoints: 'a:1', username: 'u', password: 12_345_678 } }),
      env: { WEIR_ETCD_CA_FILE: 'x' },
    }),
  );
  t.false(error!.message.includes('12345678'));
  t.regex(error!.message, /store\.etcd\.password/);
});
