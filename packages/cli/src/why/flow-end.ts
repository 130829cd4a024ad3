/** The ends of a flow, as people name them. */
import {
  APP_LABEL,
  cidrContains,
  type Endpoint,
  type Family,
  familyOf,
  type HostEndpoint,
  isContainer,
  isMarathonId,
  isOfMarathonId,
  matches,
  nearest,
  parseAddress,
  parseNamespaceName,
  type RemoteEndpoint,
  type Service,
  serviceAddresses,
  serviceBackends,
  splitNamespace,
  ValidationError,
} from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { parseLabelSelector } from '../objects/label-selector.ts';
import { formatOwnLabels, labelsOfNamespace } from '../output/columns.ts';
import { addressesOfHost, hostAt, hostEndpointAt, hostNames } from './host-ends.ts';
import { endpointsOf, objectsOf, type PolicyState } from './policy-state.ts';
import { findRemoteEnds, remoteEnds, remoteEndText } from './remote-ends.ts';

export interface FlowEnd {
  address: string;
  endpoint?: Endpoint;
  /** Of another cluster, which asks policy of its own. */
  remote?: RemoteEndpoint;
  /** Name of the host, where it is a host itself. */
  host?: string;
  /** Of a host, that which tells of the address: as a peer the address has its labels. */
  hostEndpoint?: HostEndpoint;
  /** A host that speaks under the address which its way to the other end takes. */
  speaksByWay?: true;
  /** The service that led there. */
  service?: Service;
}

/** The word for whoever is no endpoint, in no network set and in no pool. */
export const OUTSIDE = 'outside';

/** Of the networks that are for documentation alone (RFC 5737, RFC 3849): nobody has them. */
const STRANGERS: Readonly<Record<Family, readonly string[]>> = {
  IPv4: ['192.0.2.1', '198.51.100.1', '203.0.113.1'],
  IPv6: ['2001:db8::1', '2001:db8:ffff::1'],
};

/**
 * Everybody whom a text means: an IP address, `outside`, an endpoint by name or container (`NAMESPACE/NAME`), a Marathon app or group by
 * its id (`/shop/web`), a host by its name (`node-7`, `host/node-7`), or all endpoints with such labels (`run=web`, `shop/run=web`,
 * `run in {"web", "api"}`); host endpoints, where none has them. Of another cluster the same behind its name: `east:shop/run=web`.
 *
 * @param namespace where names and labels are looked for; absent: everywhere
 * @throws CliError EUSAGE, ENOTFOUND
 */
export function findEnds(text: string, state: PolicyState, namespace?: string): FlowEnd[] {
  if (text === OUTSIDE) return strangers(state).map((address) => ({ address }));
  const endpoints = endpointsOf(state);
  const address = addressIn(text);
  if (address !== undefined) {
    const owners = endpoints.filter(({ spec }) => spec.addresses.includes(address));
    return owners.length === 0 ? strangerEnds(address, state) : owners.map((endpoint) => ({ address, endpoint }));
  }
  const remote = findRemoteEnds(text, state, namespace);
  if (remote !== undefined) return remote;
  const [, hostName] = /^host\/(.+)$/.exec(text) ?? [];
  if (hostName !== undefined) return hostEnds(hostName, state);
  const { home, rest } = inNamespace(text, namespace);
  const near = endpoints.filter(({ metadata }) => home === undefined || metadata.namespace === home);
  const named = near.filter(({ metadata, spec }) => metadata.name === rest || isContainer(spec, rest));
  if (named.length === 0 && home === undefined && hostNames(state).includes(text)) return hostEnds(text, state);
  const found = named.length > 0 ? named : labelled(near, rest);
  const hosts = found.length === 0 && home === undefined ? labelled(objectsOf(state, 'HostEndpoint'), rest) : [];
  if (hosts.length > 0) return [...new Set(hosts.map(({ spec }) => spec.host))].flatMap((name) => hostEnds(name, state));
  if (found.length === 0) throw nobody(text, { home, rest, near, all: endpoints });
  return found.flatMap((endpoint) => endpoint.spec.addresses.map((own) => ({ address: own, endpoint })));
}

/** @throws CliError ENOTFOUND */
function hostEnds(name: string, state: PolicyState): FlowEnd[] {
  const names = hostNames(state);
  if (!names.includes(name)) {
    const meant = nearest(name, names);
    throw new CliError('ENOTFOUND', `no host is ${JSON.stringify(name)}`, {
      details: [meant === undefined ? 'weir get hosts has them' : `did you mean ${JSON.stringify(`host/${meant}`)}?`],
    });
  }
  const addresses = addressesOfHost(name, state);
  if (addresses.length === 0)
    throw new CliError('ENOTFOUND', `host ${name} has no address that is known: give it to its HostEndpoint as expectedIPs`);
  return addresses.map((address) => ({ ...hostEnd(address, name, state), speaksByWay: true }));
}

/** Of an address that no container of this cluster has. */
export function strangerEnds(address: string, state: PolicyState): [FlowEnd, ...FlowEnd[]] {
  const [first, ...others] = remoteEnds(state).filter((end) => end.address === address);
  return first === undefined ? [hostEnd(address, hostAt(address, state), state)] : [first, ...others];
}

/** An address that no container has. @param host the one that it is of */
export function hostEnd(address: string, host: string | undefined, state: PolicyState): FlowEnd {
  const hostEndpoint = hostEndpointAt(address, state);
  return { address, ...(host !== undefined && { host }), ...(hostEndpoint && { hostEndpoint }) };
}

/** Those that a service leads to now, by its virtual address or as `service/NAME`; undefined where the text means no service. */
export function findBackends(text: string, state: PolicyState, namespace: string | undefined): FlowEnd[] | undefined {
  const services = objectsOf(state, 'Service');
  const [, home = namespace, name] = /^service\/(?:([^/]+)\/)?([^/]+)$/.exec(text) ?? [];
  const isMeant = ({ metadata }: Service) => metadata.name === name && (home === undefined || metadata.namespace === home);
  const service = name === undefined ? services.find((one) => serviceAddresses(one).includes(text)) : services.find(isMeant);
  if (service === undefined) {
    if (name === undefined) return undefined;
    const meant = nearest(
      name,
      services.map(({ metadata }) => metadata.name),
    );
    throw new CliError('ENOTFOUND', `no service is ${JSON.stringify(name)}${home === undefined ? '' : ` in namespace ${home}`}`, {
      details: meant === undefined ? [] : [`did you mean "service/${meant}"?`],
    });
  }
  const namespaces = objectsOf(state, 'Namespace');
  const backends = serviceBackends(service, endpointsOf(state), labelsOfNamespace(service, namespaces)).filter(({ ready }) => ready);
  if (backends.length === 0) throw new CliError('ENOTFOUND', `${serviceText(service)} has no backend that is ready`);
  const families = new Set((name === undefined ? [text] : serviceAddresses(service)).map(familyOf));
  return backends.flatMap(({ addresses, endpoint }) =>
    addresses.filter((address) => families.has(familyOf(address))).map((address) => ({ address, ...(endpoint && { endpoint }), service })),
  );
}

export function serviceText({ metadata }: Service): string {
  return `service ${metadata.namespace}/${metadata.name}`;
}

/** `shop/web-eth0 (run=web, 10.64.0.2 on h1)`, `outside (192.0.2.1)`, `10.0.0.9`. */
export function endText({ service, ...end }: FlowEnd, given?: string): string {
  if (service !== undefined) return `${endText(end)} behind ${serviceText(service)}`;
  const { address, endpoint, remote, host } = end;
  if (remote !== undefined) return remoteEndText({ address, remote });
  if (endpoint !== undefined)
    return `${endpointText(endpoint)} (${formatOwnLabels(endpoint.metadata.labels)}, ${address} on ${endpoint.spec.host})`;
  if (host !== undefined) return `host ${host} (${address})`;
  return given === OUTSIDE ? `${OUTSIDE} (${address})` : address;
}

/** `shop/web-eth0`; of a host's, `host endpoint node-7`. */
export function endpointText({ metadata: { namespace, name } }: { metadata: { namespace?: string; name: string } }): string {
  return namespace === undefined ? `host endpoint ${name}` : `${namespace}/${name}`;
}

/** An address of each family that is in no net that anybody has named. */
export function strangers(state: PolicyState): string[] {
  const nets = [
    ...objectsOf(state, 'Pool').map(({ spec }) => spec.cidr),
    ...[...objectsOf(state, 'NetworkSet'), ...objectsOf(state, 'GlobalNetworkSet')].flatMap(({ spec }) => spec.nets),
  ].filter((net) => !net.endsWith('/0'));
  return Object.values(STRANGERS).map((some) => some.find((address) => !nets.some((net) => cidrContains(net, address))) ?? some[0]!);
}

function addressIn(text: string): string | undefined {
  try {
    return parseAddress(text);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    return undefined;
  }
}

/** `shop/web`: the part before the slash, unless it is that of a label's name. */
function inNamespace(text: string, namespace: string | undefined): { home?: string; rest: string } {
  const split = splitNamespace(text);
  if (split === undefined) return { ...(namespace !== undefined && { home: namespace }), rest: text };
  return { home: parseNamespaceName(split.namespace), rest: split.rest };
}

function labelled<T extends Endpoint | HostEndpoint>(endpoints: readonly T[], text: string): T[] {
  if (isMarathonId(text)) return endpoints.filter(({ metadata }) => isOfMarathonId(metadata.labels, text));
  const selector = parseLabelSelector(text);
  return endpoints.filter(({ metadata }) => matches(selector, metadata.labels));
}

function nobody(
  text: string,
  { home, rest, near, all }: { home?: string | undefined; rest: string; near: readonly Endpoint[]; all: readonly Endpoint[] },
): CliError {
  const namespaces = new Set(all.map(({ metadata }) => metadata.namespace!));
  const isUnknown = home !== undefined && !namespaces.has(home);
  const meant = isUnknown ? nearest(home, namespaces) : nearest(rest, near.flatMap(names));
  const where = home === undefined ? '' : ` in namespace ${home}`;
  return new CliError('ENOTFOUND', `no endpoint is ${JSON.stringify(home === undefined ? text : rest)}${where}`, {
    details: [
      ...(meant === undefined ? [] : [`did you mean ${JSON.stringify(meant)}?`]),
      `expected an endpoint's name or container id, labels such as shop/run=web, the id of a Marathon app or group, an IP address, or ${OUTSIDE}; weir endpoint list -A has them`,
    ],
  });
}

function names({ metadata: { name, labels } }: Endpoint): string[] {
  const app = labels[APP_LABEL];
  return [name, ...(app === undefined ? [] : [app]), ...Object.entries(labels).map(([key, value]) => `${key}=${value}`)];
}
