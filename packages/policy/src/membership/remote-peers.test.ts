import { type AnyObject, parseObject } from '@weir/resources';
import test from 'ava';
import { PolicyCalculator } from '../calculator.ts';

const object = (kind: string, metadata: object, spec: object): AnyObject => parseObject({ apiVersion: 'weir/v1', kind, metadata, spec });
const EAST = object('RemoteCluster', { name: 'east' }, { cidrs: ['10.9.0.0/16'] });
const remote = (labels: object, addresses = ['10.9.0.1'], cluster = 'east') =>
  object('RemoteEndpoint', { name: `${cluster}_web-eth0`, namespace: 'shop', labels }, { cluster, host: 'h1', addresses });
const SERVER = object(
  'Endpoint',
  { name: 'server', namespace: 'shop', labels: { app: 'server' } },
  { host: 'h1', containerId: 's', network: 'weir', interfaceName: 'eth0', hostInterface: 'weirserver', addresses: ['10.64.0.1'] },
);
const allowing = (source: object, name = 'p') =>
  object(
    'Policy',
    { name, namespace: 'shop' },
    { selector: 'app == "server"', types: ['Ingress'], ingress: [{ action: 'Allow', source }] },
  );

function calculator(...objects: AnyObject[]): PolicyCalculator {
  const made = new PolicyCalculator({ host: 'h1' });
  for (const one of [EAST, SERVER, ...objects]) made.upsert(one);
  return made;
}

const comesIn = (at: PolicyCalculator, source = '10.9.0.1') =>
  at.decide({ source, destination: '10.64.0.1', protocol: 'TCP', sourcePort: 40_000, destinationPort: 80 }).verdict === 'Allow';

test('a rule that names the cluster takes its endpoints by their labels, of the namespace of that name', (t) => {
  const made = calculator(remote({ app: 'web' }), allowing({ selector: 'weir/cluster == "east" && app == "web"' }));
  t.true(comesIn(made));
  t.false(comesIn(made, '10.9.0.2'));
  made.upsert(remote({ app: 'other' }));
  t.false(comesIn(made));
  made.upsert(remote({ app: 'web' }));
  t.true(comesIn(made));
  made.remove('RemoteEndpoint', 'east_web-eth0', 'shop');
  t.false(comesIn(made));
});

test('rules that do not name it never mean its endpoints, whatever labels these have', (t) => {
  for (const source of [
    { selector: 'app == "web"' },
    { selector: 'all()' },
    { selector: 'app != "server"' },
    { namespaceSelector: 'all()' },
    { selector: 'all()', namespaceSelector: 'kubernetes.io/metadata.name == "shop"' },
  ])
    t.false(comesIn(calculator(remote({ app: 'web' }), allowing(source))), JSON.stringify(source));
  t.true(comesIn(calculator(remote({ app: 'web' }), allowing({ notSelector: 'app == "web"' }))), 'it is an address like any other');
});

test('its namespaces are those of this cluster by name, with the labels that these have here', (t) => {
  const source = { selector: 'has(weir/cluster)', namespaceSelector: 'zone == "inner"' };
  const made = calculator(remote({ app: 'web' }), allowing(source));
  t.false(comesIn(made));
  made.upsert(object('Namespace', { name: 'shop', labels: { zone: 'inner' } }, { labelsToApply: { tier: 'gold' } }));
  t.true(comesIn(made));
  made.upsert(allowing({ selector: 'has(weir/cluster) && tier == "gold"' }));
  t.false(comesIn(made), "what its endpoints' labels are, its own cluster says");
});

test('at addresses that its RemoteCluster declares alone, and that are no other’s', (t) => {
  const rule = allowing({ selector: 'has(weir/cluster)' });
  const made = calculator(rule, remote({}, ['10.9.0.1', '10.10.0.1', '8.8.8.8']));
  t.deepEqual(
    ['10.9.0.1', '10.10.0.1', '8.8.8.8'].map((address) => comesIn(made, address)),
    [true, false, false],
  );
  made.upsert(object('RemoteCluster', { name: 'east' }, { cidrs: ['10.10.0.0/16'] }));
  t.deepEqual(
    ['10.9.0.1', '10.10.0.1', '8.8.8.8'].map((address) => comesIn(made, address)),
    [false, true, false],
  );
  made.upsert(object('Pool', { name: 'own' }, { cidr: '10.10.0.0/24' }));
  t.false(comesIn(made, '10.10.0.1'), 'a pool here has it');
  made.upsert(object('Pool', { name: 'own' }, { cidr: '10.10.0.0/24', network: 'tenant' }));
  t.true(comesIn(made, '10.10.0.1'), 'that address of the tenant is another one');
  made.upsert(object('RemoteCluster', { name: 'west' }, { cidrs: ['10.10.0.0/20'] }));
  t.false(comesIn(made, '10.10.0.1'), 'two clusters declare it');
  made.remove('RemoteCluster', 'west');
  t.true(comesIn(made, '10.10.0.1'));
  made.remove('RemoteCluster', 'east');
  t.false(comesIn(made, '10.10.0.1'), 'without the cluster there is none of its endpoints');
});

test('nobody here passes for an endpoint of another cluster', (t) => {
  const forged = object(
    'Endpoint',
    { name: 'forger', namespace: 'shop', labels: { 'weir/cluster': 'east' } },
    { host: 'h2', containerId: 'f', network: 'weir', interfaceName: 'eth0', hostInterface: 'weirf', addresses: ['10.64.0.2'] },
  );
  const set = object('NetworkSet', { name: 'forged', namespace: 'shop', labels: { 'weir/cluster': 'east' } }, { nets: ['10.64.0.3/32'] });
  const namespace = object('Namespace', { name: 'shop' }, { labelsToApply: { 'weir/cluster': 'east' } });
  const made = calculator(forged, set, namespace, allowing({ selector: 'weir/cluster == "east"' }));
  t.false(comesIn(made, '10.64.0.2'));
  t.false(comesIn(made, '10.64.0.3'));
});

test('to an own namespace’s default its endpoints are strangers', (t) => {
  const made = calculator(remote({}), object('Namespace', { name: 'shop' }, { defaultAction: 'SameNamespace' }));
  t.false(comesIn(made));
});

test('its containers are told of with their cluster, and reached under the source that containers have', (t) => {
  const made = calculator(remote({ app: 'web' }));
  t.like(made.partyAt('10.9.0.1').endpoint, { namespace: 'shop', name: 'east_web-eth0', labels: { app: 'web', 'weir/cluster': 'east' } });
  const elements = [...made.flush().set.keys()].filter((key) => key.includes('clusters'));
  t.deepEqual(elements, ['element/clusters4/10.9.0.0-10.9.255.255']);
  made.remove('RemoteCluster', 'east');
  t.true(made.flush().delete.has(elements[0]!));
});

test('a network with its own address space knows of none', (t) => {
  const made = new PolicyCalculator({ host: 'h1', space: 'tenant' });
  for (const one of [EAST, remote({})]) made.upsert(one);
  t.is(made.partyAt('10.9.0.1').endpoint, undefined);
});
