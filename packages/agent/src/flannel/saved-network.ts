/** What is known of a flannel network, in a file of the agent's run directory: in force after a restart of the agent, also while etcd is away. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Entry } from '@weir/datastore';
import type { FlannelNetwork, FlannelPeer } from '@weir/routing';
import { z } from 'zod';
import { FlannelRecords } from './flannel-records.ts';

const schema = z.object({ prefix: z.string(), own: z.string(), values: z.record(z.string(), z.string()) });

export interface SavedNetwork {
  prefix: string;
  /** Last part of the own lease's key. */
  name: string;
  own: FlannelPeer;
  network: FlannelNetwork;
  records: FlannelRecords;
}

/** Undefined for a file that is not there or cannot be read: as if nothing were known. */
export function readSaved(path: string): SavedNetwork | undefined {
  try {
    const { prefix, own: name, values } = schema.parse(JSON.parse(readFileSync(path, 'utf8')));
    const entries = Object.entries(values).map(([key, value]): Entry => ({ key, value, revision: 0, created: 0 }));
    const records = new FlannelRecords(prefix, entries);
    const own = records.leases.get(name);
    return own && { prefix, name, own, network: records.network(), records };
  } catch {
    return undefined;
  }
}

/** Whole or not at all. Throws Node's errors of files. */
export function save(path: string, { prefix, own, records }: { prefix: string; own: string; records: FlannelRecords }): void {
  writeFileSync(`${path}.new`, JSON.stringify({ prefix, own, values: records.values }));
  renameSync(`${path}.new`, path);
}
