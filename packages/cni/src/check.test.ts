/** CHECK against a real kernel: each thing that ADD made is broken by hand, and is named. */
import { randomBytes } from 'node:crypto';
import { createNamespace, deleteNamespace, inNamespace, Netlink } from '@weir/kernel';
import { beginAttach, inspect } from '@weir/routing';
import test, { type ExecutionContext } from 'ava';
import { callTool, environment, NETWORK } from './testing/cni-call.ts';
import { ServicesDouble } from './testing/services-double.ts';

function makeNamespace(t: ExecutionContext, role: string): { path: string; netlink: Netlink } {
  const path = `/run/netns/weir-check-${role}-${process.pid}-${randomBytes(3).toString('hex')}`;
  createNamespace(path);
  t.teardown(() => deleteNamespace(path));
  const netlink = Netlink.open({ namespace: path });
  t.teardown(() => netlink.close());
  return { path, netlink };
}

/** A container that was attached for real; `check` gives what CHECK has to say. */
async function attached(t: ExecutionContext) {
  const [host, container] = [makeNamespace(t, 'host'), makeNamespace(t, 'task')];
  const services = new ServicesDouble();
  services.wiring.attach = (request) => inNamespace(host.path, () => beginAttach(request));
  services.wiring.inspect = async (where) => inNamespace(host.path, () => inspect(where));
  const chain = [{ type: 'weir-route', mtu: 1400, ipam: { type: 'weir-ipam', families: ['IPv4', 'IPv6'] } }, { type: 'weir-policy' }];
  const network = { ...NETWORK, cniVersion: '1.1.0', chain };
  const { answer: prevResult } = await callTool('weir', environment('ADD', { CNI_NETNS: container.path }), network, services);
  const check = async (changes: object = {}, CNI_NETNS = container.path) => {
    const config = { ...network, prevResult: { ...prevResult, ...changes } };
    const { answer } = await callTool('weir', environment('CHECK', { CNI_NETNS }), config, services);
    return answer === undefined ? 'sound' : answer;
  };
  return {
    host: host.netlink,
    container: container.netlink,
    path: container.path,
    hostInterface: prevResult.interfaces[0].name,
    prevResult,
    check,
  };
}

if (process.getuid?.() === 0) {
  test('sound as long as nobody touches it', async (t) => {
    const { check, prevResult } = await attached(t);
    t.is(await check(), 'sound');
    t.deepEqual(
      prevResult.interfaces.map(({ mtu }: { mtu: number }) => mtu),
      [1400, 1400],
    );
  });

  test('an address', async (t) => {
    const { check, container } = await attached(t);
    container.deleteAddress('eth0', '10.0.0.1/32');
    const { code, msg } = await check();
    t.is(code, 106);
    // The kernel takes the routes of a family with its last address.
    t.is(msg, 'weir-route: eth0 has lost its address 10.0.0.1; eth0 has lost its route to 0.0.0.0/0 via 169.254.1.1');
    container.deleteAddress('eth0', 'fd00::2/128');
    t.regex((await check()).msg, /eth0 has lost its address 10\.0\.0\.1; eth0 has lost its address fd00::2/);
  });

  test('a route, in the container and on the host', async (t) => {
    const { check, container, host, hostInterface } = await attached(t);
    container.deleteRoute({ destination: '0.0.0.0/0', via: '169.254.1.1', link: 'eth0', onLink: true });
    t.is((await check()).msg, 'weir-route: eth0 has lost its route to 0.0.0.0/0 via 169.254.1.1');
    host.deleteRoute({ destination: '10.0.0.1/32', link: hostInterface, protocol: 121 });
    t.is(
      (await check()).msg,
      `weir-route: eth0 has lost its route to 0.0.0.0/0 via 169.254.1.1; the host has lost its route to 10.0.0.1 by ${hostInterface}`,
    );
  });

  test('either end of the veth: down, another MAC address, another MTU, gone', async (t) => {
    const { check, container, host, hostInterface } = await attached(t);
    container.setLink('eth0', { mtu: 1300 });
    host.setLink(hostInterface, { mtu: 1350 });
    t.is((await check()).msg, `weir-route: eth0 has an MTU of 1300, not 1400; ${hostInterface} has an MTU of 1350, not 1400`);
    container.setLink('eth0', { up: false });
    t.regex((await check()).msg, /^weir-route: eth0 is down; /);
    host.setLink(hostInterface, { up: false });
    t.regex((await check()).msg, new RegExp(`; ${hostInterface} is down; `));
    host.deleteLink(hostInterface);
    t.like(await check(), { code: 105, msg: `weir-route: eth0 is gone; ${hostInterface} is gone` });
  });

  test("somebody else's interface in its place", async (t) => {
    const { check, container, host, hostInterface } = await attached(t);
    host.deleteLink(hostInterface);
    container.addBridge({ name: 'eth0', up: true });
    const { code, msg } = await check();
    t.is(code, 105);
    t.regex(
      msg,
      /^weir-route: eth0 has the MAC address .*, not .*; eth0 has an MTU of 1500, not 1400; weir\w+ is gone; eth0 has lost its address/,
    );
  });

  test('a prevResult that is not of this attachment', async (t) => {
    const { check, path, prevResult } = await attached(t);
    const [outside, inside] = prevResult.interfaces;
    const other = makeNamespace(t, 'other').path;
    t.regex((await check({ interfaces: [{ ...outside, name: 'veth9' }, inside] })).msg, /prevResult knows no weir\w+ on the host/);
    t.regex(
      (await check({ interfaces: [outside, { ...inside, sandbox: '/elsewhere' }] })).msg,
      new RegExp(`prevResult has eth0 in /elsewhere, CNI_NETNS is ${path}`),
    );
    t.regex((await check({}, other)).msg, /eth0 is gone/);
    t.like(await check({}, '/run/netns/no-such'), { code: 3 });
  });
} else {
  test.skip('CHECK against a real kernel takes root', (t) => t.fail());
}
