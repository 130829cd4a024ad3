/** The hosts that a flow begins on, ends on or passes through, and which of their own policies is asked there. */
import type { AtHost, Flow } from '@weir/policy';
import { familyOf } from '@weir/resources';
import { TUNNEL_LINK } from '@weir/routing';
import type { FlowEnd } from './flow-end.ts';
import { addressesOfHost, hostEndpointAt, hostEndpointFor } from './host-ends.ts';
import type { PolicyState } from './policy-state.ts';
import type { Way } from './way.ts';

export interface HostHop extends AtHost {
  host: string;
  /** As it is there: a container's flow may come under the address of its host. */
  flow: Flow;
  /** Who that is, where it is not the one that sent it. */
  source?: FlowEnd;
}

/** In the order of the way. None inside a host: its traffic with its own containers is asked about at these alone. */
export function hostHops({ from, to }: { from: FlowEnd; to: FlowEnd }, flow: Flow, way: Way, state: PolicyState): HostHop[] {
  if (way.by === 'local') return [];
  const link = way.by === 'vxlan' ? { link: TUNNEL_LINK } : {};
  const hop = (
    host: string | undefined,
    direction: 'Ingress' | 'Egress',
    end: FlowEnd,
    seen: Pick<HostHop, 'flow' | 'source'>,
  ): HostHop[] => {
    if (host === undefined) return [];
    const own = end.host === undefined ? {} : { address: end.address };
    const found = hostEndpointFor(host, state, { ...link, ...own });
    return found === undefined ? [] : [{ host, hostEndpoint: found.metadata.name, direction, forwarded: end.host === undefined, ...seen }];
  };
  return [...hop(way.from, 'Egress', from, { flow }), ...hop(way.to, 'Ingress', to, behindItsHost(flow, way, state))];
}

function behindItsHost(flow: Flow, { natOutgoing, from }: Way, state: PolicyState): Pick<HostHop, 'flow' | 'source'> {
  if (natOutgoing !== true || from === undefined) return { flow };
  const address = addressesOfHost(from, state).find((own) => familyOf(own) === familyOf(flow.source));
  if (address === undefined) return { flow };
  const hostEndpoint = hostEndpointAt(address, state);
  return { flow: { ...flow, source: address }, source: { address, host: from, ...(hostEndpoint && { hostEndpoint }) } };
}
