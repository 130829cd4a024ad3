import test from 'ava';
import { endpoint, host, lines, POLICY, POOL, Weir } from '../testing/weir.ts';

test('what a policy, an endpoint and a host have to do with each other', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY });
  const web = endpoint('c1', { run: 'web' }, { on: 'h1', address: '10.77.0.1' });
  const client = endpoint('c2', { run: 'client' }, { on: 'h1', address: '10.77.0.2' });
  await weir.seed(host('h1', '172.16.0.1'), web, client);
  t.is(
    await weir.ok(t, ['describe', 'policy', 'web', '-n', 'shop']),
    lines(
      'Name:          web',
      'Namespace:     shop',
      'Kind:          Policy',
      'Labels:        <none>',
      'Annotations:   <none>',
      'Status:        in force',
      'Tier:          default',
      'Order:         last',
      'Asked:         1 of 1 in the tier',
      "Selector:      run == 'web'",
      'Types:         Ingress',
      "Ingress:       [0] Allow TCP from endpoints with run == 'client' in namespace shop to port 80 or 8000-8080",
      'Selects:       shop/c1-eth0 on h1, 10.77.0.1 (run=web)',
    ),
  );
  t.is(
    await weir.ok(t, ['describe', 'endpoint', 'c1-eth0', 'c2-eth0', '-n', 'shop']),
    lines(
      'Name:          c1-eth0',
      'Namespace:     shop',
      'Kind:          Endpoint',
      'Labels:        run=web',
      'Annotations:   <none>',
      'Host:          h1, whose agent is down',
      'Container:     c1',
      'Network:       weir',
      'Addresses:     10.77.0.1',
      'Interface:     eth0 in the container, weirc1 on the host',
      'Host ports:    <none>',
      'Ports:         <none>',
      'Ingress by:    policy/web',
      'Egress by:     <none>: Allow by default',
      '',
      'Name:          c2-eth0',
      'Namespace:     shop',
      'Kind:          Endpoint',
      'Labels:        run=client',
      'Annotations:   <none>',
      'Host:          h1, whose agent is down',
      'Container:     c2',
      'Network:       weir',
      'Addresses:     10.77.0.2',
      'Interface:     eth0 in the container, weirc2 on the host',
      'Host ports:    <none>',
      'Ports:         <none>',
      'Ingress by:    <none>: Allow by default',
      'Egress by:     <none>: Allow by default',
    ),
  );
  t.is(
    await weir.ok(t, ['describe', 'host', 'h1']),
    lines(
      'Name:            h1',
      'Kind:            Host',
      'Labels:          <none>',
      'Annotations:     <none>',
      'Agent:           down: no sign of life',
      'Addresses:       172.16.0.1',
      'Mesos traffic:   containers reach port 5051 of the Mesos agent whatever policy says',
      '                 health checks of the Mesos agent reach containers whatever policy says',
      'DNS:             <none>',
      'Endpoints:       shop/c1-eth0 on h1, 10.77.0.1 (run=web)',
      '                 shop/c2-eth0 on h1, 10.77.0.2 (run=client)',
    ),
  );
  t.is(
    await weir.fails(t, 1, ['describe', 'policy', 'web']),
    'error: policy/web was not found in namespace default\n  policy/web is in namespace shop: say -n shop\n',
  );
  t.is(
    await weir.fails(t, 1, ['describe', 'endpoint', 'c1', '-n', 'shop']),
    'error: endpoint/c1 was not found in namespace shop\n  it is endpoint/c1-eth0\n',
  );
  t.is(
    await weir.fails(t, 1, ['describe', 'endpoint', 'c1-', '-n', 'shop']),
    'error: endpoint/c1- was not found in namespace shop\n  did you mean endpoint/c1-eth0?\n',
  );
  t.regex(await weir.fails(t, 2, ['describe', 'policies']), /name what to describe/);
});

test('the same for programs: the object, and what it has to do with others', async (t) => {
  const weir = await Weir.in(t);
  const service =
    'apiVersion: weir/v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: run == "web", ports: [{port: 80}]}\n';
  const tier = 'apiVersion: weir/v1\nkind: Tier\nmetadata: {name: first}\nspec: {order: 1}\n';
  const agents = `apiVersion: weir/v1
kind: GlobalPolicy
metadata: {name: agents}
spec: {tier: first, selector: role == 'agent', applyOnForward: true, ingress: []}
---
apiVersion: weir/v1
kind: HostEndpoint
metadata: {name: h1-eth0, labels: {role: agent}}
spec: {host: h1, interfaceName: eth0, expectedIPs: [172.16.0.1]}
`;
  await weir.seed(host('h1', '172.16.0.1'), endpoint('c1', { run: 'web' }, { on: 'h1', address: '10.77.0.1' }));
  await weir.ok(t, ['apply', '-f', '-'], { stdin: [POLICY, POOL, service, tier, agents].join('---\n') });
  const describe = async (...words: string[]) => JSON.parse(await weir.ok(t, ['describe', ...words, '-o', 'json']));
  const get = async (...words: string[]) => JSON.parse(await weir.ok(t, ['get', ...words, '-o', 'json']));
  const c1 = { kind: 'Endpoint', namespace: 'shop', name: 'c1-eth0', host: 'h1', addresses: ['10.77.0.1'] };
  const web = { kind: 'Policy', namespace: 'shop', name: 'web' };
  const ofAgents = { kind: 'GlobalPolicy', name: 'agents' };
  t.deepEqual(await describe('policy', 'web', '-n', 'shop'), {
    object: await get('policy', 'web', '-n', 'shop'),
    related: { status: 'in force', tier: 'default', place: 1, asked: 1, selects: [c1] },
  });
  const [first, second] = await describe('endpoint/c1-eth0', 'service/web', '-n', 'shop');
  t.deepEqual(first.related, {
    agentIsUp: false,
    services: [{ kind: 'Service', namespace: 'shop', name: 'web', ready: true }],
    ingress: [web],
    egress: [],
    defaultIngress: 'Allow',
    defaultEgress: 'Allow',
  });
  t.deepEqual(second.related, { backends: [{ endpoint: c1, addresses: ['10.77.0.1'], ready: true }] });
  t.deepEqual((await describe('host', 'h1')).related, { agent: null, endpoints: [c1] });
  t.deepEqual((await describe('hostendpoint', 'h1-eth0')).related, { policies: [ofAgents], forward: [ofAgents] });
  t.deepEqual((await describe('tier', 'first')).related, { policies: [ofAgents] });
  t.like((await describe('pool', 'main')).related, { use: { size: 65536, used: 0, blocks: [] } });
  await weir.ok(t, ['label', 'namespace', 'shop', 'team=web']);
  t.deepEqual((await describe('namespace', 'shop')).related, { endpoints: [c1] });
});
