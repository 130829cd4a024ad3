/** For tests: objects as their schemas give them, and a state with nothing in it but what BGP depends on. */
import { type AnyObject, DEFAULT_BGP_CONFIG, type Host, type Kind, type ObjectOf, parseObject } from '@weir/resources';
import type { BgpState } from '../bgp/speaker.ts';

export function object<K extends Kind>(kind: K, name: string, spec: object, labels: Record<string, string> = {}): ObjectOf<K> {
  return parseObject({ apiVersion: 'weir/v1', kind, metadata: { name, labels }, spec }) as AnyObject as ObjectOf<K>;
}

export const bgpHost = (name: string, addresses: string[], bgp?: object, labels?: Record<string, string>): Host =>
  object('Host', name, { addresses, ...(bgp && { bgp }) }, labels);

/** @param config what of BgpConfig is not its default */
export function bgpState({ config = {}, ...state }: Partial<Omit<BgpState, 'config'>> & { self: Host; config?: object }): BgpState {
  return {
    hosts: [state.self],
    pools: [],
    blocks: [],
    peers: [],
    filters: [],
    links: ['192.0.2.0/24', '2001:db8::/64'],
    password: () => 'opensesame',
    ...state,
    config: { ...DEFAULT_BGP_CONFIG, ...object('BgpConfig', 'default', config).spec, ...config },
  };
}
