import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { mesosAgentFlags } from './agent-process.ts';

async function proc(t: ExecutionContext, processes: Record<string, { cmdline: string[]; environ?: string[] }>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-proc-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'net'));
  for (const [pid, { cmdline, environ = [] }] of Object.entries(processes)) {
    await mkdir(join(folder, pid));
    await writeFile(join(folder, pid, 'cmdline'), cmdline.map((word) => `${word}\0`).join(''));
    await writeFile(join(folder, pid, 'environ'), environ.map((word) => `${word}\0`).join(''));
  }
  return folder;
}

test('no Mesos agent, no flags', async (t) => {
  t.is(mesosAgentFlags(await proc(t, { 1: { cmdline: ['/sbin/init'] }, 7: { cmdline: ['vi', 'mesos-agent'] } })), undefined);
});

test('flags of the command line win over variables', async (t) => {
  const flags = mesosAgentFlags(
    await proc(t, {
      1: { cmdline: ['/sbin/init'] },
      44: {
        cmdline: [
          '/usr/sbin/mesos-agent',
          '--isolation=network/cni,filesystem/linux',
          '--network_cni_config_dir=/a',
          '--no-hostname_lookup',
        ],
        environ: ['PATH=/bin', 'MESOS_NETWORK_CNI_CONFIG_DIR=/b', 'MESOS_NETWORK_CNI_PLUGINS_DIR=/c:/d'],
      },
    }),
  );
  t.deepEqual(flags && Object.fromEntries(flags), {
    isolation: 'network/cni,filesystem/linux',
    network_cni_config_dir: '/a',
    network_cni_plugins_dir: '/c:/d',
  });
});
