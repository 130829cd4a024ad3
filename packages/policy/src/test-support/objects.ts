import {
  type Endpoint,
  type GlobalNetworkSet,
  type GlobalPolicy,
  type Labels,
  type Namespace,
  type NetworkSet,
  type Policy,
  parseObject,
  type Service,
  type Tier,
} from '@weir/resources';

const object = (kind: string, metadata: object, spec: object) => parseObject({ apiVersion: 'weir/v1', kind, metadata, spec });

/** An endpoint of namespace `demo` on host `here`, unless the spec says otherwise. Its interface is named for it. */
export function endpoint(
  name: string,
  labels: Labels,
  spec: { addresses: string[]; [field: string]: unknown },
  namespace = 'demo',
): Endpoint {
  const defaults = { host: 'here', containerId: name, network: 'net', interfaceName: 'eth0', hostInterface: `weir${name}` };
  return object('Endpoint', { name, namespace, labels }, { ...defaults, ...spec }) as Endpoint;
}

export function policy(name: string, spec: object, namespace = 'demo'): Policy {
  return object('Policy', { name, namespace }, spec) as Policy;
}

export function globalPolicy(name: string, spec: object): GlobalPolicy {
  return object('GlobalPolicy', { name }, spec) as GlobalPolicy;
}

export function networkSet(name: string, labels: Labels, nets: string[], namespace = 'demo'): NetworkSet {
  return object('NetworkSet', { name, namespace, labels }, { nets }) as NetworkSet;
}

export function namespaceObject(name: string, labels: Labels, spec: object = {}): Namespace {
  return object('Namespace', { name, labels }, spec) as Namespace;
}

export function globalNetworkSet(name: string, labels: Labels, nets: string[]): GlobalNetworkSet {
  return object('GlobalNetworkSet', { name, labels }, { nets }) as GlobalNetworkSet;
}

/** With the virtual addresses that it was given. */
export function service(name: string, spec: object, addresses: string[] = ['11.0.0.1'], namespace = 'demo'): Service {
  return { ...(object('Service', { name, namespace }, { ports: [{ port: 80 }], ...spec }) as Service), status: { addresses } };
}

export function tier(name: string, spec: object): Tier {
  return object('Tier', { name }, spec) as Tier;
}
