import { type Endpoint, familyOf } from '@weir/resources';
import type { Member } from '../membership/member.ts';
import { Claims } from '../statements/claims.ts';
import { addressType, type ElementStatement, type KeyField } from '../statements/statement.ts';
import type { Table } from '../statements/table.ts';
import type { Entries, LocalEndpoint } from './local-endpoint.ts';

/**
 * Endpoints whose interface is a port of a bridge. What the hooks of the table inet see of their packets is the bridge, so there they are
 * known by their addresses; that a port has these and no others is what the table bridge sees to.
 */
export class BridgePorts {
  readonly #byAddress: Claims;
  readonly #byPort: Claims;

  constructor(tables: { inet: Table; bridge: Table }) {
    this.#byAddress = new Claims(tables.inet);
    this.#byPort = new Claims(tables.bridge);
  }

  /** @param of undefined when there is no endpoint on the interface */
  put(hostInterface: string, of: { endpoint: LocalEndpoint; entries: Entries } | undefined): void {
    const object = of?.endpoint.object;
    const isPort = of !== undefined && object?.kind === 'Endpoint' && object.spec.bridge !== undefined;
    this.#byAddress.put(hostInterface, isPort ? of.endpoint.member.addresses.flatMap((one) => addressElements(one, of.entries)) : []);
    this.#byPort.put(hostInterface, isPort ? portElements(object, of.endpoint.member) : []);
  }
}

function addressElements(address: string, entries: Entries): ElementStatement[] {
  const version = familyOf(address) === 'IPv4' ? '4' : '6';
  const key = [addressField(address)];
  return [
    { kind: 'element', set: `bridged${version}`, key },
    { kind: 'element', set: `from_bridged${version}`, key, verdict: entries.Egress.verdict },
    { kind: 'element', set: `to_bridged${version}`, key, verdict: entries.Ingress.verdict },
  ];
}

function portElements({ spec }: Endpoint, { addresses }: Member): ElementStatement[] {
  const { hostInterface, mac } = spec;
  const name: KeyField = { type: 'ifname', value: hostInterface };
  return [
    { kind: 'element', set: 'port', key: [name] },
    mac === undefined
      ? { kind: 'element', set: 'any_mac', key: [name] }
      : { kind: 'element', set: 'source_mac', key: [name, { type: 'ether_addr', value: mac }] },
    ...addresses.flatMap((address): ElementStatement[] => {
      const sets = familyOf(address) === 'IPv4' ? ['address4'] : ['address6', 'target6'];
      return sets.map((set) => ({ kind: 'element', set, key: [name, addressField(address)] }));
    }),
  ];
}

function addressField(value: string): KeyField {
  return { type: addressType(familyOf(value)), value };
}
