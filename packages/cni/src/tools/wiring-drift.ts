import type { Wiring, WiringEnd } from '@weir/routing';
import { addressesOn, familyOf, type Interface, plainAddress, type Result, type Route } from '../protocol/result.ts';

export interface WiringPlace {
  namespace: string;
  interfaceName: string;
  hostInterface: string;
}

/** Pure: all that is no longer as ADD made and told it, each in a few words; empty when everything is. */
export function wiringDrift(told: Result, place: WiringPlace, wiring: Wiring): string[] {
  const { interfaceName, hostInterface, namespace } = place;
  const inside = told.interfaces.find(({ name, sandbox }) => name === interfaceName && sandbox !== undefined);
  const outside = told.interfaces.find(({ name, sandbox }) => name === hostInterface && sandbox === undefined);
  const own = ownParts(told, interfaceName);
  return [
    ...(inside === undefined ? [`prevResult knows no ${interfaceName} in a container`] : []),
    ...(outside === undefined ? [`prevResult knows no ${hostInterface} on the host`] : []),
    ...(inside !== undefined && inside.sandbox !== namespace
      ? [`prevResult has ${interfaceName} in ${inside.sandbox}, CNI_NETNS is ${namespace}`]
      : []),
    ...endDrift(interfaceName, inside, wiring.container),
    ...endDrift(hostInterface, outside, wiring.host),
    ...(wiring.host !== undefined && wiring.container !== undefined && !wiring.joined
      ? [`${interfaceName} and ${hostInterface} are not the two ends of one link`]
      : []),
    ...(wiring.container === undefined ? [] : containerDrift(own, interfaceName, wiring)),
    ...(wiring.host === undefined ? [] : hostDrift(own, hostInterface, wiring)),
  ];
}

function endDrift(name: string, told: Interface | undefined, end: WiringEnd | undefined): string[] {
  if (end === undefined) return [`${name} is gone`];
  return [
    ...(end.up ? [] : [`${name} is down`]),
    ...(told?.mac === undefined || told.mac.toLowerCase() === end.mac ? [] : [`${name} has the MAC address ${end.mac}, not ${told.mac}`]),
    ...(told?.mtu === undefined || told.mtu === end.mtu ? [] : [`${name} has an MTU of ${end.mtu}, not ${told.mtu}`]),
  ];
}

function containerDrift({ addresses: told, routes }: Own, interfaceName: string, { addresses, containerRoutes }: Wiring): string[] {
  const lost = told.filter((address) => !addresses.includes(address));
  const astray = routes.filter(({ dst, gw }) => !containerRoutes.some(({ destination, via }) => destination === dst && via === gw));
  return [
    ...lost.map((address) => `${interfaceName} has lost its address ${address}`),
    ...astray.map(({ dst, gw }) => `${interfaceName} has lost its route to ${dst} via ${gw}`),
  ];
}

function hostDrift({ addresses }: Own, hostInterface: string, { hostRoutes }: Wiring): string[] {
  const lost = addresses.filter((address) => !hostRoutes.includes(`${address}/${familyOf(address) === '4' ? 32 : 128}`));
  return lost.map((address) => `the host has lost its route to ${address} by ${hostInterface}`);
}

/** What of a result is this interface's. */
interface Own {
  addresses: string[];
  routes: Route[];
}

/** Other plugins of the list may have added interfaces, addresses and routes of theirs, which are theirs to check. */
function ownParts(told: Result, interfaceName: string): Own {
  const own = addressesOn(told, interfaceName);
  const gateways = new Set(own.map(({ gateway }) => gateway));
  return {
    addresses: own.map(({ address }) => plainAddress(address)),
    routes: told.routes.filter(({ gw, table }) => gw !== undefined && table === undefined && gateways.has(gw)),
  };
}
