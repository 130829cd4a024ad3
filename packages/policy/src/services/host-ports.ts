import { type Endpoint, type HostSocket, hostSockets, protocolNumber } from '@weir/resources';
import type { Claims } from '../statements/claims.ts';
import { addressType, type KeyField, type Statement } from '../statements/statement.ts';
import { hairpinElement } from './service-statements.ts';

/**
 * The ports of the host that lead to its endpoints, as elements of the maps that NAT looks in. The CNI tools let no two endpoints have one
 * port.
 */
export class HostPorts {
  readonly #claims: Claims;

  constructor(claims: Claims) {
    this.#claims = claims;
  }

  /** @param key of the endpoint, as of `keyOf`; @param endpoint undefined when it is no longer there */
  put(key: string, endpoint: Endpoint | undefined): void {
    this.#claims.put(key, endpoint === undefined ? [] : hostPortStatements(endpoint));
  }
}

function hostPortStatements({ spec }: Endpoint): Statement[] {
  const sockets = hostSockets(spec);
  const targets = new Set(sockets.map((socket) => socket.target.address));
  return [...sockets.map(natElement), ...[...targets].map(hairpinElement)];
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
