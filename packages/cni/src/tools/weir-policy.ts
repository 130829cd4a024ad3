import {
  type Endpoint,
  type EndpointSpec,
  endpointName,
  hostInterfaceName,
  hostSockets,
  parseEndpoint,
  socketText,
  WARNINGS_ANNOTATION,
  wantsObject,
} from '@weir/resources';
import type { HostEnd } from '@weir/routing';
import { z } from 'zod';
import { CNI_CODE, CniError } from '../cni-error.ts';
import { parseConfig } from '../protocol/network-config.ts';
import { portMappingsSchema } from '../protocol/port-mappings.ts';
import type { Call } from '../protocol/request.ts';
import { requestedAliases } from '../protocol/requested-aliases.ts';
import { addressesOn, type Interface, plainAddress, type Result } from '../protocol/result.ts';
import type { Services } from '../services.ts';
import { isFromMesos } from '../task/network-info.ts';
import { networkLabels } from '../task/network-labels.ts';
import { containerPorts } from '../task/task.ts';
import { appLabels, taskIdentity } from '../task/task-identity.ts';
import type { Neighbours, Tool, Underway } from '../tool.ts';
import { collectStale } from './collect-stale.ts';
import { GUARDED_PREFIX } from './host-interface-prefix.ts';

const configSchema = z.looseObject({
  /** What happens to a flow of this network that no policy speaks of; Deny here or in the namespace closes it. */
  defaultAction: z.enum(['Allow', 'Deny']).optional(),
  runtimeConfig: z.looseObject({ portMappings: portMappingsSchema }).nullish(),
  /** Nothing passes before the labels of the task's app are known. Without it, the network's labels count until then. */
  waitForLabels: z.boolean().default(false),
});

type Config = z.infer<typeof configSchema>;

/** Guards an interface that an earlier plugin of the chain made: its policy is in force before ADD returns. */
export const weirPolicy: Tool = {
  name: 'weir-policy',
  config: configSchema,
  capabilities: ['portMappings', 'aliases'],

  async add(call, services) {
    const { result, done } = await begin(call, services, { earlier: Promise.resolve() });
    await done;
    return result;
  },

  begin,

  endpoint: guardedBy,

  async del(call, services) {
    await services.enforcement.withdraw({ containerId: call.containerId, interfaceName: call.interfaceName });
  },

  async check(call, services) {
    const config = parseConfig(configSchema, call.config, 'weir-policy');
    const wanted = lastingParts(endpointOf(call, config, requirePrevResult(call), services));
    const endpoint = await services.enforcement.find({ containerId: call.containerId, interfaceName: call.interfaceName });
    if (endpoint === undefined) {
      throw new CniError(CNI_CODE.notAttached, `weir-policy: no policy is in force for ${call.interfaceName} of ${call.containerId}`, {
        details: 'stop the task and launch it again',
      });
    }
    const drift = Object.entries(lastingParts(endpoint)).flatMap(([field, is]) =>
      is === wanted[field] ? [] : [`the endpoint has ${field} ${is}, ADD made ${wanted[field]}`],
    );
    drift.push(...(await services.enforcement.drift(endpoint)));
    if (drift.length > 0) throw new CniError(CNI_CODE.mismatch, `weir-policy: ${drift.join('; ')}`);
  },

  async gc(call, services) {
    await collectStale(weirPolicy, call, services);
  },

  async status(call) {
    parseConfig(configSchema, call.config, 'weir-policy');
  },
};

/** Rules name an interface that need not be there yet, so they are in force before it carries anything; what is set of it itself waits for it. */
async function begin(call: Call, services: Services, { earlier }: Pick<Neighbours, 'earlier'>): Promise<Underway> {
  const endpoint = guardedBy(call, services);
  await services.enforcement.enforce(endpoint);
  return { result: requirePrevResult(call), done: earlier.then(() => services.enforcement.openLoopback(endpoint)) };
}

/** One for one result: it may be asked for before the result is there, and is written with its addresses then. */
function guardedBy(call: Call, services: Services): Endpoint {
  const made = requirePrevResult(call);
  const config = parseConfig(configSchema, call.config, 'weir-policy');
  const known = guarded.get(made);
  if (known?.config === config) return known.endpoint;
  refuseEndlessWait(config, call, services);
  const endpoint = endpointOf(call, config, made, services);
  guarded.set(made, { config, endpoint });
  return endpoint;
}

/** What was worked out last for a result. */
const guarded = new WeakMap<Result, { config: Config; endpoint: Endpoint }>();

/** Without a Mesos agent to ask, the wait would have no end, and nobody would see why the task is dead. */
function refuseEndlessWait({ waitForLabels }: Config, call: Call, services: Services): void {
  if (!waitForLabels || !isFromMesos(call.config) || services.findTask !== undefined) return;
  throw new CniError(
    CNI_CODE.invalidConfig,
    `network "${call.config.name}" has waitForLabels, and Weir's agent on this host knows no Mesos agent`,
    {
      details: "add the section mesos to the agent's configuration, or remove waitForLabels from the network file",
    },
  );
}

/** What nobody changes between ADD and DEL, as text. */
function lastingParts({ spec }: Endpoint): Record<string, string> {
  const hostPorts = hostSockets(spec).map((socket) => `${socketText(socket)} to ${socket.target.port}`);
  return {
    host: spec.host,
    hostInterface: spec.hostInterface,
    addresses: spec.addresses.join(),
    addressSpace: spec.addressSpace ?? 'Shared',
    hostPorts: hostPorts.join() || 'none',
  };
}

function requirePrevResult(call: Call): Result {
  if (call.prevResult !== undefined) return call.prevResult;
  throw new CniError(CNI_CODE.invalidConfig, 'weir-policy: there is no prevResult to guard', {
    details: 'weir-policy comes after an interface plugin: put it behind weir-route in the chain of a "weir" network',
  });
}

function endpointOf(call: Call, config: Config, made: Result, services: Services): Endpoint {
  const { labels, namespace, namespaceGiven } = taskIdentity(call, 'weir-policy');
  const { containerId, interfaceName, task } = call;
  const warnings = task === undefined ? unfollowed(call, services) : [...task.warnings, ...appLabels(task).refused];
  const mac = made.interfaces.find((link) => isInContainer(link) && link.name === interfaceName)?.mac;
  return parseEndpoint({
    metadata: {
      name: endpointName(containerId, interfaceName),
      namespace,
      labels,
      ...(warnings.length > 0 && { annotations: { [WARNINGS_ANNOTATION]: warnings.join('\n') } }),
    },
    spec: {
      host: services.host,
      containerId,
      network: call.config.name,
      interfaceName,
      ...hostEndOf(call, made, services),
      addresses: addressesOf(made, interfaceName),
      ...(mac === undefined ? {} : { mac }),
      ...hostPortsOf(config),
      ...aliasesOf(call),
      ...spaceIn(call, made, services),
      ...(config.defaultAction === undefined ? {} : { defaultAction: config.defaultAction }),
      ...(task && { ports: containerPorts(task.ports, config.runtimeConfig?.portMappings ?? []) }),
      ...(isFromMesos(call.config) && { mesos: { ...task?.facts, ...(namespaceGiven && { namespaceGiven }) } }),
      ...(call.docker && { docker: call.docker }),
      ...(config.waitForLabels && toldLater(call) && { waitsForLabels: true }),
    },
  });
}

/** Whether there are labels that somebody has to be asked for, and nobody has told yet. */
function toldLater({ config, task, docker }: Call): boolean {
  return docker !== undefined || (isFromMesos(config) && task === undefined);
}

/** Without a Mesos agent to ask, nobody knows the app that its labels would have an object made for: it would be open and look guarded. */
function unfollowed(call: Call, { findTask }: Services): string[] {
  if (findTask !== undefined) return [];
  const wanted = networkLabels(call.config).filter(({ key }) => wantsObject(key));
  return wanted.map(({ key }) => `${key}: not followed, the agent's configuration has no section mesos`);
}

/** Ours may be in a network with its own address space. What others made is in the host's own namespace, where such a network must not be. */
function spaceIn(call: Call, made: Result, services: Services): Pick<EndpointSpec, 'addressSpace'> {
  const ours = ownLink(call, made);
  if (ours !== undefined) return services.wiring.spaceOf(ours.name) === undefined ? {} : { addressSpace: 'Own' };
  if (services.wiring.spaceFor(call.config.name) === undefined) return {};
  throw new CniError(
    CNI_CODE.invalidConfig,
    `the network "${call.config.name}" has its own address space, and its interface is not of weir-route`,
    {
      details: 'weir-route as the interface plugin of its network file, or spec.addressSpace: Shared in its Network',
    },
  );
}

function ownLink(call: Call, made: Result): Interface | undefined {
  const name = ownNameOf(call);
  return made.interfaces.find((link) => !isInContainer(link) && link.name === name);
}

function ownNameOf({ containerId, interfaceName }: Call): string {
  return hostInterfaceName(containerId, interfaceName, GUARDED_PREFIX);
}

function hostPortsOf({ runtimeConfig }: Config): Pick<EndpointSpec, 'hostPorts'> {
  const mappings = runtimeConfig?.portMappings ?? [];
  return mappings.length === 0 ? {} : { hostPorts: mappings };
}

function aliasesOf({ config }: Call): Pick<EndpointSpec, 'aliases'> {
  const aliases = requestedAliases(config);
  return aliases.length === 0 ? {} : { aliases };
}

/** Ours is named in the result. Where others made it, it is looked for: what their results name is the bridge too, or nothing at all. */
function hostEndOf(call: Call, made: Result, services: Services): HostEnd {
  const ours = ownLink(call, made);
  if (ours !== undefined) return { hostInterface: ours.name };
  const found = services.wiring.findHostEnd({ namespace: call.namespace!, interfaceName: call.interfaceName });
  refuseReserved(found, call);
  return found;
}

/** What has such a name is closed until Weir's table knows it as a link of Weir's own. */
function refuseReserved({ hostInterface, bridge }: HostEnd, call: Call): void {
  const reserved = [bridge, hostInterface].find((name) => name?.startsWith(GUARDED_PREFIX) && name !== ownNameOf(call));
  if (reserved === undefined) return;
  throw new CniError(
    CNI_CODE.invalidConfig,
    `weir-policy: names that begin with "${GUARDED_PREFIX}" are those of Weir's links, and ${reserved} is none`,
    {
      details: `give ${reserved} another name in the network file`,
    },
  );
}

function addressesOf(made: Result, interfaceName: string): string[] {
  const own = addressesOn(made, interfaceName);
  if (own.length === 0) throw new CniError(CNI_CODE.invalidConfig, 'weir-policy: the result so far has no address of the container');
  return own.map(({ address }) => plainAddress(address));
}

function isInContainer(link: Interface): boolean {
  return link.sandbox !== undefined;
}
