import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Netlink } from '@weir/kernel';
import { parseObject } from '@weir/resources';
import test from 'ava';
import { ClusterState } from '../cluster-state.ts';
import { readConfig } from '../config.ts';
import { openLog } from '../log.ts';
import { NO_METRICS } from '../no-metrics.ts';
import { BgpDaemon } from './bgp-daemon.ts';

test('whatever keeps BIRD from running is a problem that is told of, and ends nothing', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bgp-'));
  const netlink = Netlink.open();
  t.teardown(() => {
    netlink[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  // Its folder cannot be made there.
  writeFileSync(join(folder, 'run'), '');
  writeFileSync(join(folder, 'agent.yaml'), JSON.stringify({ host: 'a', runDir: join(folder, 'run'), logLevel: 'silent' }));
  const state = new ClusterState('a', () => {});
  const object = (kind: string, name: string, spec: object) => parseObject({ apiVersion: 'weir/v1', kind, metadata: { name }, spec });
  state.put(object('Host', 'a', { addresses: ['192.0.2.11'] }), 1);
  state.put(object('BgpPeer', 'tor', { address: '192.0.2.1', asNumber: 65001 }), 2);
  const config = readConfig(join(folder, 'agent.yaml'), {});
  const log = openLog({ host: 'a', level: 'silent' });
  const daemon = new BgpDaemon({ config, state, netlink, onRoutes: () => {}, log, metrics: NO_METRICS });
  const stop = new AbortController();
  const running = daemon.run(stop.signal);
  while (daemon.problems.length === 0) await delay(5);
  t.regex(daemon.problems.join(), /^BGP: ENOTDIR/);
  t.like(daemon.sessions[0], { peer: 'tor', state: 'Down', problem: 'the routing daemon does not run' });
  stop.abort();
  await t.notThrowsAsync(running);
});
