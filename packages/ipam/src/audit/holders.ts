/** Addresses that are held, and whether their containers are there. Pure. */

import type { Inventory } from '../inventory.ts';
import { type Audit, type AuditOptions, type Finding, type Holding, holderText, type Unverified } from './finding.ts';

export function auditHolders(inventory: Inventory, holdings: readonly Holding[], options: AuditOptions): Audit {
  const whereabouts = new Whereabouts(inventory, options);
  const findings: Finding[] = [];
  const unverified: Unverified[] = [];
  for (const holding of holdings) {
    const { address, allocation } = holding;
    if (allocation.containerId === undefined || options.now - (allocation.since ?? 0) < options.graceSeconds * 1000) continue;
    const { gone, certain } = whereabouts.of(holding);
    if (gone === undefined && !certain) unverified.push({ address, host: allocation.host, network: allocation.network ?? '' });
    if (gone === undefined) continue;
    const { host, sequence } = allocation;
    const message = `held by ${holderText(allocation)}, ${gone}`;
    findings.push({ kind: 'leaked', subject: address, message, ...(certain && { repair: { do: 'release', address, host, sequence } }) });
  }
  return { findings, unverified };
}

/** `gone`: why its container is taken to have it no more. `certain`: that is known, not only likely. */
interface Judgement {
  gone?: string;
  certain: boolean;
}

class Whereabouts {
  readonly #kernel: AuditOptions['kernel'];
  /** Addresses of endpoints, by host, container and interface. */
  readonly #endpoints: ReadonlyMap<string, readonly string[]>;
  readonly #networks: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string>;
  /** The hosts' own, at the ends of tunnels. */
  readonly #ofTunnels: ReadonlySet<string>;

  constructor({ endpoints, hosts, present }: Inventory, { kernel }: AuditOptions) {
    this.#kernel = kernel;
    this.#endpoints = new Map(endpoints.map(({ spec }) => [key(spec.host, spec.containerId, spec.interfaceName), spec.addresses]));
    this.#networks = new Set(endpoints.map(({ spec }) => spec.network));
    this.#hosts = new Set([...hosts.map(({ metadata }) => metadata.name), ...endpoints.map(({ spec }) => spec.host), ...present]);
    this.#ofTunnels = new Set(
      hosts.flatMap(({ metadata, spec }) => (spec.vxlan?.tunnelAddresses ?? []).map((one) => key(metadata.name, one))),
    );
  }

  of({ address, allocation: { host, containerId, interfaceName, network, namespace } }: Holding): Judgement {
    const addresses = this.#endpoints.get(key(host, containerId!, interfaceName!));
    if (addresses?.includes(address) || this.#ofTunnels.has(key(host, address))) return { certain: true };
    if (addresses !== undefined) return { gone: `whose endpoint has ${addresses.join(', ') || 'no address'}`, certain: true };
    if (!this.#hosts.has(host)) return { gone: 'a host that is not of the cluster any more', certain: true };
    if (this.#kernel?.host === host && namespace !== undefined) {
      if (this.#kernel.namespaces.has(namespace)) return { certain: true };
      return { gone: `whose network namespace ${namespace} is gone`, certain: true };
    }
    if (!this.#networks.has(network ?? '')) return { certain: false };
    return { gone: `which has no endpoint: look with --kernel on ${host} whether it lives`, certain: false };
  }
}

const key = (...parts: string[]): string => parts.join('\0');
