/** Whether a packet is to arrive: which ends are asked by the plain evaluator, and what a host lets through beside them. */
import { type MetRule, type Packet, reference, type Told } from '@weir/policy/test-support';
import { type AnyObject, type Direction, type Endpoint, failsafePorts, type Host, type HostEndpoint } from '@weir/resources';
import type { Place, Shot } from './exact-host.ts';

/** What was asked at one of the ends. */
export interface Asked {
  verdict: 'Allow' | 'Deny';
  met: readonly MetRule[];
  /** Why nobody was asked, or on what terms. */
  terms: 'container' | 'host' | 'forwarded' | 'failsafe port' | 'Mesos agent port' | 'health checks' | 'no endpoint';
  /** Its staged policies would have it otherwise. */
  stagedDiffers: boolean;
}

const TCP = 6;
const UDP = 17;

/** What each end says: the packet is to arrive if all allow. */
export function asked(objects: readonly AnyObject[], { packet, from, to }: Shot, told: Told): Asked[] {
  const host = objects.find((object): object is Host => object.kind === 'Host');
  const source = endpointAt(objects, from);
  const destination = endpointAt(objects, to);
  const judged = (endpoint: Endpoint, direction: Direction) => judge(objects, { endpoint, direction, packet, told }, 'container');
  const atHost = (link: string, direction: Direction, forwarded: boolean): Asked => {
    const isFailsafe = !forwarded && failsafe(host, direction).includes(portText(packet));
    if (isFailsafe) return by('failsafe port', 'Allow');
    const endpoint = hostEndpointAt(objects, link);
    if (endpoint === undefined) return by('no endpoint', 'Allow');
    return judge(objects, { endpoint, direction, packet, told, forwarded }, forwarded ? 'forwarded' : 'host');
  };

  if (to.kind === 'host') {
    if (source === undefined) return [isOurs(from) ? by('no endpoint', 'Deny') : atHost(from.link!, 'Ingress', false)];
    const isAgent = packet.protocol === TCP && (host?.spec.mesosTraffic.agentPorts ?? [5051]).includes(packet.destinationPort!);
    return [isAgent ? by('Mesos agent port', 'Allow') : judged(source, 'Egress')];
  }
  if (from.kind === 'host') {
    if (destination === undefined && !isOurs(to)) return [atHost(to.link!, 'Egress', false)];
    // Not even an interface that it does not know is closed to the host itself.
    if ((host?.spec.mesosTraffic.healthChecks ?? 'Always') === 'Always') return [by('health checks', 'Allow')];
    return [destination === undefined ? by('no endpoint', 'Deny') : judged(destination, 'Ingress')];
  }
  const ends = [
    [source, from, 'Egress', 'Ingress'],
    [destination, to, 'Ingress', 'Egress'],
  ] as const;
  return ends.map(([endpoint, place, own, through]) => {
    if (endpoint !== undefined) return judged(endpoint, own);
    return isOurs(place) ? by('no endpoint', 'Deny') : atHost(place.link!, through, true);
  });
}

function by(terms: Asked['terms'], verdict: 'Allow' | 'Deny'): Asked {
  return { verdict, met: [], terms, stagedDiffers: false };
}

function judge(
  objects: readonly AnyObject[],
  of: { endpoint: Endpoint | HostEndpoint; direction: Direction; packet: Packet; told: Told; forwarded?: boolean },
  terms: Asked['terms'],
): Asked {
  const { endpoint, direction, packet, told, forwarded = false } = of;
  const { verdict, met } = reference(objects, endpoint, direction, packet, { told, forwarded });
  const ifStaged = reference(objects, endpoint, direction, packet, { told, forwarded, staged: true });
  return { verdict, met, terms, stagedDiffers: ifStaged.verdict !== verdict };
}

/** An interface whose name says that it leads to a container: closed until it has its endpoint. */
function isOurs({ link }: Place): boolean {
  return link?.startsWith('weir') === true;
}

function endpointAt(objects: readonly AnyObject[], { link }: Place): Endpoint | undefined {
  return objects.find((object): object is Endpoint => object.kind === 'Endpoint' && object.spec.hostInterface === link);
}

/** The interface's own, else that for all interfaces; of several the first by name. */
function hostEndpointAt(objects: readonly AnyObject[], link: string): HostEndpoint | undefined {
  const all = objects
    .filter((object): object is HostEndpoint => object.kind === 'HostEndpoint' && object.spec.host === 'here')
    .sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  return all.find(({ spec }) => spec.interfaceName === link) ?? all.find(({ spec }) => spec.interfaceName === '*');
}

/** With the port of the tunnels, which stays open whatever else does. */
function failsafe(host: Host | undefined, direction: Direction): string[] {
  const { inbound, outbound } = failsafePorts(host?.spec ?? {});
  return direction === 'Ingress' ? inbound : outbound;
}

function portText({ protocol, destinationPort }: Packet): string {
  return `${protocol === TCP ? 'tcp' : protocol === UDP ? 'udp' : protocol}/${destinationPort}`;
}
