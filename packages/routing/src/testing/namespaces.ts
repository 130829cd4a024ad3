/** For tests: network namespaces that are made, joined by a switch, and removed again whatever happens. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createNamespace, deleteNamespace, inNamespace, Netlink, openNamespace } from '@weir/kernel';
import type { ExecutionContext } from 'ava';
import { linkLocalAddress } from '../addresses.ts';

export interface TestNamespace {
  path: string;
  /** As `ip -n` wants it. */
  name: string;
  netlink: Netlink;
  /** Runs `ip` in it and gives its output. */
  ip(command: string): string;
  /** Runs a program in it; throws when it fails. */
  execute(program: string, ...args: string[]): string;
  /** Runs a synchronous function with this namespace as the process's own. */
  run<T>(action: () => T): T;
}

export function makeNamespace(t: ExecutionContext, role: string): TestNamespace {
  const name = `weir-${role}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const path = `/run/netns/${name}`;
  createNamespace(path);
  t.teardown(() => deleteNamespace(path));
  const netlink = Netlink.open({ namespace: path });
  t.teardown(() => netlink.close());
  netlink.setLink('lo', { up: true });
  const execute = (program: string, ...args: string[]) =>
    execFileSync('ip', ['netns', 'exec', name, program, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return {
    path,
    name,
    netlink,
    execute,
    ip: (command) => execute('ip', ...command.split(' ')),
    run: (action) => inNamespace(path, action),
  };
}

/** Namespaces with an `uplink` each, on one bridge in a namespace of its own; addresses are CIDRs. */
export function makeHosts<Role extends string>(t: ExecutionContext, addresses: Record<Role, string[]>): Record<Role, TestNamespace> {
  const bridge = makeNamespace(t, 'switch');
  bridge.netlink.addBridge({ name: 'br0', up: true });
  return Object.fromEntries(
    (Object.entries(addresses) as [Role, string[]][]).map(([role, cidrs]) => {
      const host = makeNamespace(t, role);
      using place = openNamespace(bridge.path);
      host.netlink.addVeth({ name: 'uplink', peer: { name: `port-${role}`, namespace: place } });
      bridge.netlink.setLink(`port-${role}`, { master: 'br0', up: true });
      // Neighbours are asked for from the link-local address, and the kernel's own would be tentative for a second.
      host.netlink.setLink('uplink', { ipv6AddressGeneration: 'none' });
      host.netlink.setLink('uplink', { up: true });
      const linkLocal = `${linkLocalAddress(host.netlink.link('uplink')!.mac!)}/64`;
      for (const cidr of [linkLocal, ...cidrs]) host.netlink.addAddress('uplink', cidr, { noDad: cidr.includes(':') });
      return [role, host];
    }),
  ) as Record<Role, TestNamespace>;
}

/** One echo each way; throws with ping's output when none comes back within a second. */
export function ping(from: TestNamespace, address: string): void {
  from.execute('ping', '-n', '-c', '1', '-W', '1', address);
}
