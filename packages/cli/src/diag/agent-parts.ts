/** What this host's agent says of itself. */
import { execFile } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import type { Part } from './part.ts';
import { maskSecrets } from './secrets.ts';

const run = promisify(execFile);

const PATIENCE_MS = 5000;
const LOG_LINES = 2000;
/** The end of a log file that is looked at; lines are some 200 bytes. */
const LOG_BYTES = 1024 * 1024;

export interface AgentFile {
  /** Parsed, without secrets. */
  config: unknown;
  secrets: string[];
  /** Address and port of its health. */
  http: string;
  host: string | undefined;
}

/** @throws Error for a file that cannot be read */
export async function readAgentFile(path: string): Promise<AgentFile> {
  const content: unknown = parse(await readFile(path, 'utf8')) ?? {};
  const { value, secrets } = maskSecrets(content);
  const { http = '127.0.0.1:9480', host } = content as { http?: string; host?: string };
  return { config: value, secrets, http, host };
}

/** @param of.log file of the agent's log; absent: systemd's journal has it */
export function agentParts({
  path,
  file,
  http,
  log,
}: {
  path: string;
  file: AgentFile | Error;
  http: string;
  log: string | undefined;
}): Part[] {
  const config = async () => {
    if (file instanceof Error) throw file;
    return stringify(file.config);
  };
  const ask = (what: string) => async () => {
    const answer = await fetch(`http://${http}/${what}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    return `${await answer.text()}\n`;
  };
  return [
    { file: 'agent/agent.yaml', what: `${path}, secrets masked`, read: config },
    { file: 'agent/healthz.txt', what: 'whether it runs', read: ask('healthz') },
    { file: 'agent/readyz.json', what: 'what is not as it should be', read: ask('readyz') },
    { file: 'agent/metrics.txt', what: 'its metrics', read: ask('metrics') },
    {
      file: 'agent/log.txt',
      what: `the last lines of its log, ${log ?? 'journalctl -u weir-agent'}`,
      read: () => (log === undefined ? journal() : tail(log)),
    },
  ];
}

async function journal(): Promise<string> {
  const { stdout } = await run('journalctl', ['-u', 'weir-agent', '-n', String(LOG_LINES), '--no-pager', '-o', 'short-iso-precise'], {
    maxBuffer: 64 * LOG_BYTES,
  });
  return stdout;
}

async function tail(path: string): Promise<string> {
  await using file = await open(path);
  const { size } = await file.stat();
  const start = Math.max(0, size - LOG_BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, LOG_BYTES)), 0, undefined, start);
  const lines = buffer.subarray(0, bytesRead).toString().trimEnd().split('\n');
  // The first one may have lost its begin.
  return `${lines
    .slice(start > 0 ? 1 : 0)
    .slice(-LOG_LINES)
    .join('\n')}\n`;
}
