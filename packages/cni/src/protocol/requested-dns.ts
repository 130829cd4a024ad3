import { z } from 'zod';
import { type NetworkConfig, parseConfig } from './network-config.ts';
import type { Dns } from './result.ts';

const texts = z.array(z.string()).nullish();

const schema = z.looseObject({ servers: texts, searches: texts, options: texts }).nullish();

/**
 * What the runtime wants in the container's resolv.conf: the capability `dns` (CNI CONVENTIONS.md, "Well-known Capabilities"), in the words of
 * a result. A list that is empty or missing says nothing.
 * @throws CniError 7
 */
export function requestedDns({ runtimeConfig }: NetworkConfig): Dns {
  const { servers, searches, options } = parseConfig(schema, runtimeConfig?.dns, 'runtimeConfig.dns') ?? {};
  return {
    ...(servers?.length && { nameservers: servers }),
    ...(searches?.length && { search: searches }),
    ...(options?.length && { options }),
  };
}
