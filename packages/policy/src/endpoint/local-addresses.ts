import { familyOf } from '@weir/resources';
import { Claims } from '../statements/claims.ts';
import { addressType, type ElementStatement } from '../statements/statement.ts';
import type { Table } from '../statements/table.ts';
import type { LocalEndpoint } from './local-endpoint.ts';

/**
 * Addresses of the endpoints that are behind interfaces of this host: from nowhere else do such packets come, but from who forges them.
 * Those behind a bridge are not among them, since what is seen of their packets is the bridge.
 */
export class LocalAddresses {
  readonly #claims: Claims;

  constructor(table: Table) {
    this.#claims = new Claims(table);
  }

  /** @param endpoint undefined when there is none on the interface */
  put(hostInterface: string, endpoint: LocalEndpoint | undefined): void {
    const isRouted = endpoint?.object.kind === 'Endpoint' && endpoint.object.spec.bridge === undefined;
    this.#claims.put(hostInterface, isRouted ? endpoint.member.addresses.map(element) : []);
  }
}

function element(value: string): ElementStatement {
  const family = familyOf(value);
  return { kind: 'element', set: family === 'IPv4' ? 'local4' : 'local6', key: [{ type: addressType(family), value }] };
}
