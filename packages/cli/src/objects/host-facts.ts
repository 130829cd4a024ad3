/** What of a Host object is its agent's, whoever writes the rest. */
import type { Host, HostDns, HostSpec } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { referenceText } from './references.ts';

/**
 * The Host that somebody gives, with what its agent has found out as it is stored: addresses and subnets, ends of tunnels, lease, where it
 * answers DNS. A file need not say these, and does not take them away.
 *
 * @param stored undefined: there is none; without object: one that cannot be read, which the given one repairs
 * @throws CliError EREFUSED
 */
export function withHostFacts(given: Host, stored: { object?: Host | undefined } | undefined): Host {
  const reference = referenceText(given.kind, given.metadata.name);
  if (stored === undefined) {
    throw new CliError(
      'EREFUSED',
      `cannot make ${reference}: the agent of a host does so when it starts there; then mesosTraffic, failsafePorts, dns and bgp can be changed`,
    );
  }
  if (stored.object === undefined) return given;
  const { addresses, subnets, vxlan, flannel, dns } = stored.object.spec;
  const [wanted, known] = [given.spec.addresses.join(', '), addresses.join(', ')];
  if (wanted !== '' && wanted !== known) {
    throw new CliError(
      'EREFUSED',
      `cannot change spec.addresses of ${reference} from ${known} to ${wanted}: they are set in the configuration of its agent; leave them out`,
    );
  }
  const { vxlan: _vxlan, flannel: _flannel, dns: _dns, ...own } = given.spec;
  return {
    ...given,
    spec: { ...own, addresses, subnets, ...(vxlan && { vxlan }), ...(flannel && { flannel }), ...dnsFacts(given.spec.dns, dns) },
  };
}

function dnsFacts(given: HostDns | undefined, stored: HostDns | undefined): Pick<HostSpec, 'dns'> {
  if (given === undefined && stored === undefined) return {};
  return { dns: { addresses: stored?.addresses ?? [], queries: given?.queries ?? 'Always' } };
}
