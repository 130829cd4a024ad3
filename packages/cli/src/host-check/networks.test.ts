import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { checkMesosAgent, ipv6Alone } from './networks.ts';

const FOLDERS = {
  pluginsDir: '/opt/cni/bin',
  configDir: '/etc/cni/net.d',
  agentConfig: '/etc/weir/agent.yaml',
  unitDir: undefined,
  binDir: '/b',
};

/** A process table with one Mesos agent. */
async function agentWith(t: ExecutionContext, ...flags: string[]): Promise<string> {
  const proc = await mkdtemp(join(tmpdir(), 'weir-proc-'));
  t.teardown(() => rm(proc, { recursive: true, force: true }));
  await mkdir(join(proc, '44'));
  await writeFile(join(proc, '44', 'cmdline'), ['/usr/sbin/mesos-agent', ...flags].join('\0'));
  return proc;
}

test('a network that gives IPv6 alone is pointed out: Mesos fails such tasks', (t) => {
  const told = (families?: string[]) => ipv6Alone({ type: 'weir', chain: [{ type: 'weir-route', ipam: { type: 'weir-ipam', families } }] });
  t.like(told(['IPv6']), [{ severity: 'warning', message: 'ipam.families is ["IPv6"]: tasks of Mesos fail without an IPv4 address' }]);
  t.deepEqual([...told(['IPv6', 'IPv4']), ...told()], []);
  t.is(ipv6Alone({ type: 'weir-route', ipam: { type: 'weir-ipam', families: ['IPv6'] } }).length, 1);
});

const ISOLATION = '--isolation=filesystem/linux,network/cni';

test('a Mesos agent whose flags lead to the same folders', async (t) => {
  const proc = await agentWith(
    t,
    ISOLATION,
    '--network_cni_config_dir=/etc/cni/net.d/',
    '--network_cni_plugins_dir=/usr/lib/cni:/opt/cni/bin',
  );
  t.like(checkMesosAgent(FOLDERS, proc), [{ status: 'ok' }]);
});

test('a Mesos agent that looks elsewhere: each flag is named, with what it should be', async (t) => {
  const proc = await agentWith(t, '--isolation=cgroups/cpu', '--network_cni_config_dir=/else');
  const checks = checkMesosAgent(FOLDERS, proc);
  t.true(checks.every(({ status }) => status === 'failed'));
  t.deepEqual(
    checks.map(({ found, remedy }) => [found, remedy]),
    [
      ['it has --network_cni_config_dir=/else', 'start it with --network_cni_config_dir=/etc/cni/net.d, or install there'],
      ['it has no --network_cni_plugins_dir', 'start it with --network_cni_plugins_dir=/opt/cni/bin, or install there'],
      ['it has --isolation=cgroups/cpu', 'start it with network/cni among --isolation'],
    ],
  );
});
