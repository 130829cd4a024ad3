/** Network namespaces for tests: made, joined by a switch, and removed again whatever happens. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createNamespace, deleteNamespace, inNamespace, Netlink } from '@weir/kernel';
import type { ExecutionContext } from 'ava';

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
export function makeHosts(t: ExecutionContext, addresses: Record<string, string[]>): Record<string, TestNamespace> {
  const bridge = makeNamespace(t, 'switch');
  bridge.netlink.addBridge({ name: 'br0', up: true });
  return Object.fromEntries(
    Object.entries(addresses).map(([role, cidrs]) => {
      const host = makeNamespace(t, role);
      bridge.run(() => {
        const port = `p-${role}`;
        host.netlink.addVeth({ name: 'uplink', peer: { name: `${role}` } });
        host.ip(`link set ${role} netns ${bridge.name} name ${port}`);
        bridge.ip(`link set ${port} master br0 up`);
      });
      host.netlink.setLink('uplink', { up: true });
      for (const cidr of cidrs) host.netlink.addAddress('uplink', cidr, { noDad: cidr.includes(':') });
      return [role, host];
    }),
  );
}

/** One echo each way; throws with ping's output when none comes back within a second. */
export function ping(from: TestNamespace, address: string): void {
  from.execute('ping', '-n', '-c', '1', '-W', '1', address);
}
