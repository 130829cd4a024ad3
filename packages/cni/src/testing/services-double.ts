import { type Endpoint, familyOf } from '@weir/resources';
import { attachmentOf, type HostEnd } from '@weir/routing';
import type { Call } from '../protocol/request.ts';
import type { Result } from '../protocol/result.ts';
import type { Collection, Outage, Services } from '../services.ts';

interface Link {
  hostInterface: string;
  containerInterface: string;
  addresses: readonly string[];
  destinations?: readonly string[] | undefined;
  mac: string;
  /** The network whose own address space it is in. */
  space?: string | undefined;
}

/** An error with a stable code, as the lower packages throw them. */
export function codedError(code: string, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { code }, more);
}

/**
 * Services in memory that keep the promises of the real ones: the same owner gets the same addresses, a link cannot be made
 * twice, withdrawn endpoints are gone. `failing` makes one operation throw; `events` tells what was done, in order.
 */
export class ServicesDouble implements Services {
  readonly host = 'host-1';
  readonly held = new Map<
    string,
    { address: string; containerId: string; interfaceName: string; network: string; block: string; sequence: number }
  >();
  readonly links = new Map<string, Link>();
  readonly endpoints = new Map<string, Endpoint>();
  /** A host without a DNS server, unless a test gives it one. */
  dns?: NonNullable<Services['dns']>;
  /** Of whatever others made. */
  hostEnd: HostEnd = { hostInterface: 'veth1' };
  readonly events: string[] = [];
  readonly failing = new Map<
    | 'allocate'
    | 'release'
    | 'held'
    | 'probe'
    | 'collect'
    | 'attach'
    | 'abandon'
    | 'detach'
    | 'inspect'
    | 'findHostEnd'
    | 'enforce'
    | 'openLoopback'
    | 'withdraw'
    | 'find',
    Error
  >();
  /** Links are made at once, or when this resolves. */
  linksAreMade: Promise<void> | undefined;
  /** What STATUS is told. */
  outageNow: Outage | undefined;
  /** What CHECK is told of the kernel's rules. */
  readonly ruleDrift: string[] = [];
  readonly #works: Promise<void>[] = [];
  /** Links that are neither finished nor abandoned. */
  readonly #underWay = new Map<string, { space: string | undefined }>();

  readonly addresses: Services['addresses'] = {
    allocate: async ({ containerId, interfaceName, network, families = ['IPv4'], addresses: wanted = [], space, endpointWith }) => {
      this.#do('allocate');
      this.spaces.push(space);
      const assigned = families.map((family) => {
        const key = `${containerId} ${interfaceName} ${family}`;
        const number = [...this.held.keys()].indexOf(key) + 1 || this.held.size + 1;
        const next = family === 'IPv4' ? `10.0.0.${number}` : `fd00::${number.toString(16)}`;
        const address = wanted.find((one) => familyOf(one) === family) ?? next;
        this.held.set(key, { address, containerId, interfaceName, network, block: '10.0.0.0/26', sequence: number });
        return { address, family, prefixLength: family === 'IPv4' ? 32 : 128, pool: 'pool', block: '10.0.0.0/26' } as const;
      });
      this.along.push(endpointWith?.(assigned.map(({ address }) => address)));
      return assigned;
    },
    release: async ({ containerId, interfaceName }) => {
      this.#do('release');
      const released = [...this.held].filter(([, one]) => one.containerId === containerId && one.interfaceName === interfaceName);
      for (const [key] of released) this.held.delete(key);
      return released.map(([, { address }]) => address);
    },
    held: async () => {
      this.#do('held');
      return [...this.held.values()];
    },
    probe: async () => this.#do('probe'),
  };

  /** What was written with the addresses of each allocation. */
  readonly along: (Endpoint | undefined)[] = [];
  /** Of each allocation. */
  readonly spaces: (string | undefined)[] = [];
  /** Networks with their own address space. */
  readonly ownNetworks = new Set<string>();

  readonly wiring: Services['wiring'] = {
    spaceFor: (network) => (this.ownNetworks.has(network) ? network : undefined),
    spaceOf: (hostInterface) => this.#underWay.get(hostInterface)?.space ?? this.links.get(hostInterface)?.space,
    attach: ({ namespace, interfaceName, hostInterface, mac = '02:00:00:00:00:01', space }) => {
      this.#underWay.set(hostInterface, { space });
      return {
        attachmentWith: (settings) => attachmentOf({ namespace, interfaceName, hostInterface, mac, ...settings }),
        finish: async ({ addresses, destinations }) => {
          this.#underWay.delete(hostInterface);
          if (this.linksAreMade !== undefined) await this.linksAreMade;
          this.#do(`attach ${hostInterface}`);
          const containerInterface = `${namespace} ${interfaceName}`;
          const taken =
            this.links.has(hostInterface) || [...this.links.values()].some((link) => link.containerInterface === containerInterface);
          if (taken) throw codedError('EEXIST', `add veth ${hostInterface}: File exists`, { operation: `add veth ${hostInterface}` });
          this.links.set(hostInterface, { hostInterface, containerInterface, addresses, destinations, mac, space });
        },
        abandon: async () => {
          this.#underWay.delete(hostInterface);
          this.#do(`abandon ${hostInterface}`);
        },
      };
    },
    detach: async (hostInterface) => {
      this.#do(`detach ${hostInterface}`);
      this.links.delete(hostInterface);
    },
    inspect: async ({ namespace, interfaceName, hostInterface }) => {
      this.#do('inspect');
      const link = this.links.get(hostInterface);
      const place = `${namespace} ${interfaceName}`;
      const inside = [...this.links.values()].find(({ containerInterface }) => containerInterface === place);
      return {
        ...(link && { host: { up: true, mac: 'ee:ee:ee:ee:ee:ee', mtu: 1500 } }),
        ...(inside && { container: { up: true, mac: inside.mac, mtu: 1500 } }),
        joined: link !== undefined && link === inside,
        addresses: [...(inside?.addresses ?? [])],
        containerRoutes: [
          { destination: '0.0.0.0/0', via: '169.254.1.1' },
          { destination: '::/0', via: 'fe80::1' },
        ],
        hostRoutes: (link?.addresses ?? []).map((address) => `${address}/${familyOf(address) === 'IPv4' ? 32 : 128}`),
      };
    },
    findHostEnd: () => {
      const error = this.failing.get('findHostEnd');
      if (error !== undefined) throw error;
      return this.hostEnd;
    },
  };

  readonly enforcement: Services['enforcement'] = {
    enforce: async (endpoint) => {
      this.#do(`enforce ${endpoint.spec.hostInterface}`);
      this.endpoints.set(`${endpoint.spec.containerId} ${endpoint.spec.interfaceName}`, endpoint);
    },
    openLoopback: async ({ spec }) => {
      if (spec.hostPorts !== undefined) this.#do(`openLoopback ${spec.hostInterface}`);
    },
    withdraw: async ({ containerId, interfaceName }) => {
      this.#do('withdraw');
      const key = `${containerId} ${interfaceName}`;
      const endpoint = this.endpoints.get(key);
      this.endpoints.delete(key);
      return endpoint;
    },
    find: async ({ containerId, interfaceName }) => {
      this.#do('find');
      return this.endpoints.get(`${containerId} ${interfaceName}`);
    },
    drift: async () => this.ruleDrift,
  };

  readonly kept = new Map<string, Result>();

  readonly results: Services['results'] = {
    keep: (call, result) => void this.kept.set(keyOf(call), result),
    find: (call) => this.kept.get(keyOf(call)),
    forget: (call) => void this.kept.delete(keyOf(call)),
  };

  readonly outage = (): Outage | undefined => this.outageNow;

  readonly collect = async ({ network, isStale, remove }: Collection): Promise<void> => {
    this.#do('collect');
    const ofEndpoints = [...this.endpoints.values()].map(({ spec }) => spec);
    const owners = [...this.held.values(), ...ofEndpoints].filter((one) => one.network === network);
    const distinct = new Map(owners.map((owner) => [`${owner.containerId} ${owner.interfaceName}`, owner]));
    for (const { containerId, interfaceName } of distinct.values()) {
      if (isStale({ containerId, interfaceName })) await remove({ containerId, interfaceName });
    }
  };

  readonly later = (work: Promise<void>, _what: string): void => {
    this.#works.push(work);
    // It may fail before anybody awaits settled().
    work.catch(() => {});
  };

  /** Resolves when all later work is done, whether or not it failed. */
  async settled(): Promise<PromiseSettledResult<void>[]> {
    return Promise.allSettled(this.#works);
  }

  /** The first words of the events: what was done, without to what. */
  get verbs(): string[] {
    return this.events.map((event) => event.split(' ')[0]!);
  }

  /** True when nothing of any container is left. */
  get isEmpty(): boolean {
    return this.kept.size === 0 && this.held.size === 0 && this.links.size === 0 && this.endpoints.size === 0 && this.#underWay.size === 0;
  }

  #do(event: string): void {
    this.events.push(event);
    const error = this.failing.get(event.split(' ')[0] as 'attach');
    if (error !== undefined) throw error;
  }
}

function keyOf({ config, containerId, interfaceName }: Call): string {
  return `${config.name} ${containerId} ${interfaceName}`;
}
