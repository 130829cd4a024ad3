import type { Kind } from './index.ts';

/** What Calico and Kubernetes call it, in small letters, all forms of the name: who writes that is told Weir's name. */
const NAMES: { readonly [K in Kind]?: readonly string[] } = {
  Endpoint: ['workloadendpoint', 'workloadendpoints', 'wep', 'pod', 'pods', 'po'],
  Policy: ['networkpolicy', 'networkpolicies', 'netpol', 'np'],
  GlobalPolicy: ['globalnetworkpolicy', 'globalnetworkpolicies', 'gnp'],
  Pool: ['ippool', 'ippools'],
  Reservation: ['ipreservation', 'ipreservations'],
  Host: ['node', 'nodes'],
  BgpConfig: ['bgpconfiguration', 'bgpconfigurations'],
  Block: ['ipamblock', 'ipamblocks'],
  RemoteCluster: ['remoteclusterconfiguration', 'remoteclusterconfigurations'],
};

const KIND_BY_NAME: ReadonlyMap<string, Kind> = new Map(
  Object.entries(NAMES).flatMap(([kind, names]) => names.map((name): [string, Kind] => [name, kind as Kind])),
);

/** The kind that another system calls so. */
export function kindElsewhere(name: string): Kind | undefined {
  return KIND_BY_NAME.get(name.toLowerCase());
}
