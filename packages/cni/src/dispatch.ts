import { runAllAndTellAll } from './chain/run-all.ts';
import { CNI_CODE, CniError } from './cni-error.ts';
import { explainError } from './explain-error.ts';
import { parseJson } from './protocol/json.ts';
import { requireContainerNamespace } from './protocol/namespace-file.ts';
import { type AnyCall, type Call, parseRequest, type StatusCall } from './protocol/request.ts';
import { encodeResult, type Result } from './protocol/result.ts';
import { CNI_VERSIONS, isAtLeast } from './protocol/version.ts';
import type { Services } from './services.ts';
import { isFromMesos } from './task/network-info.ts';
import { withTask } from './task/with-task.ts';
import type { Tool } from './tool.ts';
import { TOOLS } from './tool-table.ts';
import type { LauncherResponse } from './wire-format.ts';

export interface DispatchInput {
  /** The name that the plugin was called by. */
  tool: string;
  env: Record<string, string>;
  stdin: Buffer;
  /** Called only by verbs that need them. */
  services: () => Promise<Services>;
}

/** Of what others' plugins say on their standard error, the last so many characters: Mesos puts all of it into a failed task's message. */
const MOST_SAID = 4096;

/**
 * One call of one tool, from environment and standard input to exit code and output. Never throws: every failure is an answer in the
 * specification's form.
 */
export async function dispatch(input: DispatchInput): Promise<LauncherResponse> {
  const said: string[] = [];
  const services = async () => ({ ...(await input.services()), say: (text: string) => void said.push(text) });
  const answer = await answerTo({ ...input, services });
  return { ...answer, stderr: said.join('').slice(-MOST_SAID) + answer.stderr };
}

async function answerTo(input: DispatchInput): Promise<LauncherResponse> {
  try {
    const tool = findTool(input.tool);
    const request = parseRequest(input.env, input.stdin);
    if (request.command === 'NONE') return about(tool);
    if (request.command === 'VERSION') return succeed({ cniVersion: request.cniVersion, supportedVersions: CNI_VERSIONS });
    return await run(tool, request.call, input.services);
  } catch (error) {
    if (isAfterReboot(input.env)) return leaveToAgent(input.tool, error);
    return { exitCode: 1, stdout: `${explainError(error).encode(versionOf(input.stdin))}\n`, stderr: '' };
  }
}

async function run(tool: Tool, call: AnyCall, services: () => Promise<Services>): Promise<LauncherResponse> {
  switch (call.command) {
    case 'ADD': {
      requireContainerNamespace(call);
      const there = await services();
      const result = await tool.add(await joined(call, there), there);
      return succeed(encodeResult(requireAddress(result, call), call.cniVersion, { mesos: isFromMesos(call.config) }));
    }
    case 'CHECK':
      await tool.check(call, await services());
      return succeed();
    case 'DEL':
      return await runDel(tool, call, services);
    case 'GC':
      await tool.gc(call, await services());
      return succeed();
    case 'STATUS':
      await runStatus(tool, call, services);
      return succeed();
  }
}

/** Of a result in the old form nothing would be left; and Mesos fails the task without a word of why. */
function requireAddress(result: Result, { config, cniVersion }: Call): Result {
  if (result.ips.length > 0 || (isAtLeast(cniVersion, '0.3.0') && !isFromMesos(config))) return result;
  throw new CniError(CNI_CODE.invalidConfig, `the network "${config.name}" gave the container no address`, {
    details: 'add the section ipam to the interface plugin in its network file',
  });
}

/** What is wrong with the call itself keeps its code; all else means that the plugin is not available. */
const FAULTS_OF_THE_CALL: readonly number[] = [CNI_CODE.incompatibleVersion, CNI_CODE.io, CNI_CODE.decoding, CNI_CODE.invalidConfig];

async function runStatus(tool: Tool, call: StatusCall, services: () => Promise<Services>): Promise<void> {
  try {
    const ours = await services();
    await runAllAndTellAll([async () => refuseOutage(ours), () => tool.status(call, ours)]);
  } catch (error) {
    const { code, message, details, plugin } = explainError(error);
    const isTold = plugin !== undefined || code === CNI_CODE.limitedConnectivity || FAULTS_OF_THE_CALL.includes(code);
    throw new CniError(isTold ? code : CNI_CODE.notAvailable, message, { cause: error, details, plugin });
  }
}

function refuseOutage(services: Services): void {
  const outage = services.outage();
  if (outage === undefined) return;
  const code = outage.hurtsContainers ? CNI_CODE.limitedConnectivity : CNI_CODE.notAvailable;
  throw new CniError(code, outage.message, { details: "see the agent's log and its /readyz" });
}

/** With what the task's own labels say, where somebody knows them. */
async function joined(call: Call, services: Services): Promise<Call> {
  const task = isFromMesos(call.config) ? await services.findTask?.(call) : undefined;
  return task === undefined ? call : withTask(call, task);
}

/**
 * A DEL that fails does harm: Mesos keeps the container. What is ours and could not be removed now, the agent removes when it reconciles.
 * Only a foreign plugin's failure is told, since nobody else can repair it.
 */
async function runDel(tool: Tool, call: Call, services: () => Promise<Services>): Promise<LauncherResponse> {
  try {
    await tool.del(call, await services());
    return succeed();
  } catch (error) {
    const explained = explainError(error);
    if (explained.plugin !== undefined) throw explained;
    return leaveToAgent(tool.name, explained);
  }
}

/** A DEL without a namespace that fails, whatever the reason, would end the Mesos agent at every start. */
function isAfterReboot({ CNI_COMMAND, CNI_NETNS = '' }: Record<string, string>): boolean {
  return CNI_COMMAND === 'DEL' && CNI_NETNS === '';
}

function leaveToAgent(tool: string, error: unknown): LauncherResponse {
  const line = `${tool}: DEL left something to the agent: ${explainError(error).message}`.replace(/\s+/g, ' ');
  return { exitCode: 0, stdout: '', stderr: `${line.slice(0, 300)}\n` };
}

/** As the reference implementation does for somebody who just starts the binary. */
function about(tool: Tool): LauncherResponse {
  return { exitCode: 0, stdout: '', stderr: `${tool.name}: CNI plugin of Weir, protocol versions ${CNI_VERSIONS.join(', ')}\n` };
}

function succeed(answer?: object): LauncherResponse {
  return { exitCode: 0, stdout: answer === undefined ? '' : `${JSON.stringify(answer)}\n`, stderr: '' };
}

function findTool(name: string): Tool {
  const tool = TOOLS.get(name);
  if (tool !== undefined) return tool;
  throw new CniError(CNI_CODE.invalidConfig, `there is no tool ${JSON.stringify(name)} in Weir`, {
    details: `the launcher goes by its own file name: one of ${[...TOOLS.keys()].join(', ')}`,
  });
}

/** The version for an error answer: the configuration's, where it can be read. */
function versionOf(stdin: Buffer): string {
  try {
    const { cniVersion } = parseJson(stdin.toString('utf8')) as { cniVersion?: unknown };
    return typeof cniVersion === 'string' ? cniVersion : '0.1.0';
  } catch {
    return '0.1.0';
  }
}
