/** Names and options of this host's Docker networks. The driver's calls have ids alone; the engine, while it starts, answers no questions, but starts containers. So what it said once is kept in the store. */
import type { Store } from '@weir/datastore';
import { type DockerClient, DockerError, type NetworkOptions, readNetworkOptions } from '@weir/docker';
import { z } from 'zod';

export interface DockerNetworksOptions {
  store: Store;
  host: string;
  client: Pick<DockerClient, 'network'>;
}

const schema = z.object({ name: z.string(), options: z.record(z.string(), z.string()) });

export class DockerNetworks {
  readonly #of: DockerNetworksOptions;
  readonly #known = new Map<string, z.output<typeof schema>>();

  constructor(options: DockerNetworksOptions) {
    this.#of = options;
  }

  /** Throws DockerError and StoreError. */
  async find(id: string): Promise<{ name: string; options: NetworkOptions }> {
    const { name, options } = this.#known.get(id) ?? (await this.#kept(id)) ?? (await this.#asked(id));
    return { name, options: readNetworkOptions(options) };
  }

  async forget(id: string): Promise<void> {
    this.#known.delete(id);
    await this.#of.store.transact({ when: [], then: [{ delete: this.#key(id) }] });
  }

  async #kept(id: string): Promise<z.output<typeof schema> | undefined> {
    const entry = await this.#of.store.get(this.#key(id));
    if (entry === undefined) return undefined;
    const kept = schema.parse(JSON.parse(entry.value));
    this.#known.set(id, kept);
    return kept;
  }

  async #asked(id: string): Promise<z.output<typeof schema>> {
    const found = await this.#of.client.network(id);
    if (found === undefined) throw new DockerError('EREQUEST', `Docker knows no network ${id}`);
    const { name, options } = found;
    await this.#of.store.transact({ when: [], then: [{ put: this.#key(id), value: JSON.stringify({ name, options }) }] });
    this.#known.set(id, { name, options });
    return { name, options };
  }

  #key(id: string): string {
    return `/weir/docker/${this.#of.host}/${id}`;
  }
}
