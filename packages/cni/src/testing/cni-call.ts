import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispatch } from '../dispatch.ts';
import { type Call, parseRequest } from '../protocol/request.ts';
import type { Services } from '../services.ts';

/** A file that stands for a container's network namespace, where only its path and its being there matter. */
export const NAMESPACE_FILE = (() => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-cni-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'ns');
  writeFileSync(path, '');
  return path;
})();

export const NETWORK = { cniVersion: '1.0.0', name: 'weir', type: 'weir' };

export function environment(command: string, changes: Record<string, string | undefined> = {}): Record<string, string> {
  const all = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: '11111111-2222-3333-4444-555555555555',
    CNI_IFNAME: 'eth0',
    CNI_NETNS: NAMESPACE_FILE,
    CNI_PATH: '/nowhere',
    PATH: process.env.PATH,
    ...changes,
  };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

export function parseCall(env: Record<string, string>, config: unknown): Call {
  const request = parseRequest(env, Buffer.from(JSON.stringify(config)));
  if (request.command !== 'CALL' || !('containerId' in request.call)) throw new Error(`${env.CNI_COMMAND} is not for one container`);
  return request.call;
}

export interface Answer {
  exitCode: number;
  stderr: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every version
  answer: any;
}

/** Calls a tool as the launcher does, with services that are already there. */
export async function callTool(tool: string, env: Record<string, string>, config: unknown, services: Services): Promise<Answer> {
  const stdin = Buffer.from(typeof config === 'string' ? config : JSON.stringify(config));
  const { exitCode, stdout, stderr } = await dispatch({ tool, env, stdin, services: async () => services });
  return { exitCode, stderr, answer: stdout === '' ? undefined : JSON.parse(stdout) };
}
