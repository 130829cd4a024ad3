/**
 * Virtual addresses of services.
 *
 * Which service has which ports of an address is said by a record of that address, and every service is written in one transaction with the
 * records of its addresses. So no two services ever have one port, whoever writes them at once.
 */
import { createHash } from 'node:crypto';
import type { Entry, Operation, Store } from '@weir/datastore';
import {
  addressFromNumber,
  cidrContains,
  cidrRange,
  cidrsOverlap,
  type Family,
  familiesOf,
  familyOf,
  type Host,
  IPAM_CONFIG_NAME,
  keyOf,
  keyPrefix,
  parseObject,
  type Service,
  serialize,
  serviceAddresses,
} from '@weir/resources';
import { IpamError } from './ipam-error.ts';
import { type RemoveOptions, requireRevision } from './require-revision.ts';
import { serviceRanges, sharedPools } from './shared-space.ts';

/** Outside of `/weir/v1/`, which holds objects only. */
const RECORD_PREFIX = '/weir/ipam/services/';
const HOST_PREFIX = keyPrefix('Host');

/** Others take addresses too; each try sees theirs. */
const MAX_TRIES = 20;

/** By service, as `namespace/name`, its ports of the address: `TCP/80`. */
type Holders = Record<string, string[]>;

interface Claimed {
  address: string;
  /** The record as it was read; undefined: nobody has anything of the address. */
  entry: Entry | undefined;
}

/**
 * Creates or replaces a service, at `revision` (0: there may be none yet), with addresses in its status: those that it asks for, else those
 * that it has, else free ones of the service ranges, by the hash of its name.
 * Throws IpamError ETAKEN when another service has a port that it asks for, EREFUSED for an address of a pool or a host, EOVERLAP for a range with one,
 * EEXHAUSTED when its range is full, ENOPOOL when there is no range of a family, ECONFLICT when it has another revision.
 */
export async function admitService(
  store: Store,
  service: Service,
  { revision }: { revision: number },
): Promise<{ object: Service; revision: number }> {
  const name = nameOf(service);
  const key = keyOf(service);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const entry = await store.get(key);
    if ((entry?.revision ?? 0) !== revision) throw conflict(name, revision);
    const before = entry === undefined ? [] : serviceAddresses(looseObject(entry));
    const claimed = await claim(store, service, before);
    const addresses = claimed.map(({ address }) => address);
    const left = await Promise.all(before.filter((address) => !addresses.includes(address)).map((address) => readRecord(store, address)));
    const object: Service = { ...service, status: { addresses } };
    const result = await store.transact({
      when: [
        { key, revision },
        ...[...claimed, ...left].map((record) => ({ key: recordKey(record), revision: record.entry?.revision ?? 0 })),
      ],
      then: [
        { put: key, value: serialize(object) },
        ...claimed.map((record) => recordWith(record, name, portsOf(service))),
        ...left.flatMap((record) => recordWithout(record, name)),
      ],
    });
    if (result.committed) return { object, revision: result.revision };
  }
  throw new IpamError('ECONFLICT', `service ${name}: others kept taking addresses, ${MAX_TRIES} times in a row: try again`);
}

/** Deletes a service and gives its addresses back; whether there was one. Throws IpamError ECONFLICT. */
export async function removeService(
  store: Store,
  { namespace, name }: { namespace: string; name: string },
  options: RemoveOptions = {},
): Promise<boolean> {
  const key = keyOf({ kind: 'Service', metadata: { namespace, name } });
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const entry = await store.get(key);
    if (entry === undefined) return false;
    requireRevision(`service ${namespace}/${name}`, entry, options);
    const records = await Promise.all(serviceAddresses(looseObject(entry)).map((address) => readRecord(store, address)));
    const { committed } = await store.transact({
      when: [entry, ...records.map((record) => ({ key: recordKey(record), revision: record.entry?.revision ?? 0 }))].map(
        ({ key, revision }) => ({ key, revision }),
      ),
      then: [{ delete: key }, ...records.flatMap((record) => recordWithout(record, `${namespace}/${name}`))],
    });
    if (committed) return true;
  }
  throw new IpamError(
    'ECONFLICT',
    `service ${namespace}/${name}: others kept changing its addresses, ${MAX_TRIES} times in a row: try again`,
  );
}

async function claim(store: Store, service: Service, before: readonly string[]): Promise<Claimed[]> {
  const { addresses = [] } = service.spec;
  return Promise.all(
    familiesOf(service.spec).map(async (family) => {
      const asked = addresses.find((address) => familyOf(address) === family);
      if (asked !== undefined) return claimAsked(store, service, asked);
      const kept = before.find((address) => familyOf(address) === family);
      const record = kept === undefined ? undefined : await readRecord(store, kept);
      // It may have been of one's own asking, and shared.
      if (record !== undefined && takenPort(record, service) === undefined) return record;
      return choose(store, service, family);
    }),
  );
}

async function claimAsked(store: Store, service: Service, address: string): Promise<Claimed> {
  const pool = (await sharedPools(store)).find(({ spec }) => cidrContains(spec.cidr, address));
  if (pool !== undefined)
    throw new IpamError(
      'EREFUSED',
      `service ${nameOf(service)}: ${address} is of pool "${pool.metadata.name}" (${pool.spec.cidr}), whose addresses are containers': choose one outside of all pools`,
    );
  const host = (await store.list(HOST_PREFIX)).entries.find(({ value }) => addressesOfHost(value).includes(address));
  if (host !== undefined)
    throw new IpamError(
      'EREFUSED',
      `service ${nameOf(service)}: ${address} is the host "${host.key.slice(HOST_PREFIX.length)}", which would not be reached any more: choose one that nobody has`,
    );
  const record = await readRecord(store, address);
  const taken = takenPort(record, service);
  if (taken !== undefined)
    throw new IpamError(
      'ETAKEN',
      `service ${nameOf(service)}: ${taken.port} of ${address} is that of service ${taken.holder} already: choose another port or address`,
    );
  return record;
}

/** Of whatever version wrote it; none of what cannot be read. */
function addressesOfHost(value: string): readonly string[] {
  try {
    return (parseObject(JSON.parse(value)) as Host).spec.addresses;
  } catch {
    return [];
  }
}

/** The address that the name's hash gives, or the next one that is free. */
async function choose(store: Store, service: Service, family: Family): Promise<Claimed> {
  const range = (await serviceRanges(store)).find((cidr) => familyOf(cidr) === family);
  if (range === undefined)
    throw new IpamError(
      'ENOPOOL',
      `service ${nameOf(service)}: no service range has ${family} addresses: set spec.serviceRanges of IpamConfig "${IPAM_CONFIG_NAME}", or leave ${family} out of the service's families`,
    );
  const { first, last } = cidrRange(range);
  const pool = (await sharedPools(store)).find(({ spec }) => cidrsOverlap(spec.cidr, range));
  if (pool !== undefined)
    throw new IpamError(
      'EOVERLAP',
      `service ${nameOf(service)}: the service range ${range} overlaps pool "${pool.metadata.name}" (${pool.spec.cidr}): set another one in spec.serviceRanges of IpamConfig "${IPAM_CONFIG_NAME}"`,
    );
  // Without what may be taken for a network's own address and its broadcast.
  const count = last - first + 1n > 2n ? last - first - 1n : last - first + 1n;
  const lowest = count === last - first + 1n ? first : first + 1n;
  const hashed = hash(nameOf(service)) % count;
  const straight = await readRecord(store, addressFromNumber(lowest + hashed, family));
  if (straight.entry === undefined) return straight;
  const taken = new Set((await store.list(RECORD_PREFIX)).entries.map(({ key }) => key.slice(RECORD_PREFIX.length)));
  for (let step = 0n; step < count; step += 1n) {
    const address = addressFromNumber(lowest + ((hashed + step) % count), family);
    if (!taken.has(address)) return { address, entry: undefined };
  }
  throw new IpamError(
    'EEXHAUSTED',
    `service ${nameOf(service)}: all ${count} addresses of the service range ${range} are in use: set a larger one in spec.serviceRanges of IpamConfig "${IPAM_CONFIG_NAME}"`,
  );
}

function hash(text: string): bigint {
  return createHash('sha256').update(text).digest().readBigUInt64BE();
}

function takenPort({ entry }: Claimed, service: Service): { holder: string; port: string } | undefined {
  const wanted = portsOf(service);
  for (const [holder, ports] of Object.entries(holdersOf(entry))) {
    const port = holder === nameOf(service) ? undefined : ports.find((one) => wanted.includes(one));
    if (port !== undefined) return { holder, port };
  }
  return undefined;
}

async function readRecord(store: Store, address: string): Promise<Claimed> {
  return { address, entry: await store.get(RECORD_PREFIX + address) };
}

const recordKey = ({ address }: Claimed): string => RECORD_PREFIX + address;

function recordWith(record: Claimed, name: string, ports: string[]): Operation {
  return { put: recordKey(record), value: JSON.stringify({ holders: { ...holdersOf(record.entry), [name]: ports } }) };
}

function recordWithout(record: Claimed, name: string): Operation[] {
  if (record.entry === undefined) return [];
  const { [name]: _, ...holders } = holdersOf(record.entry);
  return Object.keys(holders).length === 0
    ? [{ delete: recordKey(record) }]
    : [{ put: recordKey(record), value: JSON.stringify({ holders }) }];
}

function holdersOf(entry: Entry | undefined): Holders {
  return entry === undefined ? {} : (JSON.parse(entry.value) as { holders: Holders }).holders;
}

function portsOf({ spec }: Service): string[] {
  return spec.ports.map(({ protocol, port }) => `${protocol}/${port}`);
}

/** Of whatever version wrote it: its addresses are what counts. */
function looseObject({ value }: Entry): { status?: unknown } {
  try {
    return JSON.parse(value) as { status?: unknown };
  } catch {
    return {};
  }
}

function nameOf({ metadata }: Service): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function conflict(name: string, revision: number): IpamError {
  return new IpamError('ECONFLICT', `service ${name} is not at revision ${revision}: read it again`);
}
