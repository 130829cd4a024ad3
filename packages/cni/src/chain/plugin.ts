import type { Endpoint } from '@weir/resources';
import { CNI_CODE, CniError } from '../cni-error.ts';
import { parseJson } from '../protocol/json.ts';
import type { AnyCall, Call, GcCall, StatusCall } from '../protocol/request.ts';
import { decodeResult, encodeResult, type Result } from '../protocol/result.ts';
import { isAtLeast } from '../protocol/version.ts';
import type { Services } from '../services.ts';
import type { Neighbours, Tool, Underway } from '../tool.ts';
import { executePlugin, findPlugin, type Outcome } from './execute-plugin.ts';

/** One link of a chain, or a delegate: a tool of ours in this process, or anybody's executable. */
export interface Plugin {
  type: string;
  own: boolean;
  add(call: Call): Promise<Result>;
  /** As a tool's `begin`. Somebody else's plugin ends before this resolves. */
  begin(call: Call, neighbours: Neighbours): Promise<Underway>;
  endpoint(call: Call): Endpoint | undefined;
  del(call: Call): Promise<void>;
  check(call: Call): Promise<void>;
  gc(call: GcCall): Promise<void>;
  status(call: StatusCall): Promise<void>;
}

/** @returns the tool of that name among `own`, else whatever CNI_PATH has under that name */
export function pluginFor(type: string, own: readonly Tool[], services: Services): Plugin {
  const tool = own.find(({ name }) => name === type);
  return tool === undefined ? foreignPlugin(type, services) : ownPlugin(tool, services);
}

function ownPlugin(tool: Tool, services: Services): Plugin {
  return {
    type: tool.name,
    own: true,
    add: (call) => tool.add(call, services),
    endpoint: (call) => tool.endpoint?.(call, services),
    begin: async (call, neighbours) =>
      (await tool.begin?.(call, services, neighbours)) ?? { result: await tool.add(call, services), done: Promise.resolve() },
    del: (call) => tool.del(call, services),
    check: (call) => tool.check(call, services),
    gc: (call) => tool.gc(call, services),
    status: (call) => tool.status(call, services),
  };
}

function foreignPlugin(type: string, { say }: Services): Plugin {
  const run = (command: AnyCall['command'], call: AnyCall) => execute(type, command, call, say);
  const add = async (call: Call) => resultOf(type, await run('ADD', call), call.cniVersion);
  return {
    type,
    own: false,
    add,
    begin: async (call) => ({ result: await add(call), done: Promise.resolve() }),
    endpoint: () => undefined,
    del: async (call) => void (await run('DEL', call)),
    check: async (call) => void (await run('CHECK', call)),
    gc: async (call) => void (knowsNewVerbs(call) && (await run('GC', call))),
    status: async (call) => void (knowsNewVerbs(call) && (await run('STATUS', call))),
  };
}

/** A step may speak an older version than the network: its plugin was never promised these commands. */
function knowsNewVerbs({ cniVersion }: AnyCall): boolean {
  return isAtLeast(cniVersion, '1.1.0');
}

/** @returns what the plugin said on stdout, where it ended well. Of commands other than ADD nothing is expected there, and libcni does not look at it either. */
async function execute(type: string, command: AnyCall['command'], call: AnyCall, say: Services['say']): Promise<string> {
  // As libcni does: DEL was given no result before 0.4.0.
  const withResult = command !== 'DEL' || isAtLeast(call.cniVersion, '0.4.0');
  const known = 'prevResult' in call && withResult ? call.prevResult : undefined;
  const prevResult = known && encodeResult(known, call.cniVersion);
  const outcome = await executePlugin({
    path: await findPlugin(type, call.pluginPath),
    environment: { ...call.environment, CNI_COMMAND: command },
    stdin: JSON.stringify({ ...call.config, type, prevResult }),
  });
  say?.(outcome.stderr);
  if (outcome.exitCode !== 0) throw failureOf(type, command, outcome);
  return outcome.stdout;
}

function resultOf(type: string, stdout: string, version: string): Result {
  if (stdout.trim() === '')
    throw new CniError(CNI_CODE.plugin, `${type} ended ADD without a result on its standard output`, { plugin: type });
  try {
    return decodeResult(parseJson(stdout), version);
  } catch (error) {
    if (error instanceof CniError) throw new CniError(error.code, `${type}: ${error.message}`, { cause: error, plugin: type });
    const message = `${type} answered ADD with something other than JSON: ${JSON.stringify(stdout.slice(0, 200))}`;
    throw new CniError(CNI_CODE.plugin, message, { cause: error, plugin: type });
  }
}

/** Keeps the plugin's own code and words when it answered as the specification asks. */
function failureOf(type: string, command: string, { exitCode, stdout, stderr }: Outcome): CniError {
  const { code, msg, details } = errorIn(stdout);
  if (typeof code === 'number' && typeof msg === 'string') {
    return new CniError(code, `${type}: ${msg}`, { details: typeof details === 'string' ? details : '', plugin: type });
  }
  const [lastWords, answer] = [stderr.trim().slice(-200), stdout.trim().slice(0, 200)];
  const words = [lastWords, ...(answer === '' ? [] : [`it answered ${JSON.stringify(answer)}`])].filter((text) => text !== '');
  return new CniError(CNI_CODE.plugin, [`${type} ended ${command} with ${exitCode}`, ...words].join(': '), { plugin: type });
}

function errorIn(stdout: string): Partial<Record<'code' | 'msg' | 'details', unknown>> {
  try {
    return (parseJson(stdout) ?? {}) as object;
  } catch {
    return {};
  }
}
