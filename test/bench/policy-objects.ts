/** A cluster's worth of apps for bench:policy: endpoints spread over hosts, and one policy for each app. Pure. */
import { endpointName, hostInterfaceName } from '@weir/resources';
import type { Manifest } from './store-writer.ts';

export const NAMESPACE = 'bench';
export const APPS = 50;
export const ENDPOINTS = 1000;
/** Each of the two hosts that have an agent; the rest is on hosts that exist in the store only. */
export const ENDPOINTS_PER_HOST = 100;
const TIERS = ['front', 'middle', 'back'];

export interface AppPolicy {
  app: number;
  /** The app that may come in. */
  peer: number;
  port: number;
}

/** @param index 0 to 999; hundreds go to the hosts in their order, so that each host has two endpoints of each app */
export function endpointOf(index: number, app = index % APPS): Manifest & { spec: { host: string; hostInterface: string } } {
  const containerId = `bench-${index}`;
  return {
    kind: 'Endpoint',
    metadata: {
      name: endpointName(containerId, 'eth0'),
      namespace: NAMESPACE,
      labels: { app: `app-${app}`, tier: TIERS[app % TIERS.length]!, env: app < APPS / 2 ? 'test' : 'production' },
    },
    spec: {
      host: `host-${Math.floor(index / ENDPOINTS_PER_HOST) + 1}`,
      containerId,
      network: 'weir',
      interfaceName: 'eth0',
      hostInterface: hostInterfaceName(containerId, 'eth0'),
      addresses: [`10.100.${index >> 8}.${index & 255}`],
    },
  };
}

export function policyOf({ app, peer, port }: AppPolicy): Manifest {
  return {
    kind: 'Policy',
    metadata: { name: `app-${app}`, namespace: NAMESPACE },
    spec: {
      selector: `app == 'app-${app}'`,
      ingress: [
        { action: 'Allow', protocol: 'TCP', source: { selector: `app == 'app-${peer}'` }, destination: { ports: [port] } },
        { action: 'Allow', protocol: 'TCP', source: { nets: [`198.51.100.${app}/32`] }, destination: { ports: [9000] } },
      ],
    },
  };
}

/** Before any change, each app lets in the next one. */
export function firstPolicyOf(app: number): AppPolicy {
  return { app, peer: (app + 1) % APPS, port: 80 };
}
