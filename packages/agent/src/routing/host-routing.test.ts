import { randomBytes } from 'node:crypto';
import { createNamespace, deleteNamespace, Netlink } from '@weir/kernel';
import { type Host, type Pool, parseObject } from '@weir/resources';
import test from 'ava';
import pino from 'pino';
import { ClusterState } from '../cluster-state.ts';
import type { AgentConfig } from '../config.ts';
import { createMetrics } from '../metrics.ts';
import { HostRouting } from './host-routing.ts';

const host = (name: string, address: string) =>
  parseObject({ apiVersion: 'weir/v1', kind: 'Host', metadata: { name }, spec: { addresses: [address] } }) as Host;

const POOL = parseObject({
  apiVersion: 'weir/v1',
  kind: 'Pool',
  metadata: { name: 'main' },
  spec: { cidr: '10.65.0.0/16', vxlan: 'Never' },
}) as Pool;

test('a host whose address is on its loopback has the MTU of the links to the others', (t) => {
  const path = `/run/netns/weirtest-${process.pid}-${randomBytes(3).toString('hex')}`;
  createNamespace(path);
  t.teardown(() => deleteNamespace(path));
  using netlink = Netlink.open({ namespace: path });
  netlink.setLink('lo', { up: true });
  netlink.addAddress('lo', '192.0.2.1/32');
  const state = new ClusterState('one', () => {});
  state.put(host('one', '192.0.2.1'), 1);
  state.put(POOL, 1);
  const config = { host: 'one', vxlan: { port: 4789, vni: 4096 } } as AgentConfig;
  const routing = new HostRouting({ config, state, netlink, log: pino({ level: 'silent' }), metrics: createMetrics() });
  const mtu = () => {
    routing.apply();
    return routing.mtuFor(['10.65.0.1']);
  };
  t.is(mtu(), undefined, 'nobody else is known');

  for (const [index, [name, size]] of (
    [
      ['up0', 9000],
      ['up1', 1500],
    ] as const
  ).entries()) {
    netlink.addBridge({ name, up: true });
    netlink.setLink(name, { mtu: size });
    netlink.addAddress(name, `198.51.${100 + index}.1/24`);
    state.put(host(`other-${index}`, `198.51.${100 + index}.2`), 2 + index);
    t.is(mtu(), size, `${name} leads to another`);
  }
});
