/**
 * One CNI call in this process: environment and standard input in, exit code and output out. The agent's own code for the length of one
 * call: slower, never wrong.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { dispatch, type LauncherResponse } from '@weir/cni';
import { ObjectStore } from '@weir/datastore';
import { AgentError } from '../agent-error.ts';
import { readConfig } from '../config.ts';
import { HostNetwork } from '../host-network.ts';
import { hostAddresses } from '../hosts/host-addresses.ts';
import { lockHost } from '../hosts/host-lock.ts';
import { registerHost } from '../hosts/presence.ts';
import { NO_LOG } from '../no-log.ts';
import { NO_METRICS } from '../no-metrics.ts';
import { Attachments } from './attachments.ts';

/** Before the launcher's alarm, in milliseconds: time to answer, and to end. */
const MARGIN = 2_000;

const { values, positionals } = parseArgs({
  options: { config: { type: 'string' }, timeout: { type: 'string', default: '60' } },
  allowPositionals: true,
});
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const call = { tool: positionals[0] ?? '', env, stdin: env.CNI_COMMAND === undefined ? Buffer.alloc(0) : readFileSync(0) };
let isAnswered = false;
// The launcher's clock has run since before this process started. The timer keeps nobody waiting.
setTimeout(endInTime, Math.max(Number(values.timeout) * 1000 - MARGIN - performance.now(), 0)).unref();

await serve();
// Nothing is left to do. What waits for something that only an agent needs is not waited for, nor is the container.
process.exit();

async function serve(): Promise<void> {
  const works: Promise<unknown>[] = [];
  const open: HostNetwork[] = [];
  await using _cleanup = {
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(works);
      for (const network of open) await network.close();
    },
  };
  const services = async () => {
    const config = readConfig(values.config ?? '/etc/weir/agent.yaml');
    mkdirSync(config.runDir, { recursive: true, mode: 0o700 });
    // Held until the process ends.
    await lockHost(config.runDir, { wait: 30_000 });
    const network = await HostNetwork.open({ config, log: NO_LOG, metrics: NO_METRICS });
    open.push(network);
    const { CNI_COMMAND: command } = env;
    // What CHECK would repair it could not report.
    await network.syncOnce({ storeMayBeAway: command === 'DEL' || command === 'STATUS', onlyLook: command === 'CHECK' });
    // Without the Host object the other hosts know no way to this one, and may give away what it holds; a host whose agent never ran has none.
    if (command === 'ADD') await registerHost(new ObjectStore(network.store), config.host, config.addresses ?? hostAddresses());
    return network.services((work) => works.push(work), new Attachments());
  };
  tell(await dispatch({ ...call, services }));
}

function tell({ exitCode, stdout, stderr }: LauncherResponse): void {
  if (isAnswered) return;
  isAnswered = true;
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = exitCode;
}

/** To try again is the answer then, and to a DEL that the agent does the rest. What still runs is cut as by kill -9, which every call is made for. */
async function endInTime(): Promise<void> {
  const tooLate = new AgentError('ENOTREADY', `not done within ${values.timeout} s, without an agent`);
  tell(await dispatch({ ...call, services: () => Promise.reject(tooLate) }));
  process.exit();
}
