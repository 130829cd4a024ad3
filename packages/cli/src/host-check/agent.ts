/** Weir's agent and its store. */

import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type AgentConfig, readConfig } from '@weir/agent';
import { CNI_CODE, decodeResponse, encodeRequest, type LauncherRequest, type LauncherResponse } from '@weir/cni';
import { openStore } from '@weir/datastore';
import type { HostFolders } from '../host-install/host-folders.ts';
import { checkBgp } from './bgp.ts';
import { type Check, failed, ok, skipped, warning } from './check.ts';
import { checkDocker } from './docker.ts';
import type { Networks } from './networks.ts';

const PATIENCE_MS = 5000;

export async function checkAgent({ agentConfig, pluginsDir }: HostFolders, networks: Networks): Promise<Check[]> {
  let config: AgentConfig;
  try {
    config = readConfig(agentConfig);
  } catch (error) {
    return [failed('agent.yaml', (error as Error).message, `correct ${agentConfig}; docs/configuration.md#the-agent has all keys`)];
  }
  const [{ check: store, isNew }, socket, readiness, bgp, docker] = await Promise.all([
    checkStore(config),
    checkSocket(config),
    checkReadiness(config),
    checkBgp(config),
    checkDocker(config),
  ]);
  const status =
    socket.status === 'ok'
      ? await Promise.all([...networks].map(([name, network]) => checkStatus(config, name, network.config, { pluginsDir, isNew })))
      : [];
  return [
    ok('agent.yaml', agentConfig),
    ...checkHostDns(config, networks, agentConfig),
    store,
    socket,
    readiness,
    ...bgp,
    ...docker,
    ...status,
  ];
}

/** A network that promises names, and an agent that answers for none: each ADD is refused. */
export function checkHostDns({ dns }: Pick<AgentConfig, 'dns'>, networks: Networks, agentConfig: string): Check[] {
  return [...networks].flatMap(([name, { path, config }]) => {
    if (!stepsOf(config).some(({ type, hostDns }) => type === 'weir-route' && hostDns === true)) return [];
    const title = `DNS of ${name}`;
    if (dns !== undefined) return [ok(title, 'the agent answers it')];
    const remedy = `add the section "dns: {}" to ${agentConfig} and restart the agent, or take hostDns out of ${path}`;
    return [failed(title, 'the network has "hostDns": true, and the agent\'s configuration has no section "dns"', remedy)];
  });
}

function stepsOf(config: Record<string, unknown>): Record<string, unknown>[] {
  const { chain } = config;
  return [config, ...(Array.isArray(chain) ? (chain as Record<string, unknown>[]) : [])];
}

/** @returns isNew: nobody has made a pool yet */
async function checkStore({ store: options }: AgentConfig): Promise<{ check: Check; isNew: boolean }> {
  const name = 'store';
  if (options.backend === 'embedded' && !existsSync(options.path))
    return { check: skipped(name, `there is none at ${options.path} yet: the agent makes it`), isNew: true };
  try {
    const store = await openStore(options);
    try {
      const { entries, revision } = await store.list('/weir/v1/Pool/');
      const place = options.backend === 'etcd' ? `etcd at ${options.endpoints.join(', ')}` : options.path;
      return { check: ok(name, `${place}, revision ${revision}`), isNew: entries.length === 0 };
    } finally {
      await store.close();
    }
  } catch (error) {
    const check = failed(name, (error as Error).message, 'correct the section "store" of agent.yaml, or see to the store');
    return { check, isNew: false };
  }
}

async function checkSocket({ runDir }: AgentConfig): Promise<Check> {
  const path = join(runDir, 'agent.sock');
  try {
    const { exitCode } = await ask(path, { tool: 'weir', env: { CNI_COMMAND: 'VERSION' }, stdin: Buffer.alloc(0) });
    return exitCode === 0
      ? ok('agent', `answers at ${path}`)
      : failed('agent', `VERSION at ${path} ended with ${exitCode}`, 'see its log: journalctl -u weir-agent');
  } catch (error) {
    return failed('agent', `${path}: ${(error as Error).message}`, 'systemctl enable --now weir-agent; its log: journalctl -u weir-agent');
  }
}

async function ask(path: string, request: LauncherRequest): Promise<LauncherResponse> {
  const socket = connect(path);
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`no answer in ${PATIENCE_MS / 1000} s`)));
  socket.end(encodeRequest(request));
  return decodeResponse(await buffer(socket));
}

async function checkReadiness({ http }: AgentConfig): Promise<Check> {
  const url = `http://${http}/readyz`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const { ready, reasons } = (await answer.json()) as { ready: boolean; reasons: string[] };
    const remedy = 'docs/troubleshooting.md#readyz says what to do about each';
    if (!ready) return failed('readiness', reasons.join('; '), remedy);
    return reasons.length === 0 ? ok('readiness', 'policy and routes are in step') : warning('readiness', reasons.join('; '), remedy);
  } catch (error) {
    const { cause, message } = error as Error;
    return failed(
      'readiness',
      `${url}: ${cause instanceof Error ? cause.message : message}`,
      'start the agent; see its log: journalctl -u weir-agent',
    );
  }
}

/** What an ADD in this network would meet now (STATUS of the specification, 1.1.0). That a new cluster has no pool yet is no fault of the host's. */
async function checkStatus(
  { runDir }: AgentConfig,
  name: string,
  config: Record<string, unknown>,
  { pluginsDir, isNew }: { pluginsDir: string; isNew: boolean },
): Promise<Check> {
  const title = `STATUS of ${name}`;
  const { exitCode, stdout } = await ask(join(runDir, 'agent.sock'), {
    tool: String(config.type),
    env: { CNI_COMMAND: 'STATUS', CNI_PATH: pluginsDir },
    stdin: Buffer.from(JSON.stringify({ ...config, cniVersion: '1.1.0' })),
  });
  if (exitCode === 0) return ok(title, 'ready for containers');
  const { code, msg = stdout, details = '' } = JSON.parse(stdout) as { code?: number; msg?: string; details?: string };
  if (code === CNI_CODE.invalidEnvironment) return skipped(title, 'the agent that runs knows no STATUS');
  if (isNew) return warning(title, msg, 'once for the cluster: docs/install-mesos-agent.md#5-addresses');
  return failed(title, msg, details || "see the agent's log: journalctl -u weir-agent");
}
