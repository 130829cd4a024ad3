/** Requests of libnetwork's remote drivers (moby/libnetwork, docs/remote.md and docs/ipam.md), as far as they are used. Go writes an empty map or list as null. */
import { z } from 'zod';

const text = z.string().default('');
const options = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((value) => value ?? {});
const texts = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});
const pools = z
  .array(z.looseObject({ AddressSpace: text, Pool: text }))
  .nullish()
  .transform((value) => value ?? []);

export const networkSchema = z.looseObject({ NetworkID: z.string().min(1) });
export const createNetworkSchema = networkSchema.extend({ Options: options, IPv4Data: pools, IPv6Data: pools });

export const endpointSchema = networkSchema.extend({ EndpointID: z.string().min(1), Options: options });
export const joinSchema = endpointSchema.extend({ SandboxKey: text });
export const createEndpointSchema = endpointSchema.extend({
  Interface: z.looseObject({ Address: text, AddressIPv6: text, MacAddress: text }).nullish(),
});

export const requestPoolSchema = z.looseObject({ Pool: text, SubPool: text, Options: texts, V6: z.boolean().default(false) });
export const requestAddressSchema = z.looseObject({ PoolID: z.string().min(1), Address: text, Options: texts });
export const releaseAddressSchema = z.looseObject({ PoolID: text, Address: z.string().min(1) });

/** Keys of options (moby/libnetwork, netlabel/labels.go). */
export const NETLABEL = {
  /** What the user gave with `-o`. */
  generic: 'com.docker.network.generic',
  internal: 'com.docker.network.internal',
  gateway: 'com.docker.network.gateway',
  mac: 'com.docker.network.endpoint.macaddress',
  portMap: 'com.docker.network.portmap',
  mtu: 'com.docker.network.driver.mtu',
  requestType: 'RequestAddressType',
} as const;

/** All of these are Docker's own. */
export const NETLABEL_PREFIX = 'com.docker.network.';
