import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { CNI_CODE, CniError } from '../cni-error.ts';
import { type CniVersion, isAtLeast, isCniVersion } from './version.ts';

/** What an ADD made, in the shape of version 1.1.0, which can say all that the others can. */
export interface Result {
  interfaces: Interface[];
  ips: Address[];
  routes: Route[];
  dns: Dns;
}

export interface Interface {
  name: string;
  mac?: string;
  /** Path of the network namespace; absent on the host's own interfaces. */
  sandbox?: string;
  /** These three came with 1.1.0. */
  mtu?: number;
  socketPath?: string;
  pciID?: string;
}

export interface Address {
  /** With prefix length: 10.0.0.1/32. */
  address: string;
  gateway?: string;
  /** Index in `interfaces`. */
  interface?: number;
}

export interface Route {
  /** CIDR. */
  dst: string;
  gw?: string;
  /** These five came with 1.1.0. */
  mtu?: number;
  advmss?: number;
  priority?: number;
  table?: number;
  scope?: number;
}

export interface Dns {
  nameservers?: string[];
  domain?: string;
  search?: string[];
  options?: string[];
}

/**
 * Writes a result in the form of a version of the specification, as libcni does: what came with 1.1.0 stays in results of 1.0.0, and in their
 * routes from 0.3.0 on, where who does not know it passes over it, and who does would miss it.
 * @param options.mesos adds `ip4` and `ip6` to the forms that have none: Mesos reads those alone, whatever the version, and a task
 *   without them silently has no address
 */
export function encodeResult(result: Result, version: CniVersion, options: { mesos?: boolean } = {}): Record<string, unknown> {
  const { interfaces, ips, routes, dns } = result;
  if (!isAtLeast(version, '0.3.0')) return { cniVersion: version, ...ipFields(result), dns };
  const isOld = !isAtLeast(version, '1.0.0');
  return {
    cniVersion: version,
    ...(options.mesos === true && ipFields(result)),
    ...(interfaces.length > 0 && { interfaces: isOld ? interfaces.map(oldInterface) : interfaces }),
    ...(ips.length > 0 && { ips: isOld ? ips.map((ip) => ({ version: familyOf(ip.address), ...ip })) : ips }),
    ...(routes.length > 0 && { routes }),
    ...((isOld || Object.keys(dns).length > 0) && { dns }),
  };
}

/** `ip4` and `ip6` of 0.1.0 and 0.2.0: the first address of each family, with that family's routes. */
function ipFields(result: Result): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, family] of [
    ['ip4', '4'],
    ['ip6', '6'],
  ] as const) {
    const first = result.ips.find((ip) => familyOf(ip.address) === family);
    if (first === undefined) continue;
    const routes = result.routes.filter(({ dst }) => familyOf(dst) === family).map(({ dst, gw }) => ({ dst, gw }));
    fields[name] = { ip: first.address, gateway: first.gateway, ...(routes.length > 0 ? { routes } : {}) };
  }
  return fields;
}

function oldInterface({ name, mac, sandbox }: Interface): Interface {
  return { name, mac, sandbox };
}

/**
 * Reads a result in any version's form: a plugin's answer, or a configuration's `prevResult`.
 * @param fallback its version when it does not say
 * @throws CniError 1 version, 6 form
 */
export function decodeResult(value: unknown, fallback: string): Result {
  const version = (value as { cniVersion?: unknown } | null)?.cniVersion || fallback;
  if (!isCniVersion(version))
    throw new CniError(CNI_CODE.incompatibleVersion, `a result has cniVersion ${JSON.stringify(version)}, which is not known`);
  const parsed = (isAtLeast(version, '0.3.0') ? ipsSchema : ip4Schema).safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new CniError(
    CNI_CODE.decoding,
    `a result of version ${version} is wrong at ${issue.path.map(String).join('.') || 'its top'}: ${issue.message}`,
  );
}

const cidr = z.string().refine(isPrefix, { error: (issue) => `${JSON.stringify(issue.input)} is no address with prefix length` });
const ip = z.string().refine(isAddress, { error: (issue) => `${JSON.stringify(issue.input)} is no IP address` });
/** The reference implementation writes an address that is not there as an empty string. */
const optionalIp = z
  .union([z.literal('').transform(() => undefined), ip])
  .nullish()
  .transform((value) => value ?? undefined);
const optionalText = z
  .string()
  .nullish()
  .transform((value) => value || undefined);
const optionalNumber = z
  .int()
  .nullish()
  .transform((value) => value ?? undefined);
const optionalTexts = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? undefined);

const routeSchema = z.object({
  dst: cidr,
  gw: optionalIp,
  mtu: optionalNumber,
  advmss: optionalNumber,
  priority: optionalNumber,
  table: optionalNumber,
  scope: optionalNumber,
});

/** Also of a network's configuration. */
export const dnsSchema = z
  .object({ nameservers: optionalTexts, domain: optionalText, search: optionalTexts, options: optionalTexts })
  .nullish()
  .transform((dns): Dns => withoutUndefined(dns ?? {}));

const ipsSchema = z
  .object({
    interfaces: z
      .array(
        z.object({
          name: z.string(),
          mac: optionalText,
          sandbox: optionalText,
          mtu: optionalNumber,
          socketPath: optionalText,
          pciID: optionalText,
        }),
      )
      .nullish(),
    ips: z.array(z.object({ address: cidr, gateway: optionalIp, interface: optionalNumber })).nullish(),
    routes: z.array(routeSchema).nullish(),
    dns: dnsSchema,
  })
  .transform(
    (result): Result => ({
      interfaces: (result.interfaces ?? []).map(withoutUndefined),
      ips: (result.ips ?? []).map(withoutUndefined),
      routes: (result.routes ?? []).map(withoutUndefined),
      dns: result.dns,
    }),
  )
  .refine(
    (result) => result.ips.every((address) => address.interface === undefined || result.interfaces[address.interface] !== undefined),
    {
      error: 'an address names an interface that the result does not list',
      path: ['ips'],
    },
  );

/** In this form a route without gateway goes by its family's own gateway. */
const ipFieldSchema = z
  .object({ ip: cidr, gateway: optionalIp, routes: z.array(routeSchema).nullish() })
  .nullish()
  .transform((field): Pick<Result, 'ips' | 'routes'> => {
    if (field === undefined || field === null) return { ips: [], routes: [] };
    return { ips: [withoutUndefined({ address: field.ip, gateway: field.gateway })], routes: (field.routes ?? []).map(withoutUndefined) };
  });

const ip4Schema = z
  .object({ ip4: ipFieldSchema, ip6: ipFieldSchema, dns: dnsSchema })
  .transform(
    ({ ip4, ip6, dns }): Result => ({ interfaces: [], ips: [...ip4.ips, ...ip6.ips], routes: [...ip4.routes, ...ip6.routes], dns }),
  );

/** The addresses of one interface in the container. Others of the list may have made interfaces of their own. */
export function addressesOn({ interfaces, ips }: Result, interfaceName: string): Address[] {
  const index = interfaces.findIndex(({ name, sandbox }) => name === interfaceName && sandbox !== undefined);
  return ips.filter((ip) => ip.interface === undefined || ip.interface === index);
}

/** What an interface plugin made, after what the plugins before it in the list did: SPEC.md has it hand on its `prevResult`. */
export function appendResult(before: Result, made: Result): Result {
  const offset = before.interfaces.length;
  const ips = made.ips.map((ip) => (ip.interface === undefined ? ip : { ...ip, interface: ip.interface + offset }));
  return {
    interfaces: [...before.interfaces, ...made.interfaces],
    ips: [...before.ips, ...ips],
    routes: [...before.routes, ...made.routes],
    dns: { ...before.dns, ...made.dns },
  };
}

/** The address alone, in canonical text: `10.0.0.1/32` → `10.0.0.1`. */
export function plainAddress(address: string): string {
  return ipaddr.parse(address.split('/')[0]!).toString();
}

/** The net of an address with prefix length, in canonical text: `10.5.0.7/16` → `10.5.0.0/16`. */
export function networkOf(prefix: string): string {
  const family = familyOf(prefix) === '4' ? ipaddr.IPv4 : ipaddr.IPv6;
  return `${family.networkAddressFromCIDR(prefix)}/${prefix.split('/')[1]}`;
}

export function familyOf(address: string): '4' | '6' {
  return address.includes(':') ? '6' : '4';
}

function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}

function isPrefix(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/');
  return rest.length === 0 && isAddress(address) && /^\d{1,3}$/.test(length) && Number(length) <= (familyOf(address) === '4' ? 32 : 128);
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
