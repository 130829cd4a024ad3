/** The daemon of a host: holds the lock, serves the launcher, follows the store, shows its health, and collects what was left behind. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { dispatch, type LauncherRequest, type LauncherResponse } from '@weir/cni';
import type { Muted } from '@weir/policy';
import { DNS4, DNS6 } from '@weir/routing';
import { AgentError } from './agent-error.ts';
import { Attachments } from './calls/attachments.ts';
import { serveCni } from './calls/cni-server.ts';
import { type AgentConfig, readConfig } from './config.ts';
import { keepFlows } from './flows/flow-log.ts';
import { serveHealth } from './health.ts';
import { HostNetwork } from './host-network.ts';
import { hostAddresses } from './hosts/host-addresses.ts';
import { lockHost } from './hosts/host-lock.ts';
import { keepPresence } from './hosts/presence.ts';
import { type Logger, openLog } from './log.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { Pause } from './pause.ts';
import { VERSION } from './version.ts';

/** Longer than a call without an agent may take, in milliseconds. */
const LOCK_PATIENCE = 60_000;
/** How long an ADD waits for an agent that is just starting, in milliseconds. */
const START_PATIENCE = 10_000;
/** Between two looks for what was left behind and for what somebody changed in the kernel, in milliseconds. */
const RECONCILE_INTERVAL = 30_000;
/** The same, while something is left that could not be removed. */
const RETRY_INTERVAL = 2_000;
/** Between two questions whether somebody else changed nftables, in milliseconds. */
const TABLE_INTERVAL = 500;

/** Runs the agent until SIGTERM or SIGINT. Kernel state stays as it is: an agent that ends or is killed cuts no traffic. */
export async function runAgent(options: { configFile: string }): Promise<void> {
  const config = readConfig(options.configFile);
  const log = openLog({ host: config.host, level: config.logLevel });
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  mkdirSync(config.runDir, { recursive: true, mode: 0o700 });
  const addresses = config.addresses ?? hostAddresses();
  using lock = await waitForLock(config.runDir, stop.signal, log);
  if (lock === undefined) return;
  const metrics = createMetrics();
  // Whatever fails, also in the middle of the start, closes all that was opened: what is left open keeps the process, and its calls, waiting.
  await using opened = new AsyncDisposableStack();
  opened.defer(() => log.info('agent stopped'));
  let network: HostNetwork | undefined;
  // First: that another process has its port is to end the agent before it touches anything.
  const health = await serveHealth({
    listen: config.http,
    readiness: () => (network ? { ready: network.ready, reasons: network.problems } : { ready: false, reasons: ['the agent is starting'] }),
    metrics: metrics.registry,
  });
  opened.defer(() => {
    health.close();
    health.closeAllConnections();
  });
  network = await HostNetwork.open({ config, log, metrics, stays: true });
  opened.defer(() => network.close());
  // Calls under way end, so that none is left half-done.
  const attachments = new Attachments();
  opened.defer(() => attachments.idle());
  const registered = Promise.withResolvers<void>();
  const untilReady = readiness(network, registered.promise);
  const server = serveCni({
    socketPath: join(config.runDir, 'agent.sock'),
    handle: (request) => serveCall(request, { network, untilReady, attachments, metrics, log }),
    log,
  });
  opened.defer(() => server.close());
  opened.defer(() => stop.abort());
  log.info({ version: VERSION, runDir: config.runDir, http: config.http, store: config.store.backend }, 'agent started');
  await Promise.all([
    network.follow(stop.signal),
    keepRouting(network, stop.signal),
    keepBgp(network, stop.signal),
    present(network, { config, addresses, registered: registered.resolve }, stop.signal, log),
    reconcileNowAndThen(network, attachments, stop.signal, log),
    watchTable(network, stop.signal),
    followTasks(network, attachments, stop.signal),
    network.serveDocker({ attachments, untilReady }, stop.signal),
    followMarathon(network, stop.signal),
    followRemoteClusters(network, stop.signal),
    network.followDns(stop.signal),
    network.serveNames(stop.signal),
    recordFlows(network, { config, metrics, log }, stop.signal),
  ]);
}

/** Undefined when the agent was told to end while it waited. */
async function waitForLock(runDir: string, signal: AbortSignal, log: Logger): Promise<Disposable | undefined> {
  try {
    const held = (path: string) => log.warn({ path }, 'another agent, or a call that is served without one, works on this host: waiting');
    return await lockHost(runDir, { wait: LOCK_PATIENCE, signal, held });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

async function serveCall(
  request: LauncherRequest,
  agent: { network: HostNetwork; untilReady: () => Promise<void>; attachments: Attachments; metrics: Metrics; log: Logger },
): Promise<LauncherResponse> {
  const { network, untilReady, attachments, metrics, log } = agent;
  const { CNI_COMMAND: command = '', CNI_CONTAINERID: containerId = '', CNI_IFNAME: interfaceName = '' } = request.env;
  const started = performance.now();
  const answer = await attachments.run({ containerId, interfaceName }, (later) =>
    dispatch({
      ...request,
      services: async () => {
        // DEL never waits for the store: what it cannot do now, reconciliation does. STATUS is to say that it is away.
        if (command !== 'DEL' && command !== 'STATUS') await untilReady();
        return network.services(later, attachments);
      },
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const call = { tool: request.tool, command, containerId, interfaceName, ms: Math.round(seconds * 1e4) / 10 };
  // The container need not wait for the books.
  setImmediate(() => {
    metrics.cniDuration.observe({ tool: request.tool, command, outcome: answer.exitCode === 0 ? 'ok' : 'error' }, seconds);
    if (answer.exitCode === 0) log.info(call, 'CNI call');
    else log.error({ ...call, answer: answer.stdout }, 'CNI call failed');
  });
  return answer;
}

/** Gives what waits until all that the store has is in force, and the store has this host: what a host without a Host object holds may be given to others. */
function readiness(network: HostNetwork, registered: Promise<void>): () => Promise<void> {
  let isReady = false;
  const ready = Promise.all([network.synced, registered]).then(() => {
    isReady = true;
  });
  return async () => {
    if (!isReady) await withinPatience(ready, network);
  };
}

async function withinPatience(ready: Promise<unknown>, network: HostNetwork): Promise<void> {
  const patience = new AbortController();
  const tooLate = delay(START_PATIENCE, undefined, { signal: patience.signal }).then(() => {
    throw new AgentError('ENOTREADY', `the agent is not ready: ${network.problems.join('; ')}`);
  });
  try {
    await Promise.race([ready, tooLate]);
  } finally {
    patience.abort();
  }
}

async function syncedOrStopped(network: HostNetwork, signal: AbortSignal): Promise<void> {
  await Promise.race([network.synced, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
}

/** Host object and sign of life, as soon as the store answers. */
async function present(
  network: HostNetwork,
  { config, addresses, registered }: { config: AgentConfig; addresses: string[]; registered: () => void },
  signal: AbortSignal,
  log: Logger,
): Promise<void> {
  await syncedOrStopped(network, signal);
  if (signal.aborted) return;
  const { host, presenceTtl: ttlSeconds } = config;
  const problems = () => network.problems;
  const bgp = () => network.bgp.sessions;
  const underlay = () => network.underlay;
  const dnsAddresses = config.dns ? [DNS4, DNS6] : [];
  await keepPresence({
    store: network.store,
    host,
    addresses,
    dnsAddresses,
    version: VERSION,
    ttlSeconds,
    problems,
    bgp,
    underlay,
    registered,
    signal,
    log,
  });
}

async function keepRouting(network: HostNetwork, signal: AbortSignal): Promise<void> {
  await syncedOrStopped(network, signal);
  if (!signal.aborted) await network.upkeep.run(signal);
}

async function keepBgp(network: HostNetwork, signal: AbortSignal): Promise<void> {
  await syncedOrStopped(network, signal);
  if (!signal.aborted) await network.bgp.run(signal);
}

/** Endpoints from before this process started are known once the store is. */
async function followTasks(network: HostNetwork, attachments: Attachments, signal: AbortSignal): Promise<void> {
  await syncedOrStopped(network, signal);
  await network.followTasks(attachments, signal);
}

async function followMarathon(network: HostNetwork, signal: AbortSignal): Promise<void> {
  await syncedOrStopped(network, signal);
  await network.followMarathon(signal);
}

async function followRemoteClusters(network: HostNetwork, signal: AbortSignal): Promise<void> {
  await syncedOrStopped(network, signal);
  await network.followRemoteClusters(signal);
}

async function recordFlows(
  network: HostNetwork,
  { config, metrics, log }: { config: AgentConfig; metrics: Metrics; log: Logger },
  signal: AbortSignal,
): Promise<void> {
  await syncedOrStopped(network, signal);
  if (signal.aborted) return;
  const mute = (whom: Muted) => network.mute(whom);
  await keepFlows({ host: config.host, store: network.store, policy: network.policy, mute, metrics, log }, signal);
}

/** A `flush ruleset`, as a reload of Debian's nftables service does it, takes our table too: without it everything is open. */
async function watchTable(network: HostNetwork, signal: AbortSignal): Promise<void> {
  await syncedOrStopped(network, signal);
  while (!signal.aborted) {
    try {
      network.repairTable();
      network.upkeep.repairForwarding();
    } catch {
      // Logged, shown by readiness, and tried again.
    }
    await delay(TABLE_INTERVAL, undefined, { signal }).catch(() => {});
  }
}

async function reconcileNowAndThen(network: HostNetwork, attachments: Attachments, signal: AbortSignal, log: Logger): Promise<void> {
  await syncedOrStopped(network, signal);
  const pause = new Pause();
  const listen = async (): Promise<void> => {
    await network.somethingLeft;
    await delay(RETRY_INTERVAL, undefined, { signal }).catch(() => {});
    pause.cut();
    if (!signal.aborted) void listen();
  };
  void listen();
  while (!signal.aborted) {
    let interval = RECONCILE_INTERVAL;
    try {
      await network.reconcile(attachments);
      network.refresh();
    } catch (error) {
      // The next round tries again; readiness and metrics show what lasts.
      log.warn({ error: (error as Error).message }, 'reconciliation was cut short');
      interval = RETRY_INTERVAL;
    }
    await pause.for(interval, signal);
  }
}
