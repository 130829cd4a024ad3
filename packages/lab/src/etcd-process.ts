import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inNamespace } from '@weir/kernel';
import { LabError } from './lab-error.ts';
import type { LabFolder } from './lab-folder.ts';
import { isRunning } from './lab-process.ts';
import type { Probe } from './probe/probe.ts';
import { SWITCH_ADDRESSES } from './switch-network.ts';

export const ETCD_ENDPOINT = `http://${SWITCH_ADDRESSES.ipv4}:2379`;
const LIMIT_MS = 20_000;
const POLL_MS = 20;

/**
 * Starts etcd in the switch's namespace, on its loopback and on the address that hosts reach.
 *
 * @param probe on a host, which sees when it answers
 * @throws {LabError} EHOST
 */
export async function startEtcd(folder: LabFolder, switchNamespace: string, probe: Probe): Promise<void> {
  const logPath = folder.logPath('etcd');
  const log = openSync(logPath, 'a');
  const child = inNamespace(switchNamespace, () =>
    spawn(
      'etcd',
      [
        ...['--name', 'lab', '--data-dir', join(folder.path, 'etcd')],
        ...['--listen-client-urls', `http://127.0.0.1:2379,${ETCD_ENDPOINT}`, '--advertise-client-urls', ETCD_ENDPOINT],
        ...['--listen-peer-urls', 'http://127.0.0.1:2380', '--initial-advertise-peer-urls', 'http://127.0.0.1:2380'],
        ...['--initial-cluster', 'lab=http://127.0.0.1:2380'],
      ],
      { stdio: ['ignore', log, log], detached: true },
    ),
  );
  closeSync(log);
  const failure = new Promise<never>((_, reject) => child.once('error', (error) => reject(unusable(error.message, logPath))));
  failure.catch(() => {});
  if (child.pid === undefined) await failure;
  const process = folder.record(child.pid!, 'etcd');
  child.unref();
  for (const limit = performance.now() + LIMIT_MS; !(await probe.http(`${ETCD_ENDPOINT}/health`)).ok; await delay(POLL_MS))
    if (process === undefined || !isRunning(process) || performance.now() > limit) throw unusable('it does not answer', logPath);
}

function unusable(reason: string, logPath: string): LabError {
  return new LabError('EHOST', `etcd did not start: ${reason}. Is Debian's etcd-server installed? Its log: ${logPath}`);
}
