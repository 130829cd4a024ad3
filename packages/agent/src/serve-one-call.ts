/**
 * One CNI call in this process: environment and standard input in, exit code and output out. The agent's own code for the length of one
 * call: slower, never wrong.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { dispatch } from '@weir/cni';
import { ObjectStore } from '@weir/datastore';
import { Attachments } from './attachments.ts';
import { readConfig } from './config.ts';
import { hostAddresses } from './host-addresses.ts';
import { lockHost } from './host-lock.ts';
import { HostNetwork } from './host-network.ts';
import { openLog } from './log.ts';
import { createMetrics } from './metrics.ts';
import { registerHost } from './presence.ts';

const { values, positionals } = parseArgs({ options: { config: { type: 'string' } }, allowPositionals: true });
const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const works: Promise<unknown>[] = [];
const open: HostNetwork[] = [];
await using _cleanup = {
  async [Symbol.asyncDispose]() {
    await Promise.allSettled(works);
    for (const network of open) await network.close();
  },
};

const answer = await dispatch({
  tool: positionals[0] ?? '',
  env,
  stdin: env.CNI_COMMAND === undefined ? Buffer.alloc(0) : readFileSync(0),
  services: async () => {
    const config = readConfig(values.config ?? '/etc/weir/agent.yaml');
    mkdirSync(config.runDir, { recursive: true, mode: 0o700 });
    // Held until the process ends.
    await lockHost(config.runDir, { wait: 30_000 });
    const network = await HostNetwork.open({ config, log: openLog({ host: config.host, level: 'silent' }), metrics: createMetrics() });
    open.push(network);
    await network.syncOnce({ storeMayBeAway: env.CNI_COMMAND === 'DEL' || env.CNI_COMMAND === 'STATUS' });
    // Without the Host object the other hosts know no way to this one; a host whose agent never ran has none.
    if (env.CNI_COMMAND === 'ADD') await registerHost(new ObjectStore(network.store), config.host, config.addresses ?? hostAddresses());
    return network.services((work) => works.push(work), new Attachments());
  },
});
process.stdout.write(answer.stdout);
process.stderr.write(answer.stderr);
process.exitCode = answer.exitCode;
