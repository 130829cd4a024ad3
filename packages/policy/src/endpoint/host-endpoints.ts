import type { HostEndpoint, ObjectId } from '@weir/resources';
import type { Member } from '../membership/member.ts';
import { hostMember } from '../membership/member-of.ts';
import type { Membership } from '../membership/membership.ts';
import type { PolicyIndex } from '../program/policy-index.ts';
import { unreadableHostEndpoint } from '../program/unreadable-host-endpoint.ts';
import { hostEndpointHere } from './endpoint-here.ts';
import type { Enforcement } from './enforcement.ts';

/** What there is of a host endpoint: for those that select it as a peer, and for the table, where it is one of this host. */
interface Applied {
  readonly member: Member | undefined;
  readonly local: HostEndpoint | undefined;
}

/** The hosts' own endpoints. One that cannot be read is closed; it stays what it was to others or, if nobody ever read it, one stands in for it. */
export class HostEndpoints {
  readonly #host: string | undefined;
  readonly #membership: Membership;
  readonly #policies: PolicyIndex;
  readonly #enforcement: Enforcement;
  /** Keys of those that never could be read. */
  readonly #standIns = new Set<string>();

  constructor(of: { host: string | undefined; membership: Membership; policies: PolicyIndex; enforcement: Enforcement }) {
    this.#host = of.host;
    this.#membership = of.membership;
    this.#policies = of.policies;
    this.#enforcement = of.enforcement;
  }

  put(key: string, object: HostEndpoint | undefined): Applied {
    this.#policies.putUnreadableEndpoint(key, undefined);
    this.#standIns.delete(key);
    return { member: object && hostMember(key, object), local: object && hostEndpointHere(this.#host, key, object) };
  }

  /** As {@link put}, for one that cannot be read. */
  close(key: string, id: ObjectId, value: unknown): Applied {
    const { standIn, hasLabels } = unreadableHostEndpoint(id, value);
    const known = this.#standIns.has(key) ? undefined : this.#membership.member(key);
    if (known === undefined) this.#standIns.add(key);
    const before = known && this.#enforcement.localEndpoint(known)?.object;
    const local = before?.kind === 'HostEndpoint' ? before : hostEndpointHere(this.#host, key, standIn);
    const name = { kind: 'HostEndpoint' as const, name: id.name };
    this.#policies.putUnreadableEndpoint(key, { name, hasLabels: hasLabels || known !== undefined });
    return { member: known === undefined ? local && hostMember(key, local) : { ...known }, local };
  }
}
