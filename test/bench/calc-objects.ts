/** Synthetic clusters for bench:calc, as large as asked for. Pure. */
import {
  type AnyObject,
  type Endpoint,
  endpointName,
  hostInterfaceName,
  type Namespace,
  type NetworkSet,
  type Policy,
  parseObject,
} from '@weir/resources';
import type { Manifest } from './store-writer.ts';

export const HERE = 'host-0';
export const LOCAL_ENDPOINTS = 100;
const APPS_PER_NAMESPACE = 100;
const TEAMS = 10;

export interface ClusterSize {
  /** One for each app. */
  policies: number;
  endpoints: number;
}

/** Whatever has been left out of a manifest is filled in as it is when users apply it. */
const parsed = <T extends AnyObject>(manifest: Manifest): T => parseObject({ apiVersion: 'weir/v1', ...manifest }) as T;

const namespaceOf = (app: number): string => `namespace-${Math.floor(app / APPS_PER_NAMESPACE)}`;

export function namespaceAt(index: number, labels: Record<string, string> = {}): Namespace {
  return parsed({
    kind: 'Namespace',
    metadata: { name: `namespace-${index}`, labels: { team: `team-${index % TEAMS}`, ...labels } },
    spec: {},
  });
}

/** Endpoints go round the apps; the first hundred are of the host that is calculated for. */
export function endpointAt(index: number, { policies }: ClusterSize, labels: Record<string, string> = {}): Endpoint {
  const containerId = `bench-${index}`;
  const app = index % policies;
  return parsed({
    kind: 'Endpoint',
    metadata: {
      name: endpointName(containerId, 'eth0'),
      namespace: namespaceOf(app),
      labels: { app: `app-${app}`, tier: `tier-${app % 3}`, version: `v${Math.floor(index / policies) % 2}`, ...labels },
    },
    spec: {
      host: `host-${Math.floor(index / LOCAL_ENDPOINTS)}`,
      containerId,
      network: 'weir',
      interfaceName: 'eth0',
      hostInterface: hostInterfaceName(containerId, 'eth0'),
      addresses: [`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`],
      ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    },
  });
}

/** Namespaces that have as many endpoints in a cluster of any size, none of them here. */
const EQUAL = { namespaces: 10, endpoints: 330 };

export function equalNamespaceAt(index: number, labels: Record<string, string> = {}): Namespace {
  return parsed({ kind: 'Namespace', metadata: { name: `equal-${index}`, labels }, spec: {} });
}

export function* equalNamespaces(): Generator<AnyObject> {
  for (let index = 0; index < EQUAL.namespaces; index += 1) {
    yield equalNamespaceAt(index);
    for (let at = 0; at < EQUAL.endpoints; at += 1) {
      const containerId = `equal-${index}-${at}`;
      const spec = {
        host: 'host-of-equals',
        containerId,
        network: 'weir',
        interfaceName: 'eth0',
        hostInterface: hostInterfaceName(containerId, 'eth0'),
        addresses: [`10.${200 + index}.${at >> 8}.${at & 255}`],
      };
      const metadata = { name: endpointName(containerId, 'eth0'), namespace: `equal-${index}`, labels: { tier: 'tier-0' } };
      yield parsed<Endpoint>({ kind: 'Endpoint', metadata, spec });
    }
  }
}

/**
 * What apps have: two apps of the namespace may come in by some port and by a named one, monitoring may from the namespaces of a team, an
 * office from outside; and out goes what goes to the namespace.
 */
export function policyOfApp(app: number, port = 80): Policy {
  const namespace = namespaceOf(app);
  const neighbour = (distance: number) =>
    Math.floor(app / APPS_PER_NAMESPACE) * APPS_PER_NAMESPACE + ((app + distance) % APPS_PER_NAMESPACE);
  const tcp = { action: 'Allow', protocol: 'TCP' };
  return parsed({
    kind: 'Policy',
    metadata: { name: `app-${app}`, namespace },
    spec: {
      selector: `app == 'app-${app}'`,
      types: ['Ingress', 'Egress'],
      ingress: [
        { ...tcp, source: { selector: `app == 'app-${neighbour(1)}'` }, destination: { ports: [port] } },
        { ...tcp, source: { selector: `app in {'app-${neighbour(2)}', 'app-${neighbour(3)}'}` }, destination: { ports: ['http'] } },
        {
          ...tcp,
          source: { selector: `tier == 'tier-0'`, namespaceSelector: `team == 'team-${app % TEAMS}'` },
          destination: { ports: [9100] },
        },
        { ...tcp, source: { nets: [`198.51.${app % 100}.0/24`] }, destination: { ports: [443] } },
      ],
      egress: [{ action: 'Allow', destination: { selector: 'all()' } }],
    },
  });
}

export function* clusterObjects(size: ClusterSize): Generator<AnyObject> {
  const namespaces = Math.ceil(size.policies / APPS_PER_NAMESPACE);
  for (let index = 0; index < namespaces; index += 1) yield namespaceAt(index);
  for (let app = 0; app < size.policies; app += 1) yield policyOfApp(app);
  for (let index = 0; index < size.endpoints; index += 1) yield endpointAt(index, size);
}

export type NetForm = 'single addresses' | 'nets';

/** The one at an index of as many CIDRs as wanted, none within another. */
export function netAt(index: number, form: NetForm): string {
  const number = form === 'nets' ? index * 8 : index * 2;
  return `${100 + (number >> 24)}.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}/${form === 'nets' ? 30 : 32}`;
}

const NETS_PER_SET = 50_000;

/** The list, as operators have to write it: one object takes no more of it. */
export function networkSets({ form, count }: { form: NetForm; count: number }): NetworkSet[] {
  return Array.from({ length: Math.ceil(count / NETS_PER_SET) }, (_, index) => {
    const from = index * NETS_PER_SET;
    const nets = Array.from({ length: Math.min(NETS_PER_SET, count - from) }, (_, at) => netAt(from + at, form));
    const metadata = { name: `listed-${index}`, namespace: 'default', labels: { list: 'blocked' } };
    return parsed<NetworkSet>({ kind: 'NetworkSet', metadata, spec: { nets } });
  });
}

/** Refuses the list to one endpoint of this host. */
export function* listedObjects(): Generator<AnyObject> {
  const endpoint = endpointAt(0, { policies: 1, endpoints: 1 });
  yield { ...endpoint, metadata: { ...endpoint.metadata, namespace: 'default' } };
  const ingress = [{ action: 'Deny', source: { selector: "list == 'blocked'" } }, { action: 'Allow' }];
  yield parsed<Policy>({ kind: 'Policy', metadata: { name: 'blocked', namespace: 'default' }, spec: { selector: 'all()', ingress } });
}
