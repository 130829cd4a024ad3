/** This host in the store: its Host object, which stays, and a sign of life on a lease, which does not outlive the agent for long. */
import { setTimeout as delay } from 'node:timers/promises';
import { ObjectStore, type Store, StoreError } from '@weir/datastore';
import { type Host, type HostDns, type HostSpec, parseObject, presenceKey, serialize, ValidationError } from '@weir/resources';
import type { BgpSessionStatus } from '@weir/routing';
import type { Logger } from '../log.ts';
import type { Underlay } from '../routing/host-routing.ts';
import { hostSubnets } from '../routing/host-subnets.ts';

/** Between two looks for problems to tell of, in milliseconds. */
const PROBLEMS_INTERVAL = 1_000;

/**
 * Makes the Host object, or brings its addresses up to date. What an operator wrote in it (mesosTraffic, labels) stays.
 *
 * @param dnsAddresses where its agent answers DNS; absent: that is not known here
 * @returns the object and its revision
 */
export function registerHost(
  objects: ObjectStore,
  name: string,
  addresses: string[],
  dnsAddresses?: string[],
): Promise<{ object: Host; revision: number }> {
  return updateHost(objects, name, { addresses, subnets: hostSubnets(addresses), ...(dnsAddresses && { dnsAddresses }) });
}

/** Writes what this host knows of itself into its Host object, and makes one where there is none. */
export async function updateHost(
  objects: ObjectStore,
  name: string,
  {
    dnsAddresses,
    ...facts
  }: { [F in 'addresses' | 'subnets' | 'vxlan' | 'flannel']?: HostSpec[F] | undefined } & { dnsAddresses?: string[] },
): Promise<{ object: Host; revision: number }> {
  for (;;) {
    const known = await objects.get('Host', name);
    const object = parseObject({
      apiVersion: 'weir/v1',
      kind: 'Host',
      metadata: known?.object.metadata ?? { name },
      spec: { addresses: [], ...known?.object.spec, ...facts, ...dnsOf(known?.object.spec.dns, dnsAddresses) },
    }) as Host;
    if (known !== undefined && serialize(known.object) === serialize(object)) return known;
    try {
      return { object, revision: await objects.put(object, { revision: known?.revision ?? 0 }) };
    } catch (error) {
      // Somebody wrote it between our reading and writing: what they wrote is to stay.
      if (!(error instanceof StoreError) || error.code !== 'ECONFLICT') throw error;
    }
  }
}

function dnsOf(known: HostSpec['dns'], addresses: string[] | undefined): Partial<Record<'dns', Partial<HostDns>>> {
  if (addresses === undefined || (known === undefined && addresses.length === 0)) return {};
  return { dns: { ...known, addresses } };
}

/** Keeps Host object and sign of life until the signal; after each loss of the lease (an outage longer than it) they are given again. */
export async function keepPresence(options: {
  store: Store;
  host: string;
  addresses: string[];
  /** Where the agent answers DNS. */
  dnsAddresses: string[];
  version: string;
  ttlSeconds: number;
  /** What is wrong on this host, for people; they read it with `weir node status`. */
  problems: () => readonly string[];
  /** Its BGP sessions. */
  bgp?: () => readonly BgpSessionStatus[];
  /** What this host's kernel says of the network between the hosts. */
  underlay?: () => Underlay;
  /** Called when the Host object is there. */
  registered?: () => void;
  signal: AbortSignal;
  log: Logger;
}): Promise<void> {
  const {
    store,
    host,
    addresses,
    dnsAddresses,
    version,
    ttlSeconds,
    problems,
    bgp = () => [],
    underlay = () => ({}),
    registered,
    signal,
    log,
  } = options;
  const objects = new ObjectStore(store);
  const since = new Date().toISOString();
  while (!signal.aborted) {
    try {
      await registerHost(objects, host, addresses, dnsAddresses);
      registered?.();
      const lease = await store.lease(ttlSeconds);
      const lost = new AbortController();
      void lease.lost.then(() => lost.abort());
      const over = AbortSignal.any([signal, lost.signal]);
      const tell = async (sign: string) => {
        await store.transact({ when: [], then: [{ put: presenceKey(host), value: sign, lease: lease.id }] });
        return sign;
      };
      const signNow = () =>
        JSON.stringify({ version, since, problems: problems(), ...(bgp().length > 0 && { bgp: bgp() }), ...underlay() });
      let told = await tell(signNow());
      for (;;) {
        await delay(PROBLEMS_INTERVAL, undefined, { ref: false, signal: over }).catch(() => {});
        if (over.aborted) break;
        // While the store is away the lease may well live on; the next look tells.
        if (signNow() !== told) told = await tell(signNow()).catch(() => told);
      }
      if (signal.aborted) await lease.revoke();
    } catch (error) {
      // A Host object that somebody wrote and this version cannot read is to be mended, not to end the agent.
      if (!(error instanceof StoreError || error instanceof ValidationError)) throw error;
      if (!signal.aborted) log.warn({ error: error.message }, 'presence: trying again');
      await delay(1000, undefined, { signal }).catch(() => {});
    }
  }
}
