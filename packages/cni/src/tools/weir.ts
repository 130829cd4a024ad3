import { z } from 'zod';
import { addChain, checkChain, delChain, gcChain, type Step, type StepConfig, statusOfChain, stepSchema } from '../chain/chain.ts';
import { pluginFor } from '../chain/plugin.ts';
import { runAllAndTellAll } from '../chain/run-all.ts';
import { CNI_CODE, CniError } from '../cni-error.ts';
import { parseConfig } from '../protocol/network-config.ts';
import type { AnyCall, Call } from '../protocol/request.ts';
import type { Services } from '../services.ts';
import { isFromMesos, withMesosRuntimeConfig } from '../task/network-info.ts';
import type { Tool } from '../tool.ts';
import { workedOutOnce } from '../worked-out-once.ts';
import { collectStale } from './collect-stale.ts';
import { weirIpam } from './weir-ipam.ts';
import { weirPolicy } from './weir-policy.ts';
import { weirRoute } from './weir-route.ts';

/** libcni takes texts as well. */
const yesOrNo = z.union([z.boolean(), z.stringbool({ truthy: ['true'], falsy: ['false'] })]);

const configSchema = z.looseObject({
  chain: z
    .array(stepSchema)
    .min(1)
    .default([{ type: 'weir-route', ipam: { type: 'weir-ipam' } }, { type: 'weir-policy' }]),
  /** For a chain with a plugin whose CHECK or GC does harm (SPEC.md, "Configuration format"). */
  disableCheck: yesOrNo.default(false),
  disableGC: yesOrNo.default(false),
});

/** A whole network in one plugin: Mesos takes one plugin a network, so the chain is run here. */
export const weir: Tool = {
  name: 'weir',
  config: configSchema,
  capabilities: [],

  async add(given, services) {
    const call = withRuntimeConfig(given);
    const steps = stepsOf(call, services);
    refuseUnmapped(steps, call);
    return addChain(steps, call, services.results);
  },

  async del(given, services) {
    const call = withRuntimeConfig(given);
    await delChain(stepsOf(call, services), call, services.results);
  },

  async check(given, services) {
    const call = withRuntimeConfig(given);
    if (parseConfig(configSchema, call.config, 'weir').disableCheck) return;
    await checkChain(stepsOf(call, services), call, services.results);
  },

  async gc(call, services) {
    if (parseConfig(configSchema, call.config, 'weir').disableGC) return;
    // As libcni does: DEL for what is stale, which the plugins of any version know, and then the command itself. Of ours nothing is stale then
    // but what was added since: a step by itself would take the policy of that one, and leave its link.
    const collected: Services = { ...services, collect: async () => {} };
    await runAllAndTellAll([() => collectStale(weir, call, services), () => gcChain(stepsOf(call, collected), call)]);
  },

  async status(call, services) {
    await statusOfChain(stepsOf(call, services), call);
  },
};

function withRuntimeConfig(call: Call): Call {
  try {
    return { ...call, config: withMesosRuntimeConfig(call.config) };
  } catch (error) {
    // Of what cannot be read, ADD made nothing.
    if (call.command === 'DEL') return call;
    throw error;
  }
}

/** A task that was told its port and is not reached there fails in a way that nobody understands. */
function refuseUnmapped(steps: readonly Step[], { config }: Call): void {
  if (!isFromMesos(config) || config.runtimeConfig?.portMappings === undefined || steps.some(({ config: step }) => mapsPorts(step))) return;
  const asked = JSON.stringify(config.runtimeConfig.portMappings);
  throw new CniError(CNI_CODE.unsupportedField, `portMappings is ${asked}: no step of the network "${config.name}" maps ports`, {
    details: 'add the step weir-policy to its chain, or one with "capabilities": { "portMappings": true }',
  });
}

function mapsPorts({ capabilities }: StepConfig): boolean {
  return capabilities?.portMappings === true;
}

function stepsOf(call: AnyCall, services: Services): Step[] {
  const { chain } = parseConfig(configSchema, call.config, 'weir');
  return completed(chain).map((config) => ({ config, plugin: pluginFor(config.type, [weirIpam, weirRoute, weirPolicy], services) }));
}

/** With what the steps of a chain need not say. */
const completed = workedOutOnce((chain: readonly StepConfig[]) =>
  chain.map((step, index) => {
    const later = chain.slice(index + 1);
    return withOwnCapabilities(withTuning(withGuard(step, later), later), chain);
  }),
);

/**
 * A step `tuning` may give the container's end another hardware address or MTU afterwards. The one the host's permanent neighbour entry and
 * policy's guard against forgery would not know, and of the other its result says nothing. So the link has both from the start, and `tuning`
 * finds nothing to do.
 */
function withTuning(step: StepConfig, later: readonly StepConfig[]): StepConfig {
  if (step.type !== weirRoute.name) return step;
  const tunings = later.filter(({ type }) => type === 'tuning');
  const ofMac = tunings.findLast(({ mac }) => typeof mac === 'string' && mac !== '');
  const mtu = tunings.findLast((tuning) => typeof tuning.mtu === 'number' && tuning.mtu > 0)?.mtu;
  const tuned = mtu === undefined ? step : { ...step, mtu };
  if (ofMac === undefined) return tuned;
  // What the runtime asks for goes first with it as well, where it is told of that.
  const isTold = ofMac.capabilities?.mac === true;
  return { ...tuned, mac: ofMac.mac, capabilities: { ...(!isTold && { mac: false }), ...step.capabilities } };
}

/** An interface that policy will guard carries nothing until then; and its address is given to what policy will take it for. */
function withGuard(step: StepConfig, later: readonly StepConfig[]): StepConfig {
  const guard = later.find(({ type }) => type === weirPolicy.name);
  if (step.type !== weirRoute.name || guard === undefined) return step;
  const { labels, namespace } = guard;
  return { ...(labels !== undefined && { labels }), ...(namespace !== undefined && { namespace }), ...step, failClosed: true };
}

/** What our own steps can do, nobody needs to declare. weir-policy leaves host ports to another step that declares them. */
function withOwnCapabilities(step: StepConfig, chain: readonly StepConfig[]): StepConfig {
  const tool = [weirRoute, weirPolicy].find(({ name }) => name === step.type);
  if (tool === undefined) return step;
  const own = Object.fromEntries(tool.capabilities.map((name) => [name, name !== 'portMappings' || !chain.some(mapsPorts)]));
  return { ...step, capabilities: { ...own, ...step.capabilities } };
}
