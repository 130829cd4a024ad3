/** What the store has of this host, and of all that its policy and routes rest on. */
import type { AnyObject, Kind } from '@weir/resources';
import { stringify } from 'yaml';
import { presentAgents } from '../node/presence.ts';
import { listStored } from '../objects/list-objects.ts';
import type { Stores } from '../objects/stores.ts';
import type { Part } from './part.ts';
import { maskSecrets } from './secrets.ts';

/** Of these only what is the host's. */
const OF_HOST: readonly Kind[] = ['Host', 'Block', 'Endpoint', 'HostEndpoint'];
const ALL: readonly Kind[] = [
  'Pool',
  'Reservation',
  'IpamConfig',
  'Network',
  'BgpConfig',
  'BgpPeer',
  'BgpFilter',
  'Tier',
  'Namespace',
  'Policy',
  'GlobalPolicy',
  'NetworkSet',
  'GlobalNetworkSet',
  'Service',
  'RemoteCluster',
];

export interface StoreContent {
  objects: AnyObject[];
  /** Keys of what is no valid object, with the reason. */
  invalid: string[];
  agents: Record<string, unknown>;
}

/** @throws StoreError, CliError */
export async function readStore(stores: Stores, host: string): Promise<StoreContent> {
  const listed = await Promise.all([...OF_HOST, ...ALL].map((kind) => listStored(stores, kind, {})));
  const objects = listed.flatMap((one) => one.objects as AnyObject[]).filter((object) => isWanted(object, host));
  const invalid = listed.flatMap((one) => one.invalid.map(({ key, error }) => `${key}: ${error.message}`));
  return { objects, invalid, agents: Object.fromEntries(await presentAgents(stores.store)) };
}

function isWanted(object: AnyObject, host: string): boolean {
  switch (object.kind) {
    case 'Host':
      return object.metadata.name === host;
    case 'Block':
      return object.spec.host === host || Object.values(object.spec.allocations).some((one) => one.host === host);
    case 'Endpoint':
    case 'HostEndpoint':
      return object.spec.host === host;
    default:
      return true;
  }
}

/** @param secrets gets what was masked */
export function storeParts(content: StoreContent | Error, secrets: string[]): Part[] {
  const read = (form: (content: StoreContent) => unknown) => async () => {
    if (content instanceof Error) throw content;
    const masked = maskSecrets(form(content));
    secrets.push(...masked.secrets);
    return stringify(masked.value, { lineWidth: 0, aliasDuplicateObjects: false });
  };
  return [
    {
      file: 'store/objects.yaml',
      what: "this host's objects, pools, networks and policies, secrets masked",
      read: read(({ objects }) => objects),
    },
    { file: 'store/invalid.yaml', what: 'what of it is no valid object', read: read(({ invalid }) => invalid) },
    { file: 'store/agents.yaml', what: 'what the agents of all hosts say', read: read(({ agents }) => agents) },
  ];
}
