/** The ends of a flow, as people name them. */
import {
  cidrContains,
  type Endpoint,
  type Family,
  matches,
  nearest,
  parseAddress,
  parseNamespaceName,
  ValidationError,
} from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { formatLabels } from '../columns.ts';
import { parseLabelSelector } from '../label-selector.ts';
import { endpointsOf, objectsOf, type PolicyState } from './policy-state.ts';

export interface FlowEnd {
  address: string;
  endpoint?: Endpoint;
}

/** The word for whoever is no endpoint, in no network set and in no pool. */
export const OUTSIDE = 'outside';

/** Of the networks that are for documentation alone (RFC 5737, RFC 3849): nobody has them. */
const STRANGERS: Readonly<Record<Family, readonly string[]>> = {
  IPv4: ['192.0.2.1', '198.51.100.1', '203.0.113.1'],
  IPv6: ['2001:db8::1', '2001:db8:ffff::1'],
};

/**
 * Everybody whom a text means: an IP address, `outside`, an endpoint by name or container id (`NAMESPACE/NAME`), or all endpoints with
 * such labels (`run=web`, `shop/run=web`, `run in {"web", "api"}`).
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
    return owners.length === 0 ? [{ address }] : owners.map((endpoint) => ({ address, endpoint }));
  }
  const { home, rest } = inNamespace(text, namespace);
  const near = endpoints.filter(({ metadata }) => home === undefined || metadata.namespace === home);
  const named = near.filter(({ metadata, spec }) => metadata.name === rest || spec.containerId === rest);
  const found = named.length > 0 ? named : labelled(near, rest);
  if (found.length === 0) throw nobody(text, { home, rest, near, all: endpoints });
  return found.flatMap((endpoint) => endpoint.spec.addresses.map((own) => ({ address: own, endpoint })));
}

/** `shop/web-eth0 (run=web, 10.64.0.2 on h1)`, `outside (192.0.2.1)`, `10.0.0.9`. */
export function endText({ address, endpoint }: FlowEnd, given?: string): string {
  if (endpoint !== undefined)
    return `${endpointText(endpoint)} (${formatLabels(endpoint.metadata.labels)}, ${address} on ${endpoint.spec.host})`;
  return given === OUTSIDE ? `${OUTSIDE} (${address})` : address;
}

export function endpointText({ metadata }: { metadata: { namespace?: string; name: string } }): string {
  return `${metadata.namespace}/${metadata.name}`;
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
  const [, before, rest] = /^([a-z0-9-]+)\/(.+)$/s.exec(text) ?? [];
  if (before === undefined || rest === undefined) return { ...(namespace !== undefined && { home: namespace }), rest: text };
  return { home: parseNamespaceName(before), rest };
}

function labelled(endpoints: readonly Endpoint[], text: string): Endpoint[] {
  const selector = parseLabelSelector(text);
  return endpoints.filter(({ metadata }) => matches(selector, metadata.labels));
}

function nobody(
  text: string,
  { home, rest, near, all }: { home?: string | undefined; rest: string; near: readonly Endpoint[]; all: readonly Endpoint[] },
): CliError {
  const namespaces = new Set(all.map(({ metadata }) => metadata.namespace!));
  const isUnknown = home !== undefined && !namespaces.has(home);
  const meant = isUnknown ? nearest(home, namespaces) : nearest(rest, near.map(({ metadata }) => metadata.name).concat(near.flatMap(apps)));
  const where = home === undefined ? '' : ` in namespace ${home}`;
  return new CliError('ENOTFOUND', `no endpoint is ${JSON.stringify(home === undefined ? text : rest)}${where}`, {
    details: [
      ...(meant === undefined ? [] : [`did you mean ${JSON.stringify(meant)}?`]),
      `expected an endpoint's name or container id, labels such as shop/run=web, an IP address, or ${OUTSIDE}; weir endpoint list -A has them`,
    ],
  });
}

const apps = ({ metadata }: Endpoint): string[] => Object.entries(metadata.labels).map(([key, value]) => `${key}=${value}`);
