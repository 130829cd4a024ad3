import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os, { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AgentError } from './agent-error.ts';
import { readConfig } from './config.ts';

function fileOf(t: ExecutionContext, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-agent-config-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'agent.yaml');
  writeFileSync(file, content);
  return file;
}

test('an empty file is all defaults: the embedded store, the machine’s name', (t) => {
  const config = readConfig(fileOf(t, ''), {});
  t.is(config.host, hostname().toLowerCase());
  t.is(config.runDir, '/run/weir');
  t.is(config.http, '127.0.0.1:9480');
  t.is(config.store.backend, 'embedded');
});

test.serial('a machine’s name that no host can have is refused at the start, not found in the store by the others', (t) => {
  const own = os.hostname;
  t.teardown(() => {
    os.hostname = own;
    syncBuiltinESMExports();
  });
  const named = (name: string) => {
    os.hostname = () => name;
    syncBuiltinESMExports();
    return () => readConfig(fileOf(t, ''), {}).host;
  };
  t.is(named('Node-1.Example.com')(), 'node-1.example.com');
  t.throws(named('my_host'), { instanceOf: AgentError, code: 'ECONFIG', message: /host: lower-case letters.*the machine's name/ });
  t.is(readConfig(fileOf(t, 'host: h1'), {}).host, 'h1');
});

test('the store section is the command line’s', (t) => {
  const config = readConfig(fileOf(t, 'store: {backend: etcd, etcd: {endpoints: ["http://10.0.0.1:2379"]}}'), {});
  t.like(config.store, { backend: 'etcd', endpoints: ['http://10.0.0.1:2379'] });
});

test('each wrong field is named, with what is allowed', (t) => {
  const file = fileOf(t, 'host: "A B"\nhttp: everywhere\nloglevel: info\nmarathon: { urls: http://m:8080 }\n');
  const error = t.throws(() => readConfig(file, {}), { instanceOf: AgentError, code: 'ECONFIG' });
  for (const part of [
    file,
    'host: lower-case letters',
    'http: address:port',
    'loglevel: is no field here; did you mean "logLevel"?',
    'marathon.urls: "http://m:8080" is not allowed: expected a list',
  ])
    t.true(error.message.includes(part), part);
});

test('a wrong store setting is a fault of the configuration, too', (t) => {
  const file = fileOf(t, 'store: {backend: etdc}');
  t.throws(() => readConfig(file, {}), { instanceOf: AgentError, code: 'ECONFIG', message: /store\.backend.*must be embedded or etcd/ });
});

test('a file that is not there, and YAML that is none, are told with the path', (t) => {
  t.throws(() => readConfig('/nonexistent/agent.yaml', {}), { code: 'ECONFIG', message: /\/nonexistent\/agent\.yaml/ });
  const file = fileOf(t, 'host: [');
  t.throws(() => readConfig(file, {}), { code: 'ECONFIG', message: /agent\.yaml/ });
});

test('flannel: in the etcd of the store, or in one of its own; there is none in the embedded store', (t) => {
  const etcd = 'etcd: {endpoints: ["http://10.0.0.1:2379"]}';
  t.like(readConfig(fileOf(t, `store: {backend: etcd, ${etcd}}\nflannel: {}`), {}).flannel, {
    store: { endpoints: ['http://10.0.0.1:2379'] },
    prefix: '/coreos.com/network',
  });
  const other = readConfig(fileOf(t, `flannel: {${etcd}, prefix: /net, subnetFile: /run/flannel/subnet.env}`), {
    WEIR_ETCD_ENDPOINTS: 'http://10.9.9.9:2379',
  });
  t.like(other.flannel, { store: { endpoints: ['http://10.0.0.1:2379'] }, prefix: '/net', subnetFile: '/run/flannel/subnet.env' });
  t.throws(() => readConfig(fileOf(t, 'store: {backend: embedded}\nflannel: {}'), {}), {
    code: 'ECONFIG',
    message: /flannel\.etcd: is missing/,
  });
  t.throws(() => readConfig(fileOf(t, `flannel: {${etcd}, prefix: net/}`), {}), {
    code: 'ECONFIG',
    message: /flannel\.prefix: begins with/,
  });
});

test('remoteClusters: each in an etcd of its own, whatever the environment says of this cluster’s', (t) => {
  const environment = { WEIR_ETCD_ENDPOINTS: 'https://10.9.9.9:2379', WEIR_ETCD_CA_FILE: '/etc/weir/ca.pem' };
  const read = (text: string) => readConfig(fileOf(t, text), environment).remoteClusters;
  t.is(read(''), undefined);
  const stores = read('remoteClusters: {east: {etcd: {endpoints: ["https://10.0.0.1:2379"]}}}');
  t.like(stores?.get('east'), {
    backend: 'etcd',
    endpoints: ['https://10.0.0.1:2379'],
    caFile: undefined,
  });
  t.throws(() => read('remoteClusters: {east: {etcd: {endpoint: x}}}'), { code: 'ECONFIG', message: /remoteClusters\.east\.etcd/ });
  t.throws(() => read('remoteClusters: {east: {etcd: {}}}'), { code: 'ECONFIG', message: /remoteClusters\.east\.etcd/ });
  t.throws(() => read('remoteClusters: {east: {}}'), { code: 'ECONFIG', message: /remoteClusters\.east\.etcd/ });
});
