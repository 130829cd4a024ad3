/** Other configurations of the same networks: for Calico on Mesos and DC/OS, and lists as libcni has them. */
import { z } from 'zod';
import { changesMac } from '../chain/mac-change.ts';
import { CNI_CODE, CniError } from '../cni-error.ts';
import { highestVersion } from '../protocol/version.ts';
import { TOOLS } from '../tool-table.ts';
import { CALICO_KEYS } from './calico-keys.ts';

type Config = Record<string, unknown>;

/** Something of the old configuration that is not in the new one. */
export interface ConversionNote {
  /** Path of the key. */
  key: string;
  /** What becomes of it, or what to do. */
  text: string;
}

export interface Conversion {
  config: Config;
  notes: ConversionNote[];
}

const pluginSchema = z.looseObject({ type: z.string().min(1) });
const networkSchema = z.union([
  z.looseObject({ name: z.string().min(1), type: z.string().min(1), plugins: z.undefined().optional() }),
  z.looseObject({ name: z.string().min(1), plugins: z.array(pluginSchema).min(1) }),
]);

/** Of the network, not of a plugin. */
const NETWORK_KEYS = [
  'cniVersion',
  'name',
  'type',
  'plugins',
  'args',
  'runtimeConfig',
  'disableCheck',
  'disableGC',
  'cniVersions',
  'loadOnlyInlinedPlugins',
];

const KEPT_KEYS = ['args', 'disableCheck', 'disableGC'];

const versionsSchema = z.looseObject({ cniVersion: z.string().optional(), cniVersions: z.array(z.string()).optional() });

/** `capabilities` that weir-policy has itself. */
const PORT_MAPPERS = ['portmap', 'mesos-cni-port-mapper'];

/**
 * @param given parsed JSON: one plugin, a plugin with a `delegate` (mesos-cni-port-mapper), or a list
 * @throws CniError 7 for what is no network, or is one of Weir's already
 */
export function convertConfig(given: unknown): Conversion {
  const parsed = networkSchema.safeParse(given);
  if (!parsed.success) throw refusal('this is no network: "name" is needed, and either "type" or a list of "plugins"');
  const network = parsed.data as Config & { name: string };
  const notes: ConversionNote[] = [];
  const plugins = (network.plugins as Config[] | undefined) ?? [
    without(
      network,
      NETWORK_KEYS.filter((key) => key !== 'type'),
    ),
  ];
  if (plugins.some(({ type }) => TOOLS.has(String(type)))) throw refusal('a tool of Weir is in this network: there is nothing to convert');
  const steps = withPolicy(
    plugins.flatMap((plugin, index) => stepsOf(plugin, { where: network.plugins === undefined ? '' : `plugins.${index}.`, notes })),
    notes,
  );
  if (network.runtimeConfig !== undefined)
    notes.push({ key: 'runtimeConfig', text: 'left out: the runtime makes it anew for each container' });
  noteFolder(network, notes);
  return {
    config: {
      cniVersion: versionFor(steps, network),
      name: network.name,
      type: 'weir',
      ...Object.fromEntries(KEPT_KEYS.filter((key) => network[key] !== undefined).map((key) => [key, network[key]])),
      chain: steps,
    },
    notes,
  };
}

/** Plugins of others are spoken to as before: they need not know a newer version. */
function versionFor(steps: readonly Config[], network: Config): string {
  if (steps.every(({ type, ipam }) => TOOLS.has(String(type)) && isOwnIpam(ipam))) return '1.0.0';
  const { cniVersion, cniVersions } = versionsSchema.safeParse(network).data ?? {};
  const ofDelegate = versionsSchema.safeParse(network.delegate).data?.cniVersion;
  return highestVersion({ cniVersion: ofDelegate || cniVersion || '0.1.0', cniVersions });
}

function isOwnIpam(ipam: unknown): boolean {
  const type = (ipam as Config | undefined)?.type;
  return type === undefined || TOOLS.has(String(type));
}

/** libcni reads more plugins out of a folder beside the list, and by default. */
function noteFolder({ name, plugins, loadOnlyInlinedPlugins }: Config & { name: string }, notes: ConversionNote[]): void {
  if (plugins === undefined || loadOnlyInlinedPlugins !== false) return;
  notes.push({
    key: 'loadOnlyInlinedPlugins',
    text: `if there are .conf files in the folder ${name}/ beside the list, add them to "chain" in their order`,
  });
}

/**
 * Policy comes next to the plugin that makes the interface, before anything that only adorns it; but behind what gives that its hardware
 * address, which policy keeps the container to.
 */
function withPolicy(steps: readonly Config[], notes: ConversionNote[]): Config[] {
  if (steps.some(({ type }) => type === 'weir-policy')) return [...steps];
  const maker = steps.find(({ type }) => type !== 'loopback');
  if (maker === undefined) throw refusal('no plugin of this network makes an interface');
  const before = Math.max(steps.indexOf(maker), steps.findLastIndex(changesMac));
  notes.push({ key: 'type', text: `${maker.type} stays, and weir-policy comes after it: policy is in force on its interface now` });
  return steps.toSpliced(before + 1, 0, { type: 'weir-policy' });
}

function stepsOf(plugin: Config, context: { where: string; notes: ConversionNote[] }): Config[] {
  const { where, notes } = context;
  if (plugin.type === 'mesos-cni-port-mapper') return delegateOf(plugin, context);
  if (plugin.type === 'calico') return fromCalico(plugin, where, notes);
  if (PORT_MAPPERS.includes(String(plugin.type))) {
    notes.push({
      key: `${where}type`,
      text: `${plugin.type} is left out: weir-policy maps the ports of the host, and counts them as ingress`,
    });
    return [];
  }
  return [plugin];
}

/** Mesos' and DC/OS' port mapper holds the plugin that does the work. */
function delegateOf(mapper: Config, { where, notes }: { where: string; notes: ConversionNote[] }): Config[] {
  const { success, data } = pluginSchema.safeParse(mapper.delegate);
  if (!success) throw refusal(`"${where}delegate" is missing, or has no "type"`);
  for (const key of Object.keys(without(mapper, ['type', 'delegate']))) {
    const text = ['chain', 'excludeDevices'].includes(key)
      ? 'not needed: weir-policy maps the ports of the host in its own table'
      : unknownText('mesos-cni-port-mapper');
    notes.push({ key: where + key, text });
  }
  return stepsOf(
    without(
      data,
      NETWORK_KEYS.filter((key) => key !== 'type'),
    ),
    { where: `${where}delegate.`, notes },
  );
}

function fromCalico(plugin: Config, where: string, notes: ConversionNote[]): Config[] {
  const { mtu, ipam, dns, ...rest } = without(plugin, ['type', 'capabilities', 'datastore_type', 'etcd_endpoints']);
  noteStore(plugin, where, notes);
  for (const key of Object.keys(rest)) notes.push({ key: where + key, text: CALICO_KEYS[key] ?? unknownText('calico') });
  const route = {
    type: 'weir-route',
    // 0 is Calico's "find it out", which is what Weir does without the key.
    ...(typeof mtu === 'number' && mtu > 0 && { mtu }),
    ...(dns !== undefined && { dns }),
    ipam: fromCalicoIpam(ipam, `${where}ipam.`, notes),
  };
  return [route, { type: 'weir-policy' }];
}

function noteStore(plugin: Config, where: string, notes: ConversionNote[]): void {
  if (plugin.datastore_type !== undefined && plugin.datastore_type !== 'etcdv3')
    notes.push({ key: `${where}datastore_type`, text: 'Weir keeps its objects in etcd, or in a file' });
  if (typeof plugin.etcd_endpoints !== 'string') return;
  // An endpoint may hold user and password.
  const endpoints = plugin.etcd_endpoints.split(',').map((endpoint) => endpoint.trim().replace(/\/\/[^/@]*@/, '//'));
  notes.push({
    key: `${where}etcd_endpoints`,
    text: `weir cni install --etcd-endpoints ${endpoints.join(',')}; Calico's own data there stays as it is, and Weir does not read it`,
  });
}

/** Another IPAM plugin than Calico's works under weir-route as it is. */
function fromCalicoIpam(given: unknown, where: string, notes: ConversionNote[]): Config {
  const ipam = (given ?? {}) as Config;
  if (ipam.type !== undefined && ipam.type !== 'calico-ipam') return ipam;
  const { ipv4_pools, ipv6_pools, assign_ipv4, assign_ipv6, ...rest } = without(ipam, ['type']);
  const pools = [...poolsOf(ipv4_pools, `${where}ipv4_pools`, notes), ...poolsOf(ipv6_pools, `${where}ipv6_pools`, notes)];
  const families = [...(isYes(assign_ipv4, true) ? ['IPv4'] : []), ...(isYes(assign_ipv6, false) ? ['IPv6'] : [])];
  const saysFamilies = assign_ipv4 !== undefined || assign_ipv6 !== undefined;
  if (saysFamilies && families.length === 0) throw refusal(`"${where}assign_ipv4" and "${where}assign_ipv6" leave no address at all`);
  for (const key of Object.keys(rest)) notes.push({ key: where + key, text: CALICO_KEYS[key] ?? unknownText('calico-ipam') });
  return { type: 'weir-ipam', ...(pools.length > 0 && { pools }), ...(saysFamilies && { families }) };
}

/** Names stay; for a CIDR there has to be a Pool, and Weir's are named. */
function poolsOf(given: unknown, key: string, notes: ConversionNote[]): string[] {
  if (!Array.isArray(given)) return [];
  return given.map(String).map((pool) => {
    if (!pool.includes('/')) return pool;
    const name = `calico-${pool
      .replaceAll(/[^0-9a-f]+/gi, '-')
      .replaceAll(/^-|-$/g, '')
      .toLowerCase()}`;
    const manifest = `{apiVersion: weir/v1, kind: Pool, metadata: {name: ${name}}, spec: {cidr: "${pool}"}}`;
    notes.push({
      key,
      text: `${pool} becomes the pool "${name}"; make it, unless Calico still gives out of it: echo '${manifest}' | weir apply -f -`,
    });
    return name;
  });
}

/** Calico takes texts as well: "true". */
function isYes(value: unknown, otherwise: boolean): boolean {
  return value === undefined ? otherwise : String(value) === 'true';
}

function unknownText(plugin: string): string {
  return `left out: it is no key of ${plugin} that has a counterpart`;
}

function without(config: Config, keys: readonly string[]): Config {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !keys.includes(key)));
}

function refusal(message: string): CniError {
  return new CniError(CNI_CODE.invalidConfig, message);
}
