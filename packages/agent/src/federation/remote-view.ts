/** What the objects of another cluster come to as peers of this one. Pure. */
import type { RemoteRanges } from '@weir/policy';
import { isBelieved } from '@weir/policy';
import {
  API_VERSION,
  CLUSTER_LABEL,
  isReady,
  keyOf,
  type Labels,
  type ObjectId,
  parseKey,
  parseObject,
  type RemoteEndpoint,
  remoteEndpointName,
  ValidationError,
} from '@weir/resources';
import { z } from 'zod';

/** What is read of its endpoints: the other cluster may be of a newer version, whose objects say more. */
const endpointSchema = z.looseObject({
  metadata: z.looseObject({ labels: z.record(z.string(), z.string()).default({}) }),
  spec: z.looseObject({
    host: z.string(),
    addressSpace: z.string().optional(),
    addresses: z.array(z.string()),
    ready: z.boolean().optional(),
    mesos: z.looseObject({ healthy: z.boolean().optional() }).optional(),
    waitsForLabels: z.literal(true).optional(),
  }),
});
const namespaceSchema = z.looseObject({ spec: z.looseObject({ labelsToApply: z.record(z.string(), z.string()).optional() }) });

type Stored = z.infer<typeof endpointSchema>;

/** Undefined: it is nobody's business, or nobody yet. With a reason: it is not believed. */
export type Verdict = RemoteEndpoint | { refusal: string } | undefined;

export class RemoteView {
  readonly #cluster: string;
  /** By its key there. */
  readonly #endpoints = new Map<string, Stored | { refusal: string }>();
  readonly #inNamespace = new Map<string, Set<string>>();
  readonly #labels = new Map<string, Labels>();
  #ranges: RemoteRanges | undefined;

  constructor(cluster: string) {
    this.#cluster = cluster;
  }

  /**
   * Takes in an endpoint or a namespace as its store has it; undefined when it is gone.
   *
   * @returns keys there of the endpoints that are concerned
   */
  put(id: ObjectId, value: unknown): Iterable<string> {
    const key = keyOf({ kind: id.kind, metadata: id });
    if (id.kind === 'Namespace') {
      this.#labels.set(id.name, namespaceSchema.safeParse(value).data?.spec.labelsToApply ?? {});
      return this.#inNamespace.get(id.name) ?? [];
    }
    const known = this.#inNamespace.get(id.namespace!) ?? new Set();
    if (value === undefined) {
      this.#endpoints.delete(key);
      known.delete(key);
    } else {
      const parsed = endpointSchema.safeParse(value);
      this.#endpoints.set(key, parsed.success ? parsed.data : { refusal: `cannot be read: ${z.prettifyError(parsed.error)}` });
      known.add(key);
    }
    if (known.size === 0) this.#inNamespace.delete(id.namespace!);
    else this.#inNamespace.set(id.namespace!, known);
    return [key];
  }

  /** @param ranges undefined: this cluster has no such RemoteCluster, and nothing is believed */
  believe(ranges: RemoteRanges | undefined): Iterable<string> {
    if (JSON.stringify(ranges) === JSON.stringify(this.#ranges)) return [];
    this.#ranges = ranges;
    return this.#endpoints.keys();
  }

  /** What an endpoint is here. @param key its key there */
  at(key: string): Verdict {
    const stored = this.#endpoints.get(key);
    const ranges = this.#ranges;
    if (stored === undefined || ranges === undefined) return undefined;
    if ('refusal' in stored) return stored as { refusal: string };
    const { metadata, spec } = stored as Stored;
    if (spec.addressSpace !== undefined || spec.waitsForLabels === true || spec.addresses.length === 0) return undefined;
    const { namespace, name } = parseKey(key)!;
    try {
      const object = parseObject({
        apiVersion: API_VERSION,
        kind: 'RemoteEndpoint',
        metadata: {
          name: remoteEndpointName(this.#cluster, name),
          namespace,
          labels: { ...this.#labels.get(namespace!), ...metadata.labels, [CLUSTER_LABEL]: this.#cluster },
        },
        spec: { cluster: this.#cluster, host: spec.host, addresses: spec.addresses, ready: isReady(readiness(spec)) },
      }) as RemoteEndpoint;
      const addresses = object.spec.addresses.filter((address) => isBelieved(ranges, address));
      if (addresses.length === 0)
        return { refusal: `${object.spec.addresses.join(', ')} is not within ${ranges.cidrs.join(', ')}, or is another's` };
      return { ...object, spec: { ...object.spec, addresses } };
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      return { refusal: error.message };
    }
  }
}

function readiness({ ready, mesos }: Stored['spec']): Parameters<typeof isReady>[0] {
  const healthy = mesos?.healthy;
  return { ...(ready !== undefined && { ready }), ...(healthy !== undefined && { mesos: { healthy } }) };
}
