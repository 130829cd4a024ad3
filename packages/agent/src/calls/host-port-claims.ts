/** A port of the host leads to one container. All ADDs of a host pass one process, so who holds a port is known here, without the store. */
import { type Endpoint, hostSockets, keyOf, socketsOverlap, socketText } from '@weir/resources';
import { AgentError } from '../agent-error.ts';

export class HostPortClaims {
  readonly #known: () => Iterable<Endpoint>;
  /** On their way: not yet known, but not to be overtaken either. */
  readonly #entering = new Set<Endpoint>();

  /** @param known gives the endpoints of this host that are in force */
  constructor(known: () => Iterable<Endpoint>) {
    this.#known = known;
  }

  /**
   * Does the work that makes an endpoint known. Until it is done the endpoint holds its ports already; after it, by being known.
   * @throws AgentError EHOSTPORT, before the work, that names who holds one of them
   */
  async during<T>(endpoint: Endpoint, work: () => Promise<T>): Promise<T> {
    if (hostSockets(endpoint.spec).length === 0) return work();
    this.#refuseTaken(endpoint);
    this.#entering.add(endpoint);
    try {
      return await work();
    } finally {
      this.#entering.delete(endpoint);
    }
  }

  #refuseTaken(endpoint: Endpoint): void {
    const wanted = hostSockets(endpoint.spec);
    for (const holder of [...this.#known(), ...this.#entering]) {
      if (keyOf(holder) === keyOf(endpoint)) continue;
      const held = hostSockets(holder.spec);
      const taken = wanted.find((socket) => held.some((other) => socketsOverlap(socket, other)));
      if (taken === undefined) continue;
      const { metadata, spec } = holder;
      throw new AgentError(
        'EHOSTPORT',
        `port ${socketText(taken)} of host ${spec.host} leads to container ${spec.docker?.name ?? spec.containerId} already (endpoint ${metadata.namespace}/${metadata.name}, network ${spec.network})`,
      );
    }
  }
}
