import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ObjectStore } from '@weir/datastore';
import { Netlink, Nftables } from '@weir/kernel';
import type { LabHost } from '@weir/lab';
import { readTable } from '@weir/policy';
import { eventually } from './eventually.ts';

/** DEL answers before the links are removed, and hosts hear of it from the store: so long after the last change nothing more comes. */
const REST_MS = 300;

/**
 * Everything that attachments leave on hosts and in the store, one line each. Two calls give the same when nothing was left behind
 * between them. Hosts keep their blocks, and the blocks' routes, and know all pools and hosts, so these do not count.
 */
export async function findTraces(hosts: LabHost[], objects: ObjectStore): Promise<string[]> {
  return [...hosts.flatMap(tracesOnHost), ...(await tracesInStore(objects))].sort();
}

/** What is there when hosts have done with what they were told before: two looks that are apart saw the same. */
export async function tracesAtRest(hosts: LabHost[], objects: ObjectStore): Promise<string[]> {
  let last = await findTraces(hosts, objects);
  const pair = await eventually(
    async () => {
      await delay(REST_MS);
      const looks = [last, await findTraces(hosts, objects)] as const;
      last = looks[1];
      return looks;
    },
    ([earlier, later]) => isDeepStrictEqual(earlier, later),
  );
  return pair[1];
}

/** @returns what is there as soon as it is what is wanted, or after the time that `eventually` has, to be asserted on */
export async function tracesOnce(
  wanted: string[],
  hosts: LabHost[],
  objects: ObjectStore,
  limit: { limitMs?: number } = {},
): Promise<string[]> {
  return eventually(
    () => findTraces(hosts, objects),
    (traces) => isDeepStrictEqual(traces, wanted),
    limit,
  );
}

/** Interfaces, routes over them, and statements of the policy table. */
export function tracesOnHost({ name, namespace }: LabHost): string[] {
  using netlink = Netlink.open({ namespace });
  using nftables = Nftables.open({ namespace });
  const links = netlink.links().filter((link) => /^w(eir|lnk)/.test(link.name));
  const own = new Map(links.map((link) => [link.index, link.name]));
  return [
    ...links.map((link) => `${name}: link ${link.name}`),
    ...netlink
      .routes()
      .filter(({ link, destination }) => own.has(link!) && !/^(fe80|ff00)::/.test(destination ?? '')) // the kernel's own
      .map(({ destination, link }) => `${name}: route ${destination} dev ${own.get(link!)}`),
    ...[...readTable({ nftables: nftables.list('inet weir') ?? [] }).statements.keys()]
      .filter((key) => !/^element\/(pools|hosts)[46]\//.test(key))
      .map((key) => `${name}: nftables ${key}`),
  ];
}

export async function tracesInStore(objects: ObjectStore): Promise<string[]> {
  const [endpoints, blocks] = await Promise.all([objects.list('Endpoint'), objects.list('Block')]);
  return [
    ...endpoints.objects.map(({ object }) => `store: endpoint of ${object.spec.containerId} on ${object.spec.host}`),
    ...blocks.objects.flatMap(({ object }) =>
      Object.entries(object.spec.allocations).map(([address, { containerId }]) => `store: ${address} held for ${containerId}`),
    ),
  ];
}
