/** The names of the cluster, kept as objects come and go: a question costs a look-up, however many there are. */
import { isDeepStrictEqual } from 'node:util';
import type { AnyObject } from '@weir/resources';
import { DOMAIN, MARATHON_DOMAIN, type ZoneEntry, type ZonePort, zoneEntry } from './zone-entry.ts';

/** What a name of the zone has. Both are empty where there is nothing but names below it, or nothing that is ready. */
interface ZoneNode {
  addresses: readonly string[];
  services: readonly ZoneService[];
}

interface ZoneService {
  target: string;
  port: number;
  /** Of the target. */
  addresses: readonly string[];
}

/** Changes that wait to be worked off at most, so that what nobody asks about does not grow. */
const MANY = 1000;

const EMPTY: ZoneNode = { addresses: [], services: [] };
const PROTOCOL = '_(tcp|udp|sctp)';
/** `_http._tcp.web.shop.weir` (RFC 2782), by the port's name or number. */
const SERVICE = new RegExp(`^_([^.]+)\\.${PROTOCOL}\\.(.+)$`);
/** `_web-shop._tcp.marathon.weir` and `_http._web-shop._tcp.marathon.weir`, as Mesos-DNS has them. */
const APP_SERVICE = new RegExp(`^(?:_([^.]+)\\.)?_([^.]+)\\.${PROTOCOL}\\.${MARATHON_DOMAIN.replace('.', '\\.')}$`);
/** What stands above those, and has nothing itself. */
const ABOVE_SERVICES = new RegExp(`^${PROTOCOL}\\.(.+)$`);

export class Zone {
  readonly #entries = new Map<string, ZoneEntry>();
  readonly #names = new Map<string, Set<ZoneEntry>>();
  /** Of names that have others below them: how many. */
  readonly #above = new Map<string, number>([[DOMAIN, 1]]);
  readonly #owners = new Map<string, ZoneEntry>();
  /** Keys of what was recalled and not learnt since. */
  readonly #unconfirmed = new Set<string>();
  /** What has become of objects, by key, and was not worked off yet. */
  readonly #noted = new Map<string, AnyObject | undefined>();
  #serial = 1;

  /** Another number after each change; serial number of the zone. */
  get serial(): number {
    this.#settle();
    return this.#serial;
  }

  /** Takes note of a change of an object. It is worked off when somebody asks: a container's start does not wait for it. */
  learn({ key, after }: { key: string; after?: AnyObject }): void {
    this.#noted.set(key, after);
    if (this.#noted.size >= MANY) this.#settle();
  }

  #settle(): void {
    for (const [key, object] of this.#noted) {
      this.#unconfirmed.delete(key);
      this.#change(key, zoneEntry(object));
    }
    this.#noted.clear();
  }

  /** By the keys of their objects. */
  get entries(): Iterable<[string, ZoneEntry]> {
    this.#settle();
    return this.#entries;
  }

  /** Takes what another zone had for what is there, until it is known better. */
  recall(entries: Iterable<[string, ZoneEntry]>): void {
    this.#settle();
    for (const [key, entry] of entries) {
      if (this.#entries.has(key)) continue;
      this.#unconfirmed.add(key);
      this.#change(key, entry);
    }
  }

  /** All that there is was learnt: what was only recalled is not there. */
  forgetUnconfirmed(): void {
    this.#settle();
    for (const key of this.#unconfirmed) this.#change(key, undefined);
    this.#unconfirmed.clear();
  }

  #change(key: string, now: ZoneEntry | undefined): void {
    const old = this.#entries.get(key);
    if (isDeepStrictEqual(old, now)) return;
    if (old !== undefined) this.#remove(key, old);
    if (now !== undefined) this.#add(key, now);
    this.#serial = (this.#serial + 1) >>> 0;
  }

  #add(key: string, entry: ZoneEntry): void {
    this.#entries.set(key, entry);
    for (const address of entry.owned) this.#owners.set(address, entry);
    for (const name of entry.names) {
      const holders = this.#names.get(name) ?? new Set();
      if (holders.size === 0) this.#count(name, 1);
      this.#names.set(name, holders.add(entry));
    }
  }

  #remove(key: string, entry: ZoneEntry): void {
    this.#entries.delete(key);
    // The next one to have the address may be known already.
    for (const address of entry.owned) if (this.#owners.get(address) === entry) this.#owners.delete(address);
    for (const name of entry.names) {
      const holders = this.#names.get(name)!;
      holders.delete(entry);
      if (holders.size > 0) continue;
      this.#names.delete(name);
      this.#count(name, -1);
    }
  }

  #count(name: string, difference: 1 | -1): void {
    for (let above = parentOf(name); above !== undefined; above = parentOf(above)) {
      const count = (this.#above.get(above) ?? 0) + difference;
      if (count === 0) this.#above.delete(above);
      else this.#above.set(above, count);
    }
  }

  /** @param name canonical. Undefined when there is no such name. */
  find(name: string): ZoneNode | undefined {
    this.#settle();
    return this.#findServices(name) ?? this.#findAddresses(name) ?? (this.#above.has(name) ? EMPTY : undefined);
  }

  #findAddresses(name: string): ZoneNode | undefined {
    const holders = this.#holders(name);
    return holders && { addresses: [...new Set(holders.flatMap(({ addresses }) => addresses))], services: [] };
  }

  #findServices(name: string): ZoneNode | undefined {
    if (!name.startsWith('_')) return undefined;
    const [, port, app, ofApp] = APP_SERVICE.exec(name) ?? [];
    if (app !== undefined) return servicesOf(this.#holders(`${app}.${MARATHON_DOMAIN}`), ofApp!, port);
    const [, named, protocol, base] = SERVICE.exec(name) ?? [];
    if (base !== undefined) return servicesOf(this.#holders(base), protocol!, named);
    const [, , above] = ABOVE_SERVICES.exec(name) ?? [];
    return above !== undefined && (this.#names.has(above) || above === MARATHON_DOMAIN) && this.#above.has(DOMAIN) ? EMPTY : undefined;
  }

  #holders(name: string): ZoneEntry[] | undefined {
    const holders = this.#names.get(name);
    if (holders === undefined) return undefined;
    const services = [...holders].filter(({ rank }) => rank === 'service');
    return services.length > 0 ? services : [...holders];
  }

  /** The name of what has the address; undefined when nothing has. */
  nameOf(address: string): string | undefined {
    this.#settle();
    return this.#owners.get(address)?.ownName;
  }
}

function servicesOf(entries: readonly ZoneEntry[] | undefined, protocol: string, named: string | undefined): ZoneNode | undefined {
  const isMeant = (port: ZonePort) =>
    port.protocol.toLowerCase() === protocol && (named === undefined || port.name?.toLowerCase() === named || String(port.port) === named);
  const having = (entries ?? []).filter(({ ports }) => ports.some(isMeant));
  if (having.length === 0) return undefined;
  const ready = having.filter(({ addresses }) => addresses.length > 0);
  return {
    addresses: [],
    services: ready.flatMap(({ ownName: target, addresses, ports }) =>
      ports.filter(isMeant).map(({ port }) => ({ target, port, addresses })),
    ),
  };
}

/** Within the zone. */
function parentOf(name: string): string | undefined {
  return name === DOMAIN ? undefined : name.slice(name.indexOf('.') + 1);
}
