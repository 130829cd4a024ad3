import { z } from 'zod';
import { CNI_CODE, CniError } from '../cni-error.ts';
import { type NetworkConfig, parseConfig } from './network-config.ts';

/** One interface of one container. */
export interface Attached {
  containerId: string;
  /** Name of the interface in the container: eth0. */
  interfaceName: string;
}

const KEY = 'cni.dev/valid-attachments';

/** libcni sends both; before it was released, version 1.1.0 had this one. */
const LEGACY_KEY = 'cni.dev/attachments';

const schema = z
  .array(z.looseObject({ containerID: z.string(), ifname: z.string() }))
  .transform((list) => list.map(({ containerID, ifname }): Attached => ({ containerId: containerID, interfaceName: ifname })));

/**
 * The attachments that a GC leaves alone (SPEC.md, "GC").
 * @throws CniError 7 when the list is missing or unreadable: everything would have to go
 */
export function readValidAttachments(config: NetworkConfig): Attached[] {
  const key = config[KEY] === undefined && config[LEGACY_KEY] !== undefined ? LEGACY_KEY : KEY;
  if (config[key] === undefined) {
    throw new CniError(CNI_CODE.invalidConfig, `GC without "${KEY}": everything of the network "${config.name}" would have to go`, {
      details: 'the runtime names the attachments that are still valid; an empty list says that none is',
    });
  }
  // Go writes an empty list as null.
  return parseConfig(schema, config[key] === null ? [] : config[key], `"${key}"`);
}

/** The keys of a GC alone, as they came: every step of a chain gets them. */
export function attachmentsOf(config: NetworkConfig): Record<string, unknown> {
  return Object.fromEntries([KEY, LEGACY_KEY].filter((key) => key in config).map((key) => [key, config[key]]));
}

/** The configuration for a single attachment's DEL, which is no GC's business. */
export function withoutAttachments(config: NetworkConfig): NetworkConfig {
  const { [KEY]: _valid, [LEGACY_KEY]: _legacy, ...rest } = config;
  return rest as NetworkConfig;
}
