/**
 * What a Docker engine asks of its remote network and address drivers, done with the CNI tools. Docker makes an endpoint in three steps, and
 * takes it away in three: an address (RequestAddress), the endpoint with link and rules (CreateEndpoint), the way into the container (Join), which
 * Docker itself goes; then Leave, DeleteEndpoint, ReleaseAddress. Each may come again, after whatever was cut off.
 */
import { type Services, TOOLS } from '@weir/cni';
import { type Endpoint, familyOf, type HostPort } from '@weir/resources';
import { GATEWAY4, GATEWAY6 } from '@weir/routing';
import type { z } from 'zod';
import { DockerError } from '../docker-error.ts';
import { addressCall, endpointCall, removalCall } from './endpoint-call.ts';
import { type DockerOwner, INTERFACE_PREFIX, isOfDocker, ownerOf, waitingEnd } from './endpoint-identity.ts';
import { type NetworkOptions, readNetworkOptions } from './network-options.ts';
import { poolId, poolsAsked, readPoolId } from './pool-id.ts';
import { hostPortsOf } from './port-map.ts';
import {
  type createEndpointSchema,
  type createNetworkSchema,
  type endpointSchema,
  type joinSchema,
  NETLABEL,
  NETLABEL_PREFIX,
  type releaseAddressSchema,
  type requestAddressSchema,
  type requestPoolSchema,
} from './remote-api.ts';

type Request<S extends z.ZodType> = z.output<S>;

/** Also the name of the address space of Weir's pools. */
const ADDRESS_SPACE = 'weir';
const GATEWAYS = { IPv4: `${GATEWAY4}/32`, IPv6: `${GATEWAY6}/128` };
const EVERYTHING = { IPv4: '0.0.0.0/0', IPv6: '::/0' };
/** RouteType of a destination that is on the link itself (libnetwork, types/types.go, CONNECTED). */
const CONNECTED = 1;

export interface DriverOptions {
  host: string;
  /** Does the work in the line of the owner's calls. @param waits whether it waits for what the store has to be in force */
  run<T>(owner: DockerOwner, work: (services: Services) => Promise<T>, options: { waits: boolean }): Promise<T>;
  /** This host's endpoints. */
  endpoints(): Endpoint[];
  /** Every address that this host holds, and who for. Throws StoreError. */
  held(): Promise<(DockerOwner & { address: string; namespace?: string })[]>;
  /** Whether the host's end of an endpoint's link is there. */
  hasLink(endpoint: Endpoint): boolean;
  /** Weir's pools, by CIDR. */
  poolNames(cidr: string): string[];
  /** Of a Docker network. Throws DockerError while it cannot be found out. */
  network(id: string): Promise<{ name: string; options: NetworkOptions }>;
  /** A Docker network is no more. */
  forgetNetwork(id: string): Promise<void>;
  /** Told that an endpoint is about to be a container's: the engine knows of it from now on. */
  joined(): void;
}

export class Driver {
  readonly #of: DriverOptions;
  /** Endpoints by the container's namespace that they joined, as far as this process knows. */
  readonly #joined = new Map<string, string>();

  constructor(options: DriverOptions) {
    this.#of = options;
  }

  /** Of `-d weir`: what there is to refuse is told while somebody looks on. */
  async createNetwork({ Options, IPv4Data, IPv6Data }: Request<typeof createNetworkSchema>): Promise<object> {
    readNetworkOptions((Options[NETLABEL.generic] ?? {}) as Record<string, string>);
    if (Options[NETLABEL.internal] === true)
      throw new DockerError('EREQUEST', '--internal: not known to Weir; write a policy with egress to the network alone');
    if ([...IPv4Data, ...IPv6Data].some(({ AddressSpace }) => AddressSpace !== ADDRESS_SPACE))
      throw new DockerError('EREQUEST', "the network has addresses that are not of Weir's pools: add --ipam-driver weir-ipam");
    return {};
  }

  async deleteNetwork({ NetworkID }: { NetworkID: string }): Promise<object> {
    await this.#of.forgetNetwork(NetworkID);
    return {};
  }

  /** The pools stay Weir's: Docker is given a way to name them. */
  async requestPool({ Pool, SubPool, Options, V6 }: Request<typeof requestPoolSchema>): Promise<object> {
    const family = V6 ? 'IPv6' : 'IPv4';
    if (SubPool !== '') throw new DockerError('EREQUEST', `--ip-range ${SubPool}: choose pools with --ipam-opt pools=NAME,NAME`);
    const pools = Pool === '' ? poolsAsked(Options) : this.#poolsOf(Pool);
    return {
      PoolID: poolId({ family, ...(pools && { pools }) }),
      Pool: Pool === '' ? EVERYTHING[family] : Pool,
      Data: { [NETLABEL.gateway]: GATEWAYS[family] },
    };
  }

  #poolsOf(cidr: string): string[] {
    const names = this.#of.poolNames(cidr);
    if (names.length > 0) return names;
    throw new DockerError('EREQUEST', `--subnet ${cidr}: no Pool has this cidr; leave it out, or apply such a Pool`);
  }

  async requestAddress({ PoolID, Address, Options }: Request<typeof requestAddressSchema>): Promise<object> {
    const choice = readPoolId(PoolID);
    if (Options[NETLABEL.requestType] === NETLABEL.gateway) return gateway(GATEWAYS[choice.family], Address);
    const owner = this.#owner(Options[NETLABEL.mac]);
    return this.#of.run(
      owner,
      async (services) => {
        this.#refuseTaken(owner, undefined);
        const { ips } = await tool('weir-ipam').add(addressCall(owner, choice, Address || undefined), services);
        const given = ips.find(({ address }) => familyOf(address) === choice.family);
        if (given === undefined) throw new DockerError('EREQUEST', `no ${choice.family} address`);
        return { Address: given.address, Data: {} };
      },
      { waits: true },
    );
  }

  /**
   * Comes after DeleteEndpoint, in the line of which it waits until the link is gone. Where that was missed, the endpoint is collected with its
   * addresses once Docker denies it.
   */
  async releaseAddress({ Address }: Request<typeof releaseAddressSchema>): Promise<object> {
    const holder = (await this.#of.held()).find(({ address, ...owner }) => address === Address && isOfDocker(owner));
    if (holder === undefined) return {};
    const owner = { containerId: holder.containerId, interfaceName: holder.interfaceName };
    await this.#of.run(
      owner,
      async ({ addresses }) => {
        if (this.#endpointOf(owner) === undefined) await addresses.release(owner);
      },
      { waits: false },
    );
    return {};
  }

  async createEndpoint({ NetworkID, EndpointID, Interface, Options }: Request<typeof createEndpointSchema>): Promise<object> {
    const { Address = '', AddressIPv6 = '', MacAddress = '' } = Interface ?? {};
    const owner = this.#owner(MacAddress);
    const wanted = [Address, AddressIPv6].filter((address) => address !== '');
    const network = await this.#of.network(NetworkID);
    return this.#of.run(
      owner,
      async (services) => {
        const there = this.#refuseTaken(owner, EndpointID);
        // The answer got lost on its way.
        if (there !== undefined && this.#of.hasLink(there)) return { Interface: {} };
        const docker = { endpoint: EndpointID, network: NetworkID };
        const call = endpointCall({ owner, mac: MacAddress, docker, network, labels: labelsOf(Options) });
        const { ips } = await tool('weir').add(call, withWaitingEnd(owner, services));
        if (wanted.every((address) => ips.some((given) => given.address === address))) return { Interface: {} };
        await tool('weir').del(removalCall(owner), services);
        throw new DockerError('EREQUEST', `${wanted.join(', ')} is held by another: start the container again`);
      },
      { waits: true },
    );
  }

  /** Everything is there: Docker is told which link to take and what to make of it. */
  async join({ EndpointID, SandboxKey }: Request<typeof joinSchema>): Promise<object> {
    const endpoint = this.#endpointBy(EndpointID);
    if (endpoint === undefined) throw new DockerError('EREQUEST', `there is no endpoint ${EndpointID}: start the container again`);
    const other = this.#endpointBy(this.#joined.get(SandboxKey) ?? EndpointID);
    if (other !== undefined && other !== endpoint)
      throw new DockerError('EREQUEST', `the container is on network "${other.spec.network}" already: it joins one network of Weir's`);
    this.#joined.set(SandboxKey, EndpointID);
    const families = new Set(endpoint.spec.addresses.map(familyOf));
    this.#of.joined();
    return {
      InterfaceName: { SrcName: waitingEnd(endpoint.spec), DstPrefix: INTERFACE_PREFIX },
      ...(families.has('IPv4') && { Gateway: GATEWAY4 }),
      ...(families.has('IPv6') && { GatewayIPv6: GATEWAY6 }),
      StaticRoutes: [...families].map((family) => ({ Destination: GATEWAYS[family], RouteType: CONNECTED })),
      // Else Docker gives the container a bridge of its own as its way out.
      DisableGatewayService: true,
    };
  }

  /** The container is gone: what it had is closed, and nothing leads to it. */
  async deleteEndpoint({ EndpointID }: Request<typeof endpointSchema>): Promise<object> {
    for (const [sandbox, endpoint] of this.#joined) if (endpoint === EndpointID) this.#joined.delete(sandbox);
    const owner = this.#endpointBy(EndpointID)?.spec;
    if (owner === undefined) return {};
    return this.#of.run(
      owner,
      async (services) => {
        await tool('weir').del(removalCall(owner), services);
        return {};
      },
      { waits: false },
    );
  }

  /** `docker run -p`; of a container on several networks the one with its default route has them. */
  async programExternalConnectivity({ EndpointID, Options }: Request<typeof endpointSchema>): Promise<object> {
    await this.#map(EndpointID, (addresses) => hostPortsOf(Options, addresses));
    return {};
  }

  async revokeExternalConnectivity({ EndpointID }: Request<typeof endpointSchema>): Promise<object> {
    await this.#map(EndpointID, () => []);
    return {};
  }

  async #map(endpointId: string, portsFor: (addresses: readonly string[]) => HostPort[]): Promise<void> {
    const owner = this.#endpointBy(endpointId)?.spec;
    if (owner === undefined) return;
    const hostPorts = portsFor(owner.addresses);
    await this.#of.run(
      owner,
      async ({ enforcement }) => {
        const before = await enforcement.find(owner);
        if (before === undefined || (hostPorts.length === 0 && before.spec.hostPorts === undefined)) return;
        const { hostPorts: _, ...spec } = before.spec;
        const after = { ...before, spec: { ...spec, ...(hostPorts.length > 0 && { hostPorts }) } };
        await enforcement.enforce(after);
        await enforcement.openLoopback(after);
      },
      { waits: hostPorts.length > 0 },
    );
  }

  #owner(mac: string | undefined): DockerOwner {
    if (mac) return ownerOf(this.#of.host, mac);
    throw new DockerError('EREQUEST', 'Docker gives no hardware address: a network of Weir has both, -d weir and --ipam-driver weir-ipam');
  }

  /** The owner's endpoint, if it is the one meant. Two containers with one hardware address would be one to Weir. */
  #refuseTaken(owner: DockerOwner, endpointId: string | undefined): Endpoint | undefined {
    const there = this.#endpointOf(owner);
    if (there === undefined || there.spec.docker?.endpoint === endpointId) return there;
    const { mac, docker } = there.spec;
    // Its own end may have been missed: what is without its link is nobody's.
    if (!this.#of.hasLink(there)) return undefined;
    const whose = docker?.name === undefined ? `endpoint ${docker?.endpoint}` : `container ${docker.name}`;
    throw new DockerError(
      'EINUSE',
      `the hardware address ${mac} is that of ${whose}: choose another one, or try again in a minute if that is gone`,
    );
  }

  #endpointOf({ containerId, interfaceName }: DockerOwner): Endpoint | undefined {
    return this.#of.endpoints().find(({ spec }) => spec.containerId === containerId && spec.interfaceName === interfaceName);
  }

  #endpointBy(endpointId: string): Endpoint | undefined {
    return this.#of.endpoints().find(({ spec }) => spec.docker?.endpoint === endpointId);
  }
}

function tool(name: string) {
  return TOOLS.get(name)!;
}

/** The container's end is made beside the host's, whatever namespace the call says. */
function withWaitingEnd(owner: DockerOwner, services: Services): Services {
  const interfaceName = waitingEnd(owner);
  const { wiring } = services;
  return {
    ...services,
    wiring: {
      ...wiring,
      attach: (request) => wiring.attach({ ...request, namespace: undefined, interfaceName }),
      // Asked of an endpoint that stands before its link does: what there is of the link is made anew.
      inspect: async () => ({ joined: false, addresses: [], containerRoutes: [], hostRoutes: [] }),
    },
  };
}

function gateway(known: string, asked: string): object {
  if (asked === '' || known.startsWith(`${asked}/`)) return { Address: known, Data: {} };
  throw new DockerError('EREQUEST', `--gateway ${asked}: it is ${known} in every network of Weir`);
}

/** What the user gave with `--driver-opt` for the endpoint: labels, as those of a network in Marathon. */
function labelsOf(options: Record<string, unknown>): { key: string; value: string }[] {
  return Object.entries(options).flatMap(([key, value]) =>
    key.startsWith(NETLABEL_PREFIX) || typeof value !== 'string' ? [] : [{ key, value }],
  );
}
