import { type Endpoint, hostInterfaceName } from '@weir/resources';
import type { Attaching, Attachment, LinkSettings } from '@weir/routing';
import { z } from 'zod';
import { type Plugin, pluginFor } from '../chain/plugin.ts';
import { runAll, runAllAndTellAll } from '../chain/run-all.ts';
import { CNI_CODE, CniError } from '../cni-error.ts';
import { type NetworkConfig, parseConfig } from '../protocol/network-config.ts';
import type { Call } from '../protocol/request.ts';
import { requestedDns } from '../protocol/requested-dns.ts';
import { requestedMac } from '../protocol/requested-mac.ts';
import { appendResult, type Dns, dnsSchema, familyOf, networkOf, plainAddress, type Result, type Route } from '../protocol/result.ts';
import type { Services } from '../services.ts';
import { taskIdentity } from '../task/task-identity.ts';
import type { Neighbours, Tool, Underway } from '../tool.ts';
import { collectStale } from './collect-stale.ts';
import { GUARDED_PREFIX, OPEN_PREFIX } from './host-interface-prefix.ts';
import { routesIn, weirIpam } from './weir-ipam.ts';
import { wiringDrift } from './wiring-drift.ts';

const configSchema = z.looseObject({
  ipam: z.looseObject({ type: z.string().min(1) }),
  /** Of both ends of the veth, in bytes; the kernel's default when absent. */
  mtu: z.int().min(68).max(65535).optional(),
  /** Of the container's end, where the runtime asks for none. `weir` sets it where a later step of its chain gives it one. */
  mac: z.string().optional(),
  /** True when weir-policy follows: the interface carries nothing until policy knows it. `weir` sets it for its chain. */
  failClosed: z.boolean().default(false),
  /** Handed on in the result, as the specification has it. */
  dns: dnsSchema,
  /** True: the container asks the DNS server of its host, and finds the names of its own namespace by their first part. */
  hostDns: z.boolean().default(false),
});

type Config = z.infer<typeof configSchema>;

/** Wires a container: a veth, its addresses as /32 and /128, a default route by the host or what its IPAM has routes to, a route on the host to each address. */
export const weirRoute: Tool = {
  name: 'weir-route',
  config: configSchema,
  capabilities: ['ips', 'mac', 'dns'],

  async add(call, services) {
    const { result, done } = await begin(call, services);
    try {
      await done;
    } catch (error) {
      await giveBack(ipamOf(call.config, services)!, call);
      throw error;
    }
    return result;
  },

  begin,

  async del(call, services) {
    const ipam = ipamOf(call.config, services);
    // Both names: the chain may have been edited since the ADD.
    const names = [GUARDED_PREFIX, OPEN_PREFIX].map((prefix) => hostInterfaceOf(prefix, call));
    const removeLinks = () => Promise.all(names.map((name) => services.wiring.detach(name)));
    // Only the foreign plugin itself can find again what it holds, so the runtime hears of its failure.
    if (ipam !== undefined && !ipam.own) return runAll([removeLinks, () => ipam.del(call)]);
    // Ours can wait: should this process die, the agent finds link and address again when it starts. An address is free only when its
    // link is gone; were it given out before, two containers would answer to it.
    const removeAll = async () => {
      await removeLinks();
      await ipam?.del(call);
    };
    services.later(removeAll(), `remove link and addresses of ${call.containerId} ${call.interfaceName}`);
  },

  async check(call, services) {
    const { ipam, failClosed } = parseConfig(configSchema, call.config, 'weir-route');
    const told = call.prevResult;
    if (told === undefined) throw new CniError(CNI_CODE.invalidConfig, 'weir-route: CHECK needs the prevResult of the ADD');
    await runAllAndTellAll([
      () => checkWiring(call, told, hostInterfaceOf(prefixFor(failClosed), call), services),
      () => pluginFor(ipam.type, [weirIpam], services).check(call),
    ]);
  },

  async gc(call, services) {
    const ipam = ipamOf(call.config, services);
    // Ours has given back what the links had.
    await runAllAndTellAll([() => collectStale(weirRoute, call, services), async () => ipam?.own === false && ipam.gc(call)]);
  },

  async status(call, services) {
    const config = parseConfig(configSchema, call.config, 'weir-route');
    const { ipam } = config;
    if (config.hostDns) hostDnsOf(call.config.name, services);
    await ipamFor(call.config.name, ipam.type, services, { space: services.wiring.spaceFor(call.config.name) }).status(call);
  },
};

/** All that there will be is known with the addresses; the link is made meanwhile, and after. */
async function begin(call: Call, services: Services, neighbours?: Neighbours): Promise<Underway> {
  const config = parseConfig(configSchema, call.config, 'weir-route');
  const space = services.wiring.spaceFor(call.config.name);
  const dns = dnsFor(call, config, services, space);
  await refuseSecond(call, config.failClosed, services);
  let destinations = ownDestinations(config);
  const settingsOf = (addresses: readonly string[]): LinkSettings => ({ addresses, mtu: config.mtu, destinations });
  const resultWith = rememberingLast((addresses) => {
    const made = resultOf(call, link.hostInterface, link.attachmentWith(settingsOf(addresses)), addresses, dns(addresses));
    return call.prevResult === undefined ? made : appendResult(call.prevResult, made);
  });
  const endpointWith = (addresses: readonly string[]): Endpoint | undefined => {
    try {
      return neighbours?.endpointNext(resultWith(addresses));
    } catch {
      return undefined; // The allocation is others' too, and the next step says itself why it fails.
    }
  };
  const ipam = ipamFor(call.config.name, config.ipam.type, services, { space, endpointWith });
  const link = beginLink(call, config, services, space);
  const given = await addressesFor(call, ipam, link);
  const addresses = given.ips.map(({ address }) => plainAddress(address));
  if (!ipam.own) destinations = destinationsOf(given.routes);
  const done = link.finish(settingsOf(addresses));
  const result = resultWith(addresses);
  return { result: Object.keys(given.dns).length === 0 ? result : { ...result, dns: { ...given.dns, ...result.dns } }, done };
}

/** Of our own IPAM known beforehand, so that the endpoint is, too, which follows from the result. */
function ownDestinations({ ipam }: Config): string[] {
  return ipam.type === weirIpam.name ? destinationsOf(routesIn(ipam)) : [];
}

/** What the container is to reach by this link. By whom else than its host, nobody but the host could see to. */
function destinationsOf(routes: readonly Route[]): string[] {
  return [...new Set(routes.map(({ dst }) => networkOf(dst)))];
}

/** Equal addresses in turn give the same value. */
function rememberingLast<T>(work: (addresses: readonly string[]) => T): (addresses: readonly string[]) => T {
  let last: { of: string; value: T } | undefined;
  return (addresses) => {
    const of = addresses.join();
    if (last?.of !== of) last = { of, value: work(addresses) };
    return last.value;
  };
}

/**
 * Only addresses of our own IPAM come with the space that they are of. It is told which one the link is made in, and holds it against what
 * the store has at that moment.
 *
 * @param with.endpointWith what it writes along with the addresses
 */
function ipamFor(
  network: string,
  type: string,
  services: Services,
  {
    space,
    endpointWith,
  }: { space: string | undefined; endpointWith?: ((addresses: readonly string[]) => Endpoint | undefined) | undefined },
): Plugin {
  if (type !== weirIpam.name) {
    if (space === undefined) return pluginFor(type, [], services);
    throw new CniError(CNI_CODE.invalidConfig, `the network "${network}" has its own address space, which ${type} gives no addresses of`, {
      details: `"ipam": { "type": "${weirIpam.name}" } in its network file, or spec.addressSpace: Shared in its Network`,
    });
  }
  const { addresses } = services;
  const here = space === undefined ? {} : { space };
  const within: Services['addresses'] = {
    ...addresses,
    allocate: (request) => addresses.allocate({ ...request, ...here, endpointWith }),
    probe: (request) => addresses.probe({ ...request, ...here }),
  };
  return pluginFor(type, [weirIpam], { ...services, addresses: within });
}

async function checkWiring(call: Call, told: Result, hostInterface: string, services: Services): Promise<void> {
  const place = { namespace: call.namespace!, interfaceName: call.interfaceName, hostInterface };
  const wiring = await services.wiring.inspect(place);
  const drift = wiringDrift(told, place, wiring);
  if (drift.length === 0) return;
  const isGone = wiring.host === undefined || wiring.container === undefined;
  throw new CniError(isGone ? CNI_CODE.notAttached : CNI_CODE.mismatch, `weir-route: ${drift.join('; ')}`, {
    details: 'stop the task and launch it again',
  });
}

/** A link that is on its way while the addresses are found out: it takes about as long, and needs none. */
interface Link extends Attaching {
  hostInterface: string;
}

/** A link of that name that is there already is what a killed ADD left, and goes first. */
function beginLink(call: Call, config: Config, services: Services, space: string | undefined): Link {
  const hostInterface = hostInterfaceOf(prefixFor(config.failClosed), call);
  const { namespace, containerId, interfaceName } = call;
  const mac = requestedMac(call, config.mac);
  const owner = { network: call.config.name, containerId, interfaceName };
  const attach = (): Attaching => services.wiring.attach({ namespace: namespace!, interfaceName, hostInterface, mac, owner, space });
  const first = attach();
  return {
    ...first,
    hostInterface,
    async finish(settings) {
      try {
        await first.finish(settings);
      } catch (error) {
        if ((error as { code?: unknown } | null)?.code !== 'EEXIST') throw error;
        await services.wiring.detach(hostInterface);
        await attach().finish(settings);
      }
    },
  };
}

async function addressesFor(call: Call, ipam: Plugin, link: Link): Promise<Result> {
  try {
    const given = await ipam.add(call);
    if (given.ips.length > 0) return given;
    throw new CniError(CNI_CODE.plugin, `${ipam.type} gave no address`, { plugin: ipam.type });
  } catch (error) {
    // SPEC.md, "Delegated plugin execution procedure". Ours holds nothing when it fails.
    if (!ipam.own) await giveBack(ipam, call);
    await link.abandon();
    throw error;
  }
}

function resultOf(call: Call, hostInterface: string, attachment: Attachment, addresses: readonly string[], dns: Dns): Result {
  const { hostMac, containerMac, mtu, gateway4, gateway6, routes } = attachment;
  const gateways = { '4': gateway4, '6': gateway6 };
  return {
    interfaces: [
      { name: hostInterface, mac: hostMac, mtu },
      { name: call.interfaceName, mac: containerMac, mtu, sandbox: call.namespace },
    ],
    ips: addresses.map((address) => ({
      address: familyOf(address) === '4' ? `${address}/32` : `${address}/128`,
      gateway: gateways[familyOf(address)],
      interface: 1,
    })),
    routes: routes.map(({ destination, via }) => ({ dst: destination, gw: via })),
    dns,
  };
}

/** What the container's resolver is told, by its addresses. */
type DnsChoice = (addresses: readonly string[]) => Dns;

/** Of the network's configuration and the runtime; the host's server comes first. Throws CniError 7 when there is none and one is asked for. */
function dnsFor(call: Call, { dns: ofNetwork, hostDns }: Config, services: Services, space: string | undefined): DnsChoice {
  const dns = { ...ofNetwork, ...requestedDns(call.config) };
  if (!hostDns) return () => dns;
  if (space !== undefined) {
    throw new CniError(
      CNI_CODE.invalidConfig,
      `the network "${call.config.name}" has its own address space, which the host answers no DNS in`,
      {
        details: '"hostDns": false in its network file, or spec.addressSpace: Shared in its Network',
      },
    );
  }
  const { nameservers, domain } = hostDnsOf(call.config.name, services);
  const { namespace } = taskIdentity(call, 'weir-route');
  return (addresses) => ({
    ...dns,
    nameservers: [...new Set(addresses.map((address) => nameservers[familyOf(address)]))].toSorted(),
    search: [`${namespace}.${domain}`, domain, ...(dns.search ?? [])],
  });
}

function hostDnsOf(network: string, { dns, host }: Services): NonNullable<Services['dns']> {
  if (dns !== undefined) return dns;
  throw new CniError(CNI_CODE.invalidConfig, `the network "${network}" has "hostDns": true, and the agent of ${host} answers no DNS`, {
    details: 'a section "dns: {}" in the agent\'s configuration, or "hostDns": false',
  });
}

/**
 * A sound attachment stays as it is. Where policy follows, the Endpoint, which is written last, is the mark of a sound one; without
 * policy it is that the interface is up, which comes with its addresses.
 */
async function refuseSecond(call: Call, marked: boolean, services: Services): Promise<void> {
  if (marked && (await services.enforcement.find(call)) === undefined) return;
  const hostInterface = hostInterfaceOf(prefixFor(marked), call);
  const wiring = await services.wiring.inspect({ namespace: call.namespace!, interfaceName: call.interfaceName, hostInterface });
  if (!wiring.joined || wiring.container?.up !== true || wiring.host?.up !== true) return;
  throw new CniError(CNI_CODE.alreadyAttached, `${call.interfaceName} of container ${call.containerId} is already attached`, {
    details: 'nothing was changed; call DEL first',
  });
}

/** After a failed ADD. Its own failure would hide why the ADD failed; an address that stays held is collected when its owner is gone. */
async function giveBack(ipam: Plugin, call: Call): Promise<void> {
  try {
    await ipam.del({ ...call, command: 'DEL' });
  } catch {}
}

/** On DEL a wrong or missing `ipam` section is no failure: with it, ADD made nothing. */
function ipamOf(config: NetworkConfig, services: Services): Plugin | undefined {
  return config.ipam?.type === undefined ? undefined : pluginFor(config.ipam.type, [weirIpam], services);
}

function prefixFor(failClosed: boolean): string {
  return failClosed ? GUARDED_PREFIX : OPEN_PREFIX;
}

function hostInterfaceOf(prefix: string, { containerId, interfaceName }: Call): string {
  return hostInterfaceName(containerId, interfaceName, prefix);
}
