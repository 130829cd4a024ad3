import { familyOf } from '@weir/resources';
import { Claims } from '../statements/claims.ts';
import { addressType, type ChainStatement, type Statement } from '../statements/statement.ts';
import type { SharedStructure, Table } from '../statements/table.ts';
import type { Enforced } from './enforced.ts';

/** The queue of netfilter that DNS messages of {@link DnsClients} wait in. */
export const DNS_QUEUE = 5353;

/** Chain of the base table that holds back who has more DNS messages than the agent should look at. */
export const DNS_PACE = 'dns_message_pace';

/** Named as made by policy, since nft cannot load it where the kernel has queues as iptables' target alone. */
const QUEUE: ChainStatement = {
  kind: 'chain',
  name: 'c_dns',
  rules: [
    { expressions: [{ kind: 'verdict', verdict: { kind: 'jump', chain: DNS_PACE } }] },
    { expressions: [{ kind: 'queue', number: DNS_QUEUE }], comment: 'the agent learns what names stand for' },
  ],
};

/** The endpoints whose rules name domains: what they ask DNS, and what it answers, is looked at. */
export class DnsClients {
  readonly #claims: Claims;
  readonly #structure: SharedStructure;
  readonly #interfaces = new Set<string>();

  constructor(table: Table, structure: SharedStructure) {
    this.#claims = new Claims(table);
    this.#structure = structure;
  }

  /** @param egress programs of the endpoint on the interface, by its addresses */
  put(hostInterface: string, egress: ReadonlyMap<string, Enforced> | undefined): void {
    const isClient = [...(egress?.values() ?? [])].some(({ program }) => program.rules.some(({ hasDomains }) => hasDomains));
    if (isClient && !this.#interfaces.has(hostInterface)) this.#structure.retain(QUEUE);
    const [first] = egress?.values() ?? [];
    this.#claims.put(hostInterface, isClient ? first!.endpoint.member.addresses.map(clientElement) : []);
    if (!isClient && this.#interfaces.has(hostInterface)) this.#structure.release(QUEUE);
    if (isClient) this.#interfaces.add(hostInterface);
    else this.#interfaces.delete(hostInterface);
  }
}

function clientElement(address: string): Statement {
  const family = familyOf(address);
  return {
    kind: 'element',
    set: family === 'IPv4' ? 'dns_client4' : 'dns_client6',
    key: [{ type: addressType(family), value: address }],
    verdict: { kind: 'goto', chain: QUEUE.name },
  };
}
