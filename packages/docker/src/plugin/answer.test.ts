/** The calls of one endpoint's life as libnetwork makes them, and what is left after each way in which they can be cut off. */
import { ServicesDouble } from '@weir/cni/services-double';
import type { Endpoint } from '@weir/resources';
import test from 'ava';
import { answer, type Role } from './answer.ts';
import { Driver } from './driver.ts';

const MAC = '02:42:3A:80:B8:74';
const OWNER = 'docker-host-1-02423a80b874';

/** Of an answer whatever it has. */
type Said = { status: number } & Record<'Err' | 'Error' | 'Address', string>;

function engine() {
  const services = new ServicesDouble();
  const networks = new Map([['n1', { name: 'shop', options: { waitForLabels: true } }]]);
  const endpoints = (): Endpoint[] => [...services.endpoints.values()];
  let joined = 0;
  const driver = new Driver({
    host: 'host-1',
    run: (_owner, work) => work(services),
    endpoints,
    held: () => services.addresses.held(),
    hasLink: ({ spec }) => services.links.has(spec.hostInterface),
    poolNames: (cidr) => (cidr === '10.0.0.0/16' ? ['front'] : []),
    network: async (id) => networks.get(id)!,
    forgetNetwork: async (id) => void networks.delete(id),
    joined: () => void joined++,
  });
  const call = async (method: string, body: object = {}): Promise<Said> => {
    const [role] = method.split('.') as [Role];
    const { status, body: said } = await answer(driver, role, { path: `/${method}`, body: JSON.stringify(body) });
    return { status, ...said } as Said;
  };
  const address = (more: object = {}) =>
    call('IpamDriver.RequestAddress', { PoolID: 'IPv4', Address: '', Options: { 'com.docker.network.endpoint.macaddress': MAC }, ...more });
  const create = (more: object = {}) =>
    call('NetworkDriver.CreateEndpoint', {
      NetworkID: 'n1',
      EndpointID: 'e1',
      Interface: { Address: '10.0.0.1/32', AddressIPv6: '', MacAddress: MAC },
      Options: { 'com.docker.network.portmap': [], role: 'web' },
      ...more,
    });
  const about = { NetworkID: 'n1', EndpointID: 'e1' };
  return { services, networks, endpoints, call, address, create, about, joinedCalls: () => joined };
}

test('each socket is one driver', async (t) => {
  const { call } = engine();
  t.like(await call('NetworkDriver.GetCapabilities'), { status: 200, Scope: 'local' });
  t.like(await call('IpamDriver.GetCapabilities'), { RequiresMACAddress: true });
  t.is((await call('NetworkDriver.AllocateNetwork')).status, 404);
  const driver = {} as Driver;
  t.deepEqual((await answer(driver, 'IpamDriver', { path: '/Plugin.Activate', body: '' })).body, { Implements: ['IpamDriver'] });
  t.is((await answer(driver, 'IpamDriver', { path: '/NetworkDriver.Leave', body: '{}' })).status, 404);
});

test('the life of an endpoint', async (t) => {
  const { services, endpoints, call, address, create, about, joinedCalls } = engine();
  t.is((await address()).Address, '10.0.0.1/32');
  t.deepEqual(await create(), { status: 200, Interface: {} });
  const [endpoint] = endpoints();
  t.like(endpoint?.spec, { containerId: OWNER, network: 'shop', addresses: ['10.0.0.1'], mac: MAC.toLowerCase(), waitsForLabels: true });
  t.deepEqual(endpoint?.spec.docker, { endpoint: 'e1', network: 'n1' });
  t.deepEqual(endpoint?.metadata.labels, { role: 'web' });
  t.like(await call('NetworkDriver.Join', { ...about, SandboxKey: '/var/run/docker/netns/1' }), {
    InterfaceName: { DstPrefix: 'eth' },
    Gateway: '169.254.1.1',
    StaticRoutes: [{ Destination: '169.254.1.1/32', RouteType: 1 }],
    DisableGatewayService: true,
  });
  t.is(joinedCalls(), 1);
  const Options = { 'com.docker.network.portmap': [{ Proto: 6, Port: 80, HostIP: '', HostPort: 8080, HostPortEnd: 8080 }] };
  await call('NetworkDriver.ProgramExternalConnectivity', { ...about, Options });
  t.deepEqual(endpoints()[0]?.spec.hostPorts, [{ hostPort: 8080, containerPort: 80, protocol: 'TCP' }]);
  await call('NetworkDriver.RevokeExternalConnectivity', about);
  t.is(endpoints()[0]?.spec.hostPorts, undefined);
  await call('NetworkDriver.Leave', about);
  await call('NetworkDriver.DeleteEndpoint', about);
  await services.settled();
  t.deepEqual(
    [services.endpoints.size, services.links.size, services.held.size],
    [0, 0, 1],
    'the address is held until Docker gives it back',
  );
  await call('IpamDriver.ReleaseAddress', { PoolID: 'IPv4', Address: '10.0.0.1' });
  t.true(services.isEmpty);
  for (const [method, body] of [
    ['NetworkDriver.DeleteEndpoint', about],
    ['NetworkDriver.RevokeExternalConnectivity', about],
    ['IpamDriver.ReleaseAddress', { PoolID: 'IPv4', Address: '10.0.0.1' }],
  ] as const)
    t.false('Err' in (await call(method, body)), `${method} again`);
});

test('calls that come again, since their answer was lost, do no harm', async (t) => {
  const { services, address, create } = engine();
  t.is((await address()).Address, (await address()).Address);
  await create();
  t.deepEqual(await create(), { status: 200, Interface: {} });
  t.is(services.verbs.filter((verb) => verb === 'attach').length, 1);
  // Killed between the two: the endpoint stands, and its link does not.
  services.links.clear();
  t.deepEqual(await create(), { status: 200, Interface: {} });
  t.is(services.links.size, 1);
});

test('an endpoint that cannot be made leaves nothing', async (t) => {
  const { services, address, create } = engine();
  await address();
  services.failing.set('attach', new Error('no room'));
  t.regex((await create()).Err, /no room/);
  await services.settled();
  t.deepEqual([services.endpoints.size, services.links.size], [0, 0]);
});

test('two containers with one hardware address: the second is refused, and the first keeps what it has', async (t) => {
  const { services, call, address, create } = engine();
  await address();
  await create();
  t.regex((await address()).Error, /hardware address 02:42:3a:80:b8:74 is that of endpoint e1/);
  t.regex((await create({ EndpointID: 'e2' })).Err, /choose another one/);
  await call('IpamDriver.ReleaseAddress', { PoolID: 'IPv4', Address: '10.0.0.1' });
  t.deepEqual([services.endpoints.size, services.links.size, services.held.size], [1, 1, 1]);
});

test("a container joins one network of Weir's, and may change it", async (t) => {
  const { call, address, create, about } = engine();
  const SandboxKey = '/var/run/docker/netns/1';
  const second = { NetworkID: 'n1', EndpointID: 'e2' };
  await address();
  await create();
  await call('NetworkDriver.Join', { ...about, SandboxKey });
  await address({ Options: { 'com.docker.network.endpoint.macaddress': '02:42:00:00:00:02' } });
  await create({ ...second, Interface: { Address: '10.0.0.2/32', MacAddress: '02:42:00:00:00:02' } });
  t.regex((await call('NetworkDriver.Join', { ...second, SandboxKey })).Err, /on network "shop" already/);
  t.false('Err' in (await call('NetworkDriver.Join', { ...about, SandboxKey })), 'the same again');
  await call('NetworkDriver.DeleteEndpoint', about);
  t.false('Err' in (await call('NetworkDriver.Join', { ...second, SandboxKey })));
});

test('an address that went to another meanwhile is not what the container is told', async (t) => {
  const { services, address, create } = engine();
  await address();
  t.regex((await create({ Interface: { Address: '10.0.0.77/32', MacAddress: MAC } })).Err, /10\.0\.0\.77\/32 is held by another/);
  await services.settled();
  t.deepEqual([services.endpoints.size, services.links.size], [0, 0]);
});

test('what a network asks for is told when it is made', async (t) => {
  const { call } = engine();
  const Options = (more: object) => ({ 'com.docker.network.generic': {}, ...more });
  const data = [{ AddressSpace: 'weir', Pool: '0.0.0.0/0' }];
  const network = (more: object) => call('NetworkDriver.CreateNetwork', { NetworkID: 'n2', IPv4Data: data, IPv6Data: null, ...more });
  t.deepEqual(await network({ Options: Options({}) }), { status: 200 });
  t.regex((await network({ Options: Options({ 'com.docker.network.generic': { colour: 'red' } }) })).Err, /colour/);
  t.regex((await network({ Options: Options({ 'com.docker.network.internal': true }) })).Err, /--internal/);
  t.regex(
    (await network({ Options: {}, IPv4Data: [{ AddressSpace: 'LocalDefault', Pool: '172.18.0.0/16' }] })).Err,
    /--ipam-driver weir-ipam/,
  );
});

test('pools: any, by name, by CIDR; and the gateway is always the same', async (t) => {
  const { call } = engine();
  const pool = (more: object) => call('IpamDriver.RequestPool', { AddressSpace: 'weir', Options: null, V6: false, ...more });
  t.like(await pool({}), { PoolID: 'IPv4', Pool: '0.0.0.0/0', Data: { 'com.docker.network.gateway': '169.254.1.1/32' } });
  t.like(await pool({ V6: true, Options: { pools: 'a,b' } }), { PoolID: 'IPv6:a,b', Pool: '::/0' });
  t.like(await pool({ Pool: '10.0.0.0/16' }), { PoolID: 'IPv4:front', Pool: '10.0.0.0/16' });
  t.regex((await pool({ Pool: '10.9.0.0/16' })).Error, /no Pool has this cidr/);
  t.regex((await pool({ SubPool: '10.0.0.0/24' })).Error, /--ip-range/);
  const gateway = (Address: string) =>
    call('IpamDriver.RequestAddress', { PoolID: 'IPv4', Address, Options: { RequestAddressType: 'com.docker.network.gateway' } });
  t.is((await gateway('169.254.1.1')).Address, '169.254.1.1/32');
  t.regex((await gateway('10.0.0.1')).Error, /--gateway/);
  t.regex((await call('IpamDriver.RequestAddress', { PoolID: 'IPv4', Address: '10.0.0.9', Options: null })).Error, /no hardware address/);
  t.regex((await call('IpamDriver.RequestAddress', {})).Error, /cannot be read/);
});
