import { z } from 'zod';
import { CNI_CODE, CniError, isAlreadyAttached } from '../cni-error.ts';
import { explainError } from '../explain-error.ts';
import type { NetworkConfig } from '../protocol/network-config.ts';
import type { AnyCall, Call, GcCall, StatusCall } from '../protocol/request.ts';
import type { Result } from '../protocol/result.ts';
import { attachmentsOf } from '../protocol/valid-attachments.ts';
import { highestVersion, isCniVersion } from '../protocol/version.ts';
import type { Services } from '../services.ts';
import { workedOutOnce } from '../worked-out-once.ts';
import type { Plugin } from './plugin.ts';
import { runAll, runAllAndTellAll } from './run-all.ts';

/** One step's part of the network's configuration: what the plugin of that type takes. */
export const stepSchema = z.looseObject({
  type: z.string().min(1),
  cniVersion: z.string().optional(),
  args: z.record(z.string(), z.unknown()).optional(),
  capabilities: z.record(z.string(), z.boolean()).optional(),
});

export type StepConfig = z.infer<typeof stepSchema>;

/** A step with the plugin that does it. */
export interface Step {
  config: StepConfig;
  plugin: Plugin;
}

/**
 * Runs ADD through the steps in order, by the rules that libcni has for a list: each gets the result of the one before. When one
 * fails, what was made is removed in reverse order, the failed one's leavings too, and its error is thrown. What a step of ours has begun may
 * go on beside the next ones of ours, and is done before anybody else hears of it.
 *
 * @param results are given the result so far before each step that is not ours, and the whole one: should this process be killed, DEL can
 *   hand it on
 */
export async function addChain(steps: readonly Step[], call: Call, results: Services['results']): Promise<Result> {
  let result = call.prevResult;
  let earlier = Promise.resolve();
  const begun = new Set<Step>();
  try {
    for (const [index, step] of steps.entries()) {
      if (!step.plugin.own) await earlier;
      if (!step.plugin.own && result !== undefined) results.keep(call, result);
      begun.add(step);
      const next = steps[index + 1];
      const endpointNext = (made: Result) => next?.plugin.endpoint(callOf(next, call, made));
      const underway = await step.plugin.begin(callOf(step, call, result), { earlier, endpointNext });
      result = underway.result;
      earlier = bothDone(earlier, underway.done);
    }
    await earlier;
  } catch (error) {
    const first = await failureOf(earlier, error);
    // Somebody's sound attachment stands in the way: undoing would tear it down.
    if (isAlreadyAttached(first)) throw first;
    // One of ours may have had something done ahead of its turn.
    const undone = steps.filter((step) => step.plugin.own || begun.has(step));
    throw await undo(undone, { ...call, command: 'DEL', prevResult: result }, first, results);
  }
  if (result === undefined)
    throw new CniError(CNI_CODE.invalidConfig, 'the chain has no steps', { details: 'leave "chain" out for the usual one' });
  if (isMixed(steps)) results.keep(call, result);
  return result;
}

/** Rejects with the first one's failure if it has any, and not before both have ended: what goes on cannot be undone. */
function bothDone(first: Promise<void>, second: Promise<void>): Promise<void> {
  const both = Promise.allSettled([first, second]).then(async () => void (await Promise.all([first, second])));
  both.catch(() => {}); // told when it is awaited
  return both;
}

/** Of a step's error and what earlier steps had begun, which ends before this resolves: theirs is the reason, if they failed. */
async function failureOf(earlier: Promise<void>, error: unknown): Promise<unknown> {
  return earlier.then(
    () => error,
    (first) => first,
  );
}

/** @returns the error to throw: the first one, and what could not be undone in its details */
async function undo(steps: readonly Step[], call: Call, error: unknown, results: Services['results']): Promise<unknown> {
  try {
    await delChain(steps, call, results);
    return error;
  } catch (second) {
    const first = explainError(error);
    const details = `${first.details}${first.details === '' ? '' : '; '}undoing it left something behind: ${explainError(second).message}`;
    return new CniError(first.code, first.message, { cause: error, details, plugin: first.plugin });
  }
}

/** Runs DEL through the steps, last first, each of them even if another failed. */
export async function delChain(steps: readonly Step[], call: Call, results: Services['results']): Promise<void> {
  const known = withResult(steps, call, results);
  try {
    await runAll(steps.toReversed().map((step) => () => step.plugin.del(callOf(step, known, known.prevResult))));
  } catch (error) {
    // The runtime hears of this one and calls again; what our own steps leave, the agent removes without the result.
    if (isMixed(steps) && explainError(error).plugin === undefined) results.forget(call);
    throw error;
  }
  if (isMixed(steps)) results.forget(call);
}

/** Runs CHECK through the steps in order, to the last: every step is given the whole chain's result. */
export async function checkChain(steps: readonly Step[], call: Call, results: Services['results']): Promise<void> {
  const known = withResult(steps, call, results);
  await runAllAndTellAll(steps.map((step) => () => step.plugin.check(callOf(step, known, known.prevResult))));
}

/** Mesos hands no result back. */
function withResult(steps: readonly Step[], call: Call, results: Services['results']): Call {
  return call.prevResult === undefined && isMixed(steps) ? { ...call, prevResult: results.find(call) } : call;
}

/** Our own steps need no result to undo what they did, so for a chain of them alone none is kept. */
function isMixed(steps: readonly Step[]): boolean {
  return steps.some(({ plugin }) => !plugin.own);
}

/** Runs GC through the steps in order, each of them even if another failed. */
export async function gcChain(steps: readonly Step[], call: GcCall): Promise<void> {
  await runAllAndTellAll(steps.map((step) => () => step.plugin.gc(forStep(step, call))));
}

/** Asks every step, so that all that is missing is told at once. */
export async function statusOfChain(steps: readonly Step[], call: StatusCall): Promise<void> {
  await runAllAndTellAll(steps.map((step) => () => step.plugin.status(forStep(step, call))));
}

function callOf(step: Step, call: Call, prevResult: Result | undefined): Call {
  return { ...forStep(step, call), prevResult };
}

/**
 * The network's call as one step gets it: without `capabilities`, which are between network and runtime. A step may speak a version of its
 * own; otherwise it speaks the highest that the network names.
 */
function forStep<C extends AnyCall>({ config: step }: Step, call: C): C {
  const ofStep = configsOf(call.config)(step);
  const { cniVersion } = ofStep;
  if (!isCniVersion(cniVersion) && call.command !== 'DEL') {
    throw new CniError(
      CNI_CODE.incompatibleVersion,
      `the step "${step.type}" has cniVersion ${JSON.stringify(cniVersion)}, which is not known`,
    );
  }
  const config = call.command === 'GC' ? { ...ofStep, ...attachmentsOf(call.config) } : ofStep;
  return { ...call, config, cniVersion: isCniVersion(cniVersion) ? cniVersion : call.cniVersion };
}

/** By the network's configuration, and a step's part of it. */
const configsOf = workedOutOnce((network: NetworkConfig) =>
  workedOutOnce(({ capabilities, ...step }: StepConfig): NetworkConfig => {
    const { cniVersion = highestVersion(network) } = step;
    const args = { ...step.args, ...network.args };
    const runtimeConfig = capable(capabilities, network);
    return {
      ...step,
      name: network.name,
      cniVersion,
      ...(Object.keys(args).length > 0 ? { args } : {}),
      ...(Object.keys(runtimeConfig).length > 0 ? { runtimeConfig } : {}),
    };
  }),
);

/** Of what the runtime offers, the capabilities that the step declares (CNI CONVENTIONS.md, "Dynamic plugin specific fields"). */
function capable(declared: StepConfig['capabilities'], network: NetworkConfig): Record<string, unknown> {
  const offered = Object.entries(network.runtimeConfig ?? {});
  return Object.fromEntries(offered.filter(([name]) => declared?.[name] === true));
}
