import { type AnyObject, type Endpoint, type GlobalPolicy, type Namespace, type Policy, parseObject, type Service } from '@weir/resources';
import test from 'ava';
import { describe } from './describe.ts';

const object = <T extends AnyObject>(value: object) => parseObject({ apiVersion: 'weir/v1', ...value }) as T;
const endpoint = (namespace: string, labels: Record<string, string>) =>
  object<Endpoint>({
    kind: 'Endpoint',
    metadata: { name: 'c1-eth0', namespace, labels },
    spec: { host: 'h1', containerId: 'c1', network: 'weir', interfaceName: 'eth0', hostInterface: 'weir1', addresses: ['10.77.0.1'] },
  });
const fieldOf = (text: string, name: string) => new RegExp(`^${name}: +(.*)$`, 'm').exec(text)?.[1];

test('rules are put in words, and numbered', (t) => {
  const ingress = [{ action: 'Log' }, { action: 'Allow', source: { selector: 'has(a)' } }];
  const policy = object<Policy>({ kind: 'Policy', metadata: { name: 'web', namespace: 'shop' }, spec: { ingress } });
  const text = describe(policy, { endpoints: [], policies: [], namespaces: [] });
  t.is(fieldOf(text, 'Ingress'), '[0] Log everything');
  t.regex(text, /^ +\[1\] Allow everything from endpoints with has\(a\) in namespace shop$/m);
});

test('a global policy selects by namespace too, whether the namespace has an object or not', (t) => {
  const policy = (namespaceSelector: string) =>
    object<GlobalPolicy>({ kind: 'GlobalPolicy', metadata: { name: 'g' }, spec: { selector: "run == 'web'", namespaceSelector } });
  const namespaces = [object<Namespace>({ kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'a' } } })];
  const selected = (selector: string, namespace: string, labels: Record<string, string>) =>
    fieldOf(describe(policy(selector), { endpoints: [endpoint(namespace, labels)], policies: [], namespaces }), 'Selects') !== '<none>';
  t.true(selected("team == 'a'", 'shop', { run: 'web' }));
  t.false(selected("team == 'a'", 'shop', { run: 'db' }));
  t.false(selected("team == 'a'", 'other', { run: 'web' }));
  t.true(selected("kubernetes.io/metadata.name == 'other'", 'other', { run: 'web' }));
});

test('without policy the defaults of the network and of the namespace hold, and Deny wins', (t) => {
  const namespaces = [object<Namespace>({ kind: 'Namespace', metadata: { name: 'shop' }, spec: { defaultAction: 'Deny' } })];
  const own = endpoint('shop', {});
  t.is(fieldOf(describe(own, { endpoints: [], policies: [], namespaces: [] }), 'Ingress by'), '<none>: Allow by default');
  t.is(fieldOf(describe(own, { endpoints: [], policies: [], namespaces }), 'Ingress by'), '<none>: Deny by default');
  const open = { ...own, spec: { ...own.spec, defaultAction: 'Allow' as const } };
  t.is(fieldOf(describe(open, { endpoints: [], policies: [], namespaces }), 'Egress by'), '<none>: Deny by default');
  const inner = [object<Namespace>({ kind: 'Namespace', metadata: { name: 'shop' }, spec: { defaultIngress: 'SameNamespace' } })];
  t.is(fieldOf(describe(own, { endpoints: [], policies: [], namespaces: inner }), 'Ingress by'), '<none>: SameNamespace by default');
  t.is(fieldOf(describe(own, { endpoints: [], policies: [], namespaces: inner }), 'Egress by'), '<none>: Allow by default');
});

test('host ports are shown with the address that they are bound to', (t) => {
  const tcp = { hostPort: 31000, containerPort: 80, protocol: 'TCP' as const };
  const own = endpoint('shop', {});
  const hostPorts = [tcp, { ...tcp, hostIP: '192.0.2.17' }, { ...tcp, protocol: 'UDP' as const, hostIP: '2001:db8::17' }];
  const text = (spec: Endpoint['spec']) => describe({ ...own, spec }, { endpoints: [], policies: [], namespaces: [] });
  t.is(fieldOf(text(own.spec), 'Host ports'), '<none>');
  t.regex(
    text({ ...own.spec, hostPorts }),
    /Host ports: +TCP 31000 -> 80\n +TCP 192\.0\.2\.17:31000 -> 80\n +UDP \[2001:db8::17\]:31000 -> 80\n/,
  );
});

test('a service and its backends tell of each other', (t) => {
  const service = {
    ...object<Service>({
      kind: 'Service',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { selector: "run == 'web'", ports: [{ name: 'http', port: 80, targetPort: 'http', hostPort: 30080 }] },
    }),
    status: { addresses: ['11.0.0.7'] },
  };
  const own = endpoint('shop', { run: 'web' });
  const text = describe(service, { endpoints: [own, endpoint('other', { run: 'web' })], policies: [], namespaces: [] });
  t.is(fieldOf(text, 'Addresses'), '11.0.0.7');
  t.is(fieldOf(text, 'Ports'), 'http 80->http/TCP host 30080');
  t.regex(text, /Backends: +1 of 1 ready\n +10\.77\.0\.1 {2}ready, no port "http" {2}c1-eth0 on h1\n/);
  const around = { endpoints: [], policies: [], namespaces: [], services: [service] };
  t.is(fieldOf(describe(own, around), 'Services'), 'shop/web');
  t.is(
    fieldOf(describe({ ...own, spec: { ...own.spec, ready: false } }, around), 'Services'),
    'shop/web, which leads nobody to it: it is not ready',
  );
  t.is(fieldOf(describe(endpoint('shop', { run: 'db' }), around), 'Services'), undefined);
});
