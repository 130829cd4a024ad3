import type { AnyObject } from '@weir/resources';

/** Whether the change of one object can change what this host tells by BGP, or whom. Most do not: an address of a block went to its own host. */
export function changesBgp(before: AnyObject | undefined, after: AnyObject | undefined): boolean {
  return spokenOf(before) !== spokenOf(after);
}

function spokenOf(object: AnyObject | undefined): string {
  switch (object?.kind) {
    case 'BgpConfig':
    case 'BgpFilter':
    case 'BgpPeer':
      return JSON.stringify([object.metadata.name, object.spec]);
    case 'Block': {
      const { cidr, host, network, allocations } = object.spec;
      const borrowed = Object.entries(allocations).filter(([, allocation]) => allocation.host !== host);
      return JSON.stringify([cidr, host, network, borrowed.map(([address, allocation]) => [address, allocation.host])]);
    }
    case 'Host':
      return JSON.stringify([object.metadata.name, object.metadata.labels, object.spec.addresses, object.spec.bgp]);
    case 'Pool':
      return JSON.stringify([object.spec.cidr, object.spec.routes, object.spec.visibility, object.spec.network]);
    default:
      return '';
  }
}
