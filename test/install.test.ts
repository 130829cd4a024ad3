/** `weir cni install` and `verify` on a host whose agent runs, and what a container meets then. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Netlink } from '@weir/kernel';
import test from 'ava';
import type { Check } from '../packages/cli/src/host-check/check.ts';
import { eventually } from './testbed/eventually.ts';
import { Testbed } from './testbed/testbed.ts';

const testbed = Testbed.share(test, { hosts: 2 });

function folders(): string[] {
  const { pluginsDir, configDir, agentConfig } = testbed().hosts[0]!;
  return ['--plugins-dir', pluginsDir, '--config-dir', configDir, '--config', agentConfig];
}

/** By name. */
async function verify(): Promise<{ status: number | null; checks: Map<string, Check>; stdout: string }> {
  const { status, stdout } = await testbed().weir(['cni', 'verify', '-o', 'json', ...folders()]);
  const { checks } = JSON.parse(stdout) as { checks: Check[] };
  return { status, stdout, checks: new Map(checks.map((check) => [check.name, check])) };
}

test.serial('what is installed over a running agent is found in order, and launches containers', async (t) => {
  const bed = testbed();
  const host = bed.hosts[0]!;
  const elsewhere = join(host.configDir, '..', 'more');
  await bed.mustWeir(['cni', 'install', ...folders(), '--unit-dir', elsewhere, '--bin-dir', elsewhere]);
  const pools = await bed.mustWeir(['get', 'pools', '-o', 'yaml']);
  await bed.delete(pools);
  const before = await verify();
  t.is(before.status, 0, 'that a new cluster has no pool yet is no fault of the host');
  t.like(before.checks.get('STATUS of weir'), {
    status: 'warning',
    remedy: 'once for the cluster: docs/install-mesos-agent.md#5-addresses',
  });
  await bed.apply(pools);
  const { status, checks, stdout } = await verify();
  t.is(status, 0, stdout);
  t.deepEqual(
    [...checks.values()].filter(({ status }) => status === 'failed'),
    [],
  );
  for (const name of [
    'ruleset',
    'vxlan',
    'conntrack',
    'packet log',
    'nfnetlink_queue',
    'nft_queue or xt_NFQUEUE',
    'libnftables',
    'tools',
    'network weir',
    'store',
    'agent',
    'readiness',
    'STATUS of weir',
  ])
    t.is(checks.get(name)?.status, 'ok', `${name}: ${stdout}`);
  t.is(checks.get('net.ipv4.ip_forward')?.found, '1', 'the agent has set it');
  const [one, two] = [await bed.launch(host, { app: 'one' }), await bed.launch(host, { app: 'two' })];
  t.true(await one.traffic.tcp({ address: two.ipv4, port: 80 }));
  t.regex(
    (await bed.weir(['cni', 'uninstall', ...folders(), '--unit-dir', elsewhere, '--bin-dir', elsewhere])).stderr,
    /belong to containers/,
  );
  await Promise.all([one, two].map((workload) => bed.destroy(workload)));
});

test.serial('a host with another MTU, and what gets lost on the way to it, are found', async (t) => {
  const [near, far] = testbed().hosts;
  t.like((await verify()).checks.get('packets to hosts'), { status: 'ok', found: 'of 1500 bytes, the MTU of eth0, get to 1 host' });
  const netlink = Netlink.open({ namespace: far!.namespace });
  const setMtu = (mtu: number) => netlink.setLink('eth0', { mtu });
  setMtu(1400);
  t.teardown(() => {
    setMtu(1500);
    netlink.close();
  });
  const { status, checks, stdout } = await verify();
  t.is(status, 1);
  t.like(checks.get(`packets to ${far!.name}`), { status: 'failed' }, stdout);
  t.regex(
    checks.get(`packets to ${far!.name}`)!.found,
    / answers 1400 bytes and nothing larger, eth0 takes 1500, and nobody on the way says so/,
  );
  const problem = `${far!.name}: the MTU of its interface is 1400, that of others in `;
  const told = await eventually(
    () => testbed().mustWeir(['node', 'status']),
    (text) => text.includes(problem),
  );
  t.true(told.includes(problem), told);
  t.false(told.includes(`${near!.name}: the MTU`));
});

test.serial('each thing that is wrong is named, with what to do; the status is 1', async (t) => {
  const host = testbed().hosts[0]!;
  const file = join(host.configDir, 'weir.json');
  const [network, tool] = [readFileSync(file), readFileSync(join(host.pluginsDir, 'weir'))];
  writeFileSync(
    file,
    JSON.stringify({
      name: 'weir',
      type: 'weir',
      cniVersion: '9.0.0',
      chain: [{ type: 'weir-route', mtuu: 1, ipam: { type: 'weir-ipam' } }, { type: 'missing' }],
    }),
  );
  writeFileSync(join(host.configDir, 'half.json'), '{"name": "other", "type": "weir"');
  writeFileSync(join(host.configDir, 'notes.txt'), 'not a network');
  writeFileSync(join(host.pluginsDir, 'weir'), 'older');
  t.teardown(() => {
    writeFileSync(file, network);
    writeFileSync(join(host.pluginsDir, 'weir'), tool);
  });
  const { status, checks, stdout } = await verify();
  t.is(status, 1);
  const found = (name: string) => `${checks.get(name)?.status}: ${checks.get(name)?.found}`;
  t.regex(found('network weir'), /^failed: .*9\.0\.0.*"mtuu" is no key of it; did you mean "mtu"\?.*no plugin "missing"/s);
  t.regex(found(`file ${join(host.configDir, 'half.json')}`), /^failed: Mesos passes it by: .*JSON parse failed/);
  t.regex(found(`file ${join(host.configDir, 'notes.txt')}`), /^warning: Mesos passes it by/);
  t.regex(found('tools'), /^failed: weir is of another version$/);
  for (const { status, remedy } of checks.values()) t.is(remedy !== undefined, status === 'failed' || status === 'warning', stdout);
  await host.stopAgent();
  const without = await verify();
  t.is(without.checks.get('agent')?.status, 'failed');
  t.is(without.checks.get('readiness')?.status, 'failed');
});
