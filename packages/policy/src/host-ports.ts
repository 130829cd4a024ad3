import { type Endpoint, type HostSocket, hostSockets, protocolNumber } from '@weir/resources';
import { addressType } from './peer-table.ts';
import { type KeyField, type Statement, statementKey } from './statement.ts';
import type { Table } from './table.ts';

/**
 * The ports of the host that lead to its endpoints, as elements of the maps that NAT looks in.
 *
 * The CNI tools let no two endpoints have one port. Should it be so in the store all the same (one of them an old one not yet gone, or
 * written by hand), the choice must not depend on who came first.
 */
export class HostPorts {
  readonly #table: Table;
  /** By statement, who wants it, by the endpoints' keys. */
  readonly #claims = new Map<string, Map<string, Statement>>();
  readonly #byEndpoint = new Map<string, string[]>();

  constructor(table: Table) {
    this.#table = table;
  }

  /** @param key of the endpoint, as of `keyOf`; @param endpoint undefined when it is no longer there */
  put(key: string, endpoint: Endpoint | undefined): void {
    const before = this.#byEndpoint.get(key) ?? [];
    const statements = endpoint === undefined ? [] : hostPortStatements(endpoint);
    const after = statements.map(statementKey);
    for (const claimed of before) this.#claims.get(claimed)!.delete(key);
    for (const statement of statements) {
      const claimed = statementKey(statement);
      const claims = this.#claims.get(claimed) ?? new Map<string, Statement>();
      this.#claims.set(claimed, claims.set(key, statement));
    }
    if (after.length > 0) this.#byEndpoint.set(key, after);
    else this.#byEndpoint.delete(key);
    for (const claimed of new Set([...before, ...after])) this.#settle(claimed);
  }

  #settle(claimed: string): void {
    const claims = this.#claims.get(claimed)!;
    const [first] = [...claims.keys()].sort();
    if (first !== undefined) {
      this.#table.set(claims.get(first)!);
      return;
    }
    this.#claims.delete(claimed);
    this.#table.delete(claimed);
  }
}

function hostPortStatements({ spec }: Endpoint): Statement[] {
  const sockets = hostSockets(spec);
  const targets = new Map(sockets.map((socket) => [socket.target.address, socket.family]));
  return [
    ...sockets.map(natElement),
    ...[...targets].map(([value, family]): Statement => {
      const field: KeyField = { type: addressType(family), value };
      return { kind: 'element', set: family === 'IPv4' ? 'hairpin4' : 'hairpin6', key: [field, field] };
    }),
  ];
}

function natElement({ family, address, protocol, port, target }: HostSocket): Statement {
  const type = addressType(family);
  const version = family === 'IPv4' ? 4 : 6;
  const service: KeyField[] = [
    { type: 'inet_proto', value: protocolNumber(protocol) },
    { type: 'inet_service', value: port },
  ];
  return {
    kind: 'element',
    ...(address === undefined
      ? { set: `any_host_port${version}`, key: service }
      : { set: `host_port${version}`, key: [{ type, value: address }, ...service] }),
    data: [
      { type, value: target.address },
      { type: 'inet_service', value: target.port },
    ],
  };
}
