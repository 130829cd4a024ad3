/** Our tools as delegates of mesos-cni-port-mapper, the way that Mesos and DC/OS users nested plugins. */
import { isDeepStrictEqual } from 'node:util';
import { Netlink } from '@weir/kernel';
import test, { type ExecutionContext } from 'ava';
import { type CniAnswer, callCni } from './testbed/cni-call.ts';
import { eventually } from './testbed/eventually.ts';
import { Testbed } from './testbed/testbed.ts';
import { findTraces } from './testbed/traces.ts';

const PORT_MAPPER = new URL('testbed/port-mapper-double.ts', import.meta.url).pathname;

const testbed = Testbed.share(test, { hosts: 1 });

let count = 0;

/** DC/OS' network file for Calico, with a delegate of ours. */
function network(delegate: object): object {
  const info = { name: 'pm', port_mappings: [{ container_port: 8080, host_port: 31020 + ++count, protocol: 'tcp' }] };
  return {
    name: 'pm',
    type: 'mesos-cni-port-mapper',
    chain: 'M-WEIR',
    excludeDevices: ['weir+'],
    delegate,
    args: { 'org.apache.mesos': { network_info: info } },
  };
}

/** Makes the ADD, looks at what it made, and makes the DEL: nothing is left. */
async function delegated(t: ExecutionContext, delegate: object, look: (added: CniAnswer, namespace: string) => void): Promise<void> {
  const { hosts, objects } = testbed();
  const [host] = hosts as [(typeof hosts)[0]];
  const before = await findTraces(hosts, objects);
  const stdin = network(delegate);
  const namespace = testbed().makeNamespace(`delegated-${count}`);
  const call = { host, containerId: `delegated-${count}`, namespace, stdin, through: PORT_MAPPER };
  look(await callCni({ ...call, command: 'ADD' }), namespace);
  for (let times = 0; times < 2; times++)
    t.deepEqual(await callCni({ ...call, command: 'DEL' }), { exitCode: 0, stdout: '', stderr: '', json: undefined });
  const after = await eventually(
    () => findTraces(hosts, objects),
    (traces) => isDeepStrictEqual(traces, before),
  );
  t.deepEqual(after, before);
}

const VERSIONS = [{}, { cniVersion: '0.1.0' }, { cniVersion: '0.2.0' }, { cniVersion: '1.0.0' }];

for (const version of VERSIONS) {
  const name = JSON.stringify(version);
  // An empty one goes unsaid from 1.0.0 on.
  const dns = version.cniVersion === '1.0.0' ? [] : ['dns'];

  test.serial(`${name}: weir`, async (t) => {
    await delegated(t, { ...version, type: 'weir' }, ({ exitCode, stdout, json }, namespace) => {
      t.is(exitCode, 0, stdout);
      t.deepEqual(Object.keys(json).sort(), [...dns, 'ip4', 'ip6']);
      using netlink = Netlink.open({ namespace });
      const addresses = netlink.addresses({ link: 'eth0' }).map(({ cidr }) => cidr);
      t.true(addresses.includes(json.ip4.ip) && addresses.includes(json.ip6.ip), `${addresses}`);
      t.deepEqual(json.ip4.routes, [{ dst: '0.0.0.0/0', gw: json.ip4.gateway }]);
    });
  });

  test.serial(`${name}: weir-route`, async (t) => {
    const delegate = { ...version, type: 'weir-route', ipam: { type: 'weir-ipam', families: ['IPv4'] } };
    await delegated(t, delegate, ({ exitCode, stdout, json }, namespace) => {
      t.is(exitCode, 0, stdout);
      t.deepEqual(Object.keys(json).sort(), [...dns, 'ip4']);
      using netlink = Netlink.open({ namespace });
      t.true(netlink.link('eth0')?.up);
    });
  });

  test.serial(`${name}: weir-ipam`, async (t) => {
    await delegated(t, { ...version, type: 'weir-ipam', ipam: { type: 'weir-ipam', families: ['IPv4'] } }, ({ exitCode, stdout, json }) => {
      t.is(exitCode, 0, stdout);
      t.regex(json.ip4.ip, /^10\.64\.\d+\.\d+\/32$/);
    });
  });
}

test.serial('weir-policy, which has nothing to guard there, says so; its DEL ends well', async (t) => {
  await delegated(t, { type: 'weir-policy' }, ({ exitCode, json }) => {
    t.is(exitCode, 1);
    t.is(json.code, 102);
    t.regex(json.msg, /weir-policy: there is no prevResult to guard/);
  });
});
