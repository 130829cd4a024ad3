import type { Cluster, LineProcess } from '@weir/lab';
import { DEFAULT_NAMESPACE } from '@weir/resources';

/** As in a manifest; defaults are filled in by the writer. */
export interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  spec: Record<string, unknown>;
}

export type WriterRequest =
  | { operation: 'load'; objects: object[] }
  | { operation: 'put'; object: object }
  | { operation: 'remove' | 'get'; kind: string; name: string; namespace?: string };

/** `monotonicMs()` times of the call to the store and of its answer. */
export interface Written {
  start: number;
  end: number;
}

/** Writes objects to the store from a process of its own on a cluster's first host, as `weir` does: etcd is reached from there only. */
export class StoreWriter {
  readonly #process: LineProcess;

  constructor(cluster: Cluster) {
    const program = `${import.meta.dirname}/store-writer-process.ts`;
    this.#process = cluster.hosts[0]!.lineProcess('store writer', program, cluster.storeEnvironment);
  }

  /** Writes many; a pool is admitted. */
  load(objects: Manifest[]): Promise<void> {
    return this.#process.request({ operation: 'load', objects: objects.map(complete) });
  }

  put(object: Manifest): Promise<Written> {
    return this.#process.request({ operation: 'put', object: complete(object) });
  }

  remove({ kind, metadata: { name, namespace = DEFAULT_NAMESPACE } }: Manifest): Promise<Written> {
    return this.#process.request({ operation: 'remove', kind, name, namespace });
  }

  get(kind: string, name: string, namespace = DEFAULT_NAMESPACE): Promise<Manifest> {
    return this.#process.request({ operation: 'get', kind, name, namespace });
  }

  close(): Promise<void> {
    return this.#process.close();
  }
}

function complete(object: Manifest): object {
  return { apiVersion: 'weir/v1', ...object };
}
