import { z } from 'zod';
import { addChain, checkChain, delChain, type Step, type StepConfig, stepSchema } from '../chain.ts';
import { resultOfEndpoint } from '../endpoint-result.ts';
import { parseConfig } from '../network-config.ts';
import { pluginFor } from '../plugin.ts';
import type { Call } from '../request.ts';
import type { Result } from '../result.ts';
import type { Services } from '../services.ts';
import type { Tool } from '../tool.ts';
import { weirIpam } from './weir-ipam.ts';
import { weirPolicy } from './weir-policy.ts';
import { weirRoute } from './weir-route.ts';

const configSchema = z.looseObject({
  chain: z
    .array(stepSchema)
    .min(1)
    .default([{ type: 'weir-route', ipam: { type: 'weir-ipam' } }, { type: 'weir-policy' }]),
});

/** A whole network in one plugin: Mesos takes one plugin a network, so the chain is run here. */
export const weir: Tool = {
  name: 'weir',

  async add(call, services) {
    return addChain(stepsOf(call, services), call);
  },

  async del(call, services) {
    const steps = stepsOf(call, services);
    await delChain(steps, { ...call, prevResult: call.prevResult ?? (await remembered(steps, call, services)) });
  },

  async check(call, services) {
    await checkChain(stepsOf(call, services), call);
  },
};

function stepsOf(call: Call, services: Services): Step[] {
  const { chain } = parseConfig(configSchema, call.config, 'weir');
  return chain.map((step, index) => ({
    config: withFailClosed(step, chain.slice(index + 1)),
    plugin: pluginFor(step.type, [weirIpam, weirRoute, weirPolicy], services),
  }));
}

/** For foreign plugins only, and only while it can be had: DEL goes on without. */
async function remembered(steps: readonly Step[], call: Call, services: Services): Promise<Result | undefined> {
  if (steps.every(({ plugin }) => plugin.own)) return undefined;
  try {
    const endpoint = await services.enforcement.find(call);
    return endpoint && resultOfEndpoint(endpoint, call.namespace);
  } catch {
    return undefined;
  }
}

/** An interface that policy will guard carries nothing until then. */
function withFailClosed(step: StepConfig, later: readonly StepConfig[]): StepConfig {
  if (step.type !== weirRoute.name || !later.some(({ type }) => type === weirPolicy.name)) return step;
  return { ...step, failClosed: true };
}
