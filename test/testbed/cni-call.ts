import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { LabHost } from '@weir/lab';

export interface CniCall {
  host: LabHost;
  command: 'ADD' | 'DEL' | 'CHECK' | 'STATUS' | 'GC' | 'VERSION';
  /** Not set when absent. */
  containerId?: string;
  /** CNI_IFNAME: eth0 by default. */
  interfaceName?: string;
  /** CNI_NETNS; not set when absent. */
  namespace?: string;
  /** Name of the launcher: weir by default. */
  tool?: string;
  /** A script for Node that is called in the launcher's place. */
  through?: string;
  /** The network's configuration by default. Text goes in as it is. */
  stdin?: string | object;
}

export interface CniAnswer {
  exitCode: number | null;
  stdout: string;
  stderr: string;
  /** Standard output, where it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: results and errors of several versions
  json: any;
}

const NETWORK = JSON.parse(readFileSync(new URL('../../cni-configs/weir.json', import.meta.url), 'utf8')) as object;

/** The network file of cni-configs as Mesos hands it to a plugin, with the task's labels. */
export function mesosNetwork(labels: Record<string, string> = {}, changes: object = {}): object {
  const list = Object.entries(labels).map(([key, value]) => ({ key, value }));
  return { ...NETWORK, ...changes, args: { 'org.apache.mesos': { network_info: { name: 'weir', labels: { labels: list } } } } };
}

/** Starts a launcher on a host, as a runtime does; `kill` is kill -9 for whatever it has become by then. */
export function startCni(call: CniCall): { answer: Promise<CniAnswer>; kill: () => void } {
  const { host, command, containerId, interfaceName = 'eth0', namespace, tool = 'weir', through, stdin = mesosNetwork() } = call;
  const [program, script] = through === undefined ? [join(host.pluginsDir, tool), []] : [process.execPath, [through]];
  const child = host.spawn(program, script, {
    env: {
      CNI_COMMAND: command,
      ...(containerId !== undefined && { CNI_CONTAINERID: containerId, CNI_IFNAME: interfaceName }),
      ...(namespace !== undefined && { CNI_NETNS: namespace }),
      CNI_PATH: host.pluginsDir,
      PATH: process.env.PATH,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin!.on('error', () => {}); // killed before it read
  child.stdin!.end(typeof stdin === 'string' ? stdin : JSON.stringify(stdin));
  const answer = Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]).then(
    ([stdout, stderr, [exitCode]]): CniAnswer => ({ exitCode, stdout, stderr, json: parse(stdout) }),
  );
  return { answer, kill: () => void child.kill('SIGKILL') };
}

export function callCni(call: CniCall): Promise<CniAnswer> {
  return startCni(call).answer;
}

function parse(output: string): unknown {
  try {
    return JSON.parse(output);
  } catch {
    return undefined;
  }
}
