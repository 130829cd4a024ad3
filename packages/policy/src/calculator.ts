import {
  type AnyObject,
  type Endpoint,
  type GlobalPolicy,
  type Host,
  type Kind,
  keyOf,
  keyPrefix,
  type Labels,
  type Namespace,
  type NetworkSet,
  namespaceLabels,
  type Policy,
} from '@weir/resources';
import { type Decision, type Judges, judge, permits } from './decision.ts';
import { Enforcement } from './enforcement.ts';
import type { Flow } from './flow.ts';
import { HostPorts } from './host-ports.ts';
import { type Member, Membership, splitNets } from './membership.ts';
import { PolicyIndex } from './policy-index.ts';
import type { Statement } from './statement.ts';
import { Table } from './table.ts';

/** What turns the table of the previous flush into the one wanted now. */
export interface DataplaneChange {
  set: Map<string, Statement>;
  delete: Set<string>;
  /** Host interfaces whose endpoints may have lost a permission, or have gone: their established flows are to be judged again. */
  narrowed: Set<string>;
}

interface Pending {
  kind: Kind;
  object: AnyObject | undefined;
}

/**
 * From resources to the desired nftables table of one host. Pure: takes objects in, gives statements out.
 *
 * Changes are taken in by `upsert` and `remove`, which only note them, and worked off by `flush`, at a cost that goes by the size of the
 * change. The same objects end in the same table, whatever came before and in whatever order.
 */
export class PolicyCalculator {
  readonly #host: string;
  readonly #pending = new Map<string, Pending>();
  readonly #namespaces = new Map<string, Namespace>();
  readonly #members = new Map<string, Member>();
  readonly #table = new Table();
  readonly #membership: Membership;
  readonly #policies: PolicyIndex;
  readonly #enforcement: Enforcement;
  readonly #hostPorts = new HostPorts(this.#table);
  #hostObject: Host | undefined;
  #narrowed = new Set<string>();

  /** @param options.host name of the Host whose endpoints the table is for */
  constructor(options: { host: string }) {
    this.#host = options.host;
    const labels = (namespace: string): Labels => namespaceLabels(namespace, this.#namespaces.get(namespace));
    this.#membership = new Membership(
      {
        addressChanged: (set, address) => this.#enforcement.addressChanged(set, address),
        netsChanged: (set) => this.#enforcement.netsChanged(set),
      },
      labels,
    );
    this.#policies = new PolicyIndex(this.#membership, labels);
    this.#enforcement = new Enforcement({
      membership: this.#membership,
      policies: this.#policies,
      table: this.#table,
      namespaceAction: (namespace) => this.#namespaces.get(namespace)?.spec.defaultAction,
    });
  }

  /** Takes an object in, new or changed. It has to be as `parseObject` gives it. Kinds that policy does not depend on are ignored. */
  upsert(object: AnyObject): void {
    this.#pending.set(keyOf(object), { kind: object.kind, object });
  }

  remove(kind: Kind, name: string, namespace?: string): void {
    this.#pending.set(keyOf({ kind, metadata: { name, ...(namespace !== undefined && { namespace }) } }), { kind, object: undefined });
  }

  /** What has changed in the desired table since the last flush; at first, the whole table. */
  flush(): DataplaneChange {
    this.#settle();
    const narrowed = this.#narrowed;
    this.#narrowed = new Set();
    return { ...this.#table.takeChange(), narrowed };
  }

  /**
   * Whether a flow may begin, judged by the programs that the table is made of: as egress of the endpoint of this host that has the
   * source address, then as ingress of the one that has the destination. A flow between strangers is allowed.
   *
   * @throws PolicyError EFLOW
   */
  decide(flow: Flow): Decision {
    return judge(flow, this.#judges());
  }

  /**
   * Whether `decide` would say Allow, for many flows: it names no rule, and so costs the same for any number of them.
   *
   * @throws PolicyError EFLOW
   */
  allows(flow: Flow): boolean {
    return permits(flow, this.#judges());
  }

  #judges(): Judges {
    this.#settle();
    return { enforcedAt: (address, direction) => this.#enforcement.enforcedAt(address, direction), host: this.#hostObject };
  }

  #settle(): void {
    if (this.#pending.size === 0) return;
    for (const [key, { kind, object }] of this.#pending) this.#apply(key, kind, object);
    this.#pending.clear();
    this.#narrowed = this.#narrowed.union(this.#enforcement.settle());
    this.#policies.releaseReplaced();
  }

  #apply(key: string, kind: Kind, object: AnyObject | undefined): void {
    switch (kind) {
      case 'Namespace':
        this.#applyNamespace(key.slice(keyPrefix(kind).length), object as Namespace | undefined);
        break;
      case 'Endpoint':
        this.#applyEndpoint(key, object as Endpoint | undefined);
        break;
      case 'NetworkSet':
        this.#applyMember(key, object && networkSetMember(key, object as NetworkSet));
        break;
      case 'Policy':
      case 'GlobalPolicy':
        this.#applyPolicy(key, object as Policy | GlobalPolicy | undefined);
        break;
      case 'Host':
        if (key === keyOf({ kind, metadata: { name: this.#host } })) this.#hostObject = object as Host | undefined;
        break;
    }
  }

  #applyPolicy(key: string, object: Policy | GlobalPolicy | undefined): void {
    for (const endpoint of this.#policies.put(key, object)) this.#enforcement.endpointChanged(endpoint);
  }

  #applyNamespace(name: string, object: Namespace | undefined): void {
    if (object === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, object);
    this.#membership.namespaceChanged(name);
    for (const { member } of [...this.#enforcement.endpoints()]) {
      if (member.namespace !== name) continue;
      this.#policies.deleteEndpoint(member);
      this.#policies.addEndpoint(member);
      this.#enforcement.endpointChanged(member);
    }
  }

  #applyEndpoint(key: string, object: Endpoint | undefined): void {
    const before = this.#members.get(key);
    if (before !== undefined && this.#enforcement.isLocal(before)) {
      this.#policies.deleteEndpoint(before);
      this.#enforcement.deleteEndpoint(before);
    }
    const member = object && endpointMember(key, object);
    const isLocal = object?.spec.host === this.#host;
    this.#hostPorts.put(key, isLocal ? object : undefined);
    if (isLocal && member !== undefined) {
      this.#policies.addEndpoint(member);
      this.#enforcement.addEndpoint({ object, member });
    }
    this.#applyMember(key, member);
  }

  #applyMember(key: string, member: Member | undefined): void {
    if (member === undefined) this.#members.delete(key);
    else this.#members.set(key, member);
    this.#membership.put(key, member);
  }
}

function endpointMember(key: string, { metadata, spec }: Endpoint): Member {
  const { namespace, labels } = metadata;
  return { key, namespace: namespace!, labels, addresses: [...new Set(spec.addresses)], nets: [], ports: spec.ports };
}

function networkSetMember(key: string, { metadata, spec }: NetworkSet): Member {
  return { key, namespace: metadata.namespace!, labels: metadata.labels, ...splitNets(spec.nets), ports: [] };
}
