import { readdirSync } from 'node:fs';
import { sysctl } from '@weir/kernel';
import test, { type ExecutionContext } from 'ava';
import { makeNamespace, ping, type TestNamespace } from '../testing/namespaces.ts';
import { type AttachRequest, attach, beginAttach } from './attach.ts';
import { inspect } from './inspect.ts';

const request = (container: TestNamespace, rest: Partial<AttachRequest> = {}): AttachRequest => ({
  namespace: container.path,
  interfaceName: 'eth0',
  hostInterface: 'weirtest0',
  addresses: ['10.65.0.7'],
  ...rest,
});

/** A host has an address to speak from. */
function makeHost(t: ExecutionContext): TestNamespace {
  const host = makeNamespace(t, 'host');
  host.netlink.addAddress('lo', '192.0.2.1/32');
  return host;
}

const isIpv6 = (address: string) => address.includes(':');

const linksOf = ({ netlink }: TestNamespace) => netlink.links().map(({ name }) => name);

for (const [family, addresses, probes] of [
  ['IPv4', ['10.65.0.7'], ['169.254.1.1']],
  ['IPv6', ['fd00:65::7'], ['fe80::1%eth0']],
  ['dual stack', ['10.65.0.7', 'fd00:65::7'], ['fe80::1%eth0']],
] as const) {
  test(`${family}: packets flow as soon as attach returns`, (t) => {
    const host = makeHost(t);
    const container = makeNamespace(t, 'container');
    const wired = host.run(() => attach(request(container, { addresses: [...addresses], mtu: 1400 })));
    for (const address of addresses) ping(host, address);
    if (family !== 'IPv4') for (const probe of probes) ping(container, probe);
    t.like(wired, { hostMac: 'ee:ee:ee:ee:ee:ee' });
    t.is(wired.gateway4, family === 'IPv6' ? undefined : '169.254.1.1');
    t.is(wired.gateway6, family === 'IPv4' ? undefined : 'fe80::1');
    t.like(container.netlink.link('eth0'), { mac: wired.containerMac, mtu: 1400, up: true });
    t.like(host.netlink.link('weirtest0'), { mac: wired.hostMac, mtu: 1400, up: true });
    t.deepEqual(
      host.netlink.addresses({ link: 'weirtest0' }).map(({ cidr }) => cidr),
      family === 'IPv4' ? [] : ['fe80::1/64'],
      'the host end has no address of its own making',
    );
    t.deepEqual(
      host.run(() => inspect({ namespace: container.path, interfaceName: 'eth0', hostInterface: 'weirtest0' })),
      {
        host: { up: true, mac: wired.hostMac, mtu: 1400 },
        container: { up: true, mac: wired.containerMac, mtu: 1400 },
        joined: true,
        addresses: [...addresses],
        containerRoutes: [
          ...(family === 'IPv6' ? [] : [{ destination: '0.0.0.0/0', via: '169.254.1.1' }]),
          ...(family === 'IPv4'
            ? []
            : [
                ...addresses.filter(isIpv6).map((address) => ({ destination: `${address}/128` })),
                { destination: 'fe80::/64' },
                { destination: '::/0', via: 'fe80::1' },
              ]),
        ],
        hostRoutes: [
          ...addresses.map((address) => `${address}/${isIpv6(address) ? 128 : 32}`),
          ...(family === 'IPv4' ? [] : ['fe80::/64']),
        ],
      },
    );
  });
}

// As Docker does it: the runtime takes the container's end away itself, gives it its address, and a route to the gateway on the link.
test("without a namespace the container's end waits beside the host's, down; moved, it reaches its gateway on a host without a default route", (t) => {
  const host = makeHost(t);
  const container = makeNamespace(t, 'container');
  const mac = '02:42:00:00:00:07';
  host.run(() => attach({ interfaceName: 'waiting', hostInterface: 'weirtest0', addresses: ['10.65.0.7', 'fd00:65::7'], mac, mtu: 1400 }));
  t.like(host.netlink.link('waiting'), { mac, mtu: 1400, up: false });
  host.ip(`link set waiting netns ${container.name} name eth0`);
  for (const command of [
    'address add 10.65.0.7/32 dev eth0',
    'address add fd00:65::7/128 dev eth0 nodad',
    'link set eth0 up',
    'route add 169.254.1.1 dev eth0',
    'route add default via 169.254.1.1 dev eth0',
    'route add default via fe80::1 dev eth0',
  ])
    container.ip(command);
  ping(container, '192.0.2.1');
  ping(container, 'fe80::1%eth0');
  ping(host, '10.65.0.7');
  // Its own address on the link would be taken for the source of what the host sends.
  t.regex(host.ip('route get 10.65.0.7'), /src 192\.0\.2\.1/);
});

// The kernel makes the routes to IPv6 addresses later, and half of the attachments returned before: the first packets were lost.
test('packets to the IPv6 addresses of both ends are taken in as soon as attach returns', async (t) => {
  for (let round = 0; round < 10; round++) {
    const host = makeHost(t);
    const container = makeNamespace(t, 'container');
    const { addresses, ...where } = request(container, { addresses: ['fd00:65::7'] });
    if (round % 2 === 0) host.run(() => attach({ ...where, addresses }));
    else await host.run(() => beginAttach(where)).finish({ addresses });
    t.true(container.netlink.takesIn('eth0', 'fd00:65::7'));
    t.true(host.netlink.takesIn('weirtest0', 'fe80::1'));
  }
});

test('no IPv6 address is tentative', (t) => {
  const host = makeHost(t);
  const container = makeNamespace(t, 'container');
  host.run(() => attach(request(container, { addresses: ['fd00:65::7'] })));
  for (const { netlink } of [host, container]) {
    t.deepEqual(
      netlink.addresses({ version: 6 }).filter(({ tentative }) => tentative),
      [],
    );
  }
});

test('neighbours are permanent, so that nobody has to ask and nobody else can answer', (t) => {
  const host = makeHost(t);
  const container = makeNamespace(t, 'container');
  const { containerMac, hostMac } = host.run(() => attach(request(container, { addresses: ['10.65.0.7', 'fd00:65::7'] })));
  const permanent = ({ netlink }: TestNamespace) =>
    netlink
      .neighbours()
      .filter(({ state }) => state === 'permanent')
      .map(({ address, mac }) => `${address} ${mac}`)
      .sort();
  t.deepEqual(permanent(host), [`10.65.0.7 ${containerMac}`, `fd00:65::7 ${containerMac}`]);
  t.deepEqual(permanent(container), [`169.254.1.1 ${hostMac}`, `fe80::1 ${hostMac}`]);
});

test('a container that lost its neighbours finds the gateway again', (t) => {
  const host = makeHost(t);
  host.ip('link add lan type bridge');
  host.ip('link set lan up');
  host.ip('address add 198.51.100.1/24 dev lan');
  host.ip('route add default via 198.51.100.254');
  const container = makeNamespace(t, 'container');
  host.run(() => attach(request(container, { addresses: ['10.65.0.7', 'fd00:65::7'] })));
  container.ip('neighbour del 169.254.1.1 dev eth0');
  container.ip('neighbour del fe80::1 dev eth0');
  sysctl('net/ipv4/ip_forward', '1', { namespace: host.path });
  ping(container, 'fe80::1%eth0');
  container.execute('ping', '-n', '-c', '1', '-W', '3', '192.0.2.1');
  t.pass();
});

test('an interface name that is taken, on either side, is told, and what is there stays as it was', (t) => {
  const host = makeHost(t);
  const container = makeNamespace(t, 'container');
  host.run(() => attach(request(container)));
  const before = [host, container].map(({ ip }) => ip('-o address') + ip('route') + ip('neighbour'));
  t.throws(() => host.run(() => attach(request(container, { interfaceName: 'eth1', addresses: ['10.65.0.8'] }))), {
    code: 'EEXIST',
    message: /interface weirtest0 on this host/,
  });
  t.throws(() => host.run(() => attach(request(container, { hostInterface: 'weirtest1', addresses: ['10.65.0.8'] }))), {
    code: 'EEXIST',
    message: /interface eth0 in \/run\/netns\/weir-container/,
  });
  t.deepEqual(
    [host, container].map(({ ip }) => ip('-o address') + ip('route') + ip('neighbour')),
    before,
  );
});

test('a missing namespace file is told with its path', (t) => {
  const host = makeHost(t);
  const gone = { ...makeNamespace(t, 'container'), path: '/run/netns/weir-never-was' };
  t.throws(() => host.run(() => attach(request(gone))), { code: 'ENOENT', message: /\/run\/netns\/weir-never-was/ });
  t.deepEqual(linksOf(host), ['lo']);
});

test('an address that is routed to another interface is refused, and nothing is left', (t) => {
  const host = makeHost(t);
  const [first, second] = [makeNamespace(t, 'container'), makeNamespace(t, 'container')];
  for (const address of ['10.65.0.7', 'fd00:65::7']) {
    const name = `weir${address.length}`;
    host.run(() => attach(request(first, { addresses: [address], hostInterface: name, interfaceName: `eth${address.length}` })));
    t.throws(() => host.run(() => attach(request(second, { addresses: ['10.65.0.9', address] }))), {
      code: 'EADDRINUSE',
      message: new RegExp(address),
    });
    t.deepEqual(linksOf(second), ['lo']);
    t.false(linksOf(host).includes('weirtest0'));
    t.is(host.netlink.routes().filter(({ destination }) => destination.startsWith('10.65.0.9')).length, 0);
  }
});

test('IPv6 switched off, in the container or on the host, is told, and nothing is left', (t) => {
  const host = makeHost(t);
  const container = makeNamespace(t, 'container');
  sysctl('net/ipv6/conf/default/disable_ipv6', '1', { namespace: container.path });
  t.throws(() => host.run(() => attach(request(container, { addresses: ['10.65.0.7', 'fd00:65::7'] }))), {
    code: 'ENOIPV6',
    message: /fd00:65::7 cannot be set in \/run\/netns\/weir-container.*disable_ipv6/,
  });
  t.deepEqual([linksOf(host), linksOf(container)], [['lo'], ['lo']]);
  host.run(() => attach(request(container)));
  ping(host, '10.65.0.7');

  const other = makeHost(t);
  sysctl('net/ipv6/conf/default/disable_ipv6', '1', { namespace: other.path });
  const fresh = makeNamespace(t, 'container');
  t.throws(() => other.run(() => attach(request(fresh, { addresses: ['fd00:65::7'] }))), { code: 'ENOIPV6', message: /on the host/ });
  t.deepEqual([linksOf(other), linksOf(fresh)], [['lo'], ['lo']]);
});

test('certain destinations in place of everything, by family, so that a container can have two such links', (t) => {
  const host = makeHost(t);
  const container = makeNamespace(t, 'container');
  host.run(() => attach(request(container)));
  const [addresses, destinations] = [
    ['10.66.0.8', 'fd00:66::8'],
    ['10.66.0.0/16', '198.51.100.0/24'],
  ];
  const second = request(container, { interfaceName: 'eth1', hostInterface: 'weirtest1', addresses, destinations });
  const { routes } = host.run(() => attach(second));
  const own = [...destinations.map((destination) => ({ destination, via: '169.254.1.1' })), { destination: '::/0', via: 'fe80::1' }];
  t.deepEqual(routes, own);
  const { containerRoutes } = host.run(() => inspect({ namespace: container.path, interfaceName: 'eth1', hostInterface: 'weirtest1' }));
  for (const route of own) t.true(containerRoutes.some(({ destination, via }) => destination === route.destination && via === route.via));
  for (const address of ['10.65.0.7', 'fd00:66::8']) ping(host, address);
  host.netlink.addAddress('lo', '198.51.100.1/32');
  ping(container, '198.51.100.1');
});

test('a second default route, or one to the same destination, is refused for what it is', (t) => {
  const host = makeHost(t);
  const container = makeNamespace(t, 'container');
  host.run(() => attach(request(container)));
  t.throws(
    () => host.run(() => attach(request(container, { interfaceName: 'eth1', hostInterface: 'weirtest1', addresses: ['10.65.0.8'] }))),
    {
      code: 'EDEFAULTROUTE',
      message: /eth1 cannot be the default route in \/run\/netns\/weir-container/,
    },
  );
  const storage = { addresses: ['10.66.0.8'], destinations: ['10.66.0.0/16'] };
  host.run(() => attach(request(container, { interfaceName: 'eth1', hostInterface: 'weirtest1', ...storage })));
  const again = { interfaceName: 'eth2', hostInterface: 'weirtest2', ...storage, addresses: ['10.66.0.9'] };
  t.throws(() => host.run(() => attach(request(container, again))), {
    code: 'EDEFAULTROUTE',
    message: /^eth2 cannot lead to 10\.66\.0\.0\/16 in \/run\/netns\/weir-container.*: another interface has that route$/,
  });
  t.deepEqual(linksOf(container), ['lo', 'eth0', 'eth1']);
});

test('inspect: a missing end, and two ends that do not belong together', (t) => {
  const host = makeHost(t);
  const [first, second] = [makeNamespace(t, 'container'), makeNamespace(t, 'container')];
  host.run(() => attach(request(first)));
  const look = (container: TestNamespace, hostInterface: string) =>
    host.run(() => inspect({ namespace: container.path, interfaceName: 'eth0', hostInterface }));
  t.deepEqual(look(first, 'weirnone').host, undefined);
  t.true(look(first, 'weirnone').container?.up);
  t.like(look(second, 'weirtest0'), { host: { up: true }, container: undefined, joined: false });
  host.run(() => attach(request(second, { hostInterface: 'weirtest1', addresses: ['10.65.0.8'] })));
  t.like(look(second, 'weirtest0'), { host: { up: true }, container: { up: true }, joined: false });
  t.true(look(second, 'weirtest1').joined);
  first.netlink.setLink('eth0', { up: false });
  t.like(look(first, 'weirtest0'), { host: { up: true }, container: { up: false }, joined: true, containerRoutes: [] });
});

test('no file descriptor stays open, whether it goes well or not', (t) => {
  const host = makeHost(t);
  const container = makeNamespace(t, 'container');
  const open = () => readdirSync('/proc/self/fd').length;
  host.run(() => attach(request(container)));
  const before = open();
  for (let round = 0; round < 50; round++) t.throws(() => host.run(() => attach(request(container))));
  t.is(open(), before);
});

test('in two steps: the link is made while the addresses are found out', async (t) => {
  const host = makeHost(t);
  const container = makeNamespace(t, 'container');
  const { addresses, ...where } = request(container);
  const { attachmentWith, finish } = host.run(() => beginAttach(where));
  const wired = attachmentWith({ addresses, mtu: 1400 });
  await finish({ addresses, mtu: 1400 });
  ping(host, '10.65.0.7');
  t.is(wired.gateway4, '169.254.1.1');
  t.like(container.netlink.link('eth0'), { mac: wired.containerMac, mtu: 1400, up: true });

  const second = host.run(() => beginAttach(where));
  await t.throwsAsync(second.finish({ addresses }), { code: 'EEXIST', message: /weirtest0 on this host already/ });
  await host.run(() => beginAttach(where)).abandon();
  ping(host, '10.65.0.7');
});

test('what was begun and is abandoned leaves nothing', async (t) => {
  const host = makeHost(t);
  const container = makeNamespace(t, 'container');
  const { addresses, ...where } = request(container);
  await host.run(() => beginAttach(where)).abandon();
  t.deepEqual([linksOf(host), linksOf(container)], [['lo'], ['lo']]);
  const nowhere = { ...where, namespace: '/no/such' };
  await host.run(() => beginAttach(nowhere)).abandon();
  await t.throwsAsync(host.run(() => beginAttach(nowhere)).finish({ addresses }), { code: 'ENOENT', message: /\/no\/such/ });
});
