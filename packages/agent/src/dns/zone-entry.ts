/** By which names an object of the store can be found, and what they stand for. Pure. */
import { type AnyObject, type Endpoint, familyOf, isReady, type Service, serviceAddresses, spaceOf } from '@weir/resources';

/** The domain that Weir answers for; `marathon.<domain>` has Marathon's apps. */
export const DOMAIN = 'weir';
export const MARATHON_DOMAIN = `marathon.${DOMAIN}`;

export interface ZoneEntry {
  /** `service`: stands before endpoints that have the same name. */
  rank: 'service' | 'endpoint';
  /** Canonical, and good as DNS names. */
  names: readonly string[];
  /** The one of them that stands for this entry alone: what SRV and PTR records lead to. */
  ownName: string;
  /** What the names stand for now; none while it is not ready. */
  addresses: readonly string[];
  /** Those that it answers to the question whose address it is. */
  owned: readonly string[];
  ports: readonly ZonePort[];
}

export interface ZonePort {
  name?: string;
  protocol: 'TCP' | 'UDP' | 'SCTP';
  port: number;
}

/** Undefined for what has no names: other kinds, what is not known enough yet, and addresses that mean nothing outside of their network. */
export function zoneEntry(object: AnyObject | undefined): ZoneEntry | undefined {
  if (object?.kind === 'Service') return serviceEntry(object);
  if (object?.kind !== 'Endpoint' || object.spec.waitsForLabels || spaceOf(object.spec) !== undefined) return undefined;
  return endpointEntry(object);
}

function serviceEntry(service: Service): ZoneEntry | undefined {
  const ownName = `${service.metadata.name}.${service.metadata.namespace}.${DOMAIN}`;
  if (!isDnsName(ownName)) return undefined;
  const addresses = serviceAddresses(service);
  return { rank: 'service', ownName, names: [ownName], addresses, owned: addresses, ports: service.spec.ports };
}

function endpointEntry({ metadata, spec }: Endpoint): ZoneEntry | undefined {
  const { addresses, ports, mesos, aliases = [] } = spec;
  const first = addresses.find((address) => familyOf(address) === 'IPv4') ?? addresses[0];
  if (first === undefined) return undefined;
  const namespace = metadata.namespace!;
  const ownName = `${first.replaceAll(/[.:]/g, '-')}.${namespace}.${DOMAIN}`;
  const names = mesos?.app === undefined ? labelNames(metadata.labels.app, namespace) : appNames(mesos.app, namespace);
  return {
    rank: 'endpoint',
    ownName,
    names: [...new Set([ownName, ...names, ...aliases.map((alias) => `${alias}.${namespace}.${DOMAIN}`.toLowerCase())])].filter(isDnsName),
    addresses: isReady(spec) ? addresses : [],
    owned: addresses,
    ports,
  };
}

/**
 * `/shop/back/db` is `db.back.shop` to Marathon, which is the task's name, and `db-back-shop` to Mesos-DNS, which makes one label of that.
 * Within the namespace that the app's first part names, that part need not be said again.
 */
function appNames(app: string, namespace: string): string[] {
  const parts = app.split('/').filter((part) => part !== '');
  const within = parts.length > 1 && parts[0] === namespace ? parts.slice(1) : parts;
  return [...bothForms(parts, MARATHON_DOMAIN), ...bothForms(within, `${namespace}.${DOMAIN}`)];
}

function bothForms(parts: readonly string[], domain: string): string[] {
  const reversed = parts.toReversed();
  return [...new Set([reversed.join('.'), reversed.join('-').replaceAll('.', '-')])].map((name) => `${name}.${domain}`.toLowerCase());
}

/** Where no Mesos agent says which app it is, the label `app` does, as many systems have it. */
function labelNames(app: string | undefined, namespace: string): string[] {
  return app ? bothForms([app.replaceAll('/', '.')], `${namespace}.${DOMAIN}`) : [];
}

/** RFC 1035 §2.3.4, with the characters that app ids and labels have. */
function isDnsName(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => /^[a-z0-9_-]{1,63}$/.test(label));
}
