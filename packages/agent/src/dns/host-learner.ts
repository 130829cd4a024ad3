/** What DNS tells this host's containers, brought in force as they learn it. */
import { type Endpoint, keyOf, spaceOf } from '@weir/resources';
import type { ClusterState } from '../cluster-state.ts';
import type { KernelSync } from '../kernel-sync.ts';
import type { Logger } from '../log.ts';
import { DnsLearner } from './dns-learner.ts';
import type { ResolvedNames } from './resolved-names.ts';

export function hostLearner(of: { names: ResolvedNames; state: ClusterState; kernel: KernelSync; log: Logger }): DnsLearner {
  const { names, state, kernel, log } = of;
  // Of other address spaces another endpoint may have the same address.
  const local = (has: (endpoint: Endpoint) => boolean) => state.localEndpoints().find((one) => spaceOf(one.spec) === undefined && has(one));
  return new DnsLearner({
    names,
    endpointAt: (address) => {
      const endpoint = local(({ spec }) => spec.addresses.includes(address));
      return endpoint && keyOf(endpoint);
    },
    addressesOf: (key) => local((endpoint) => keyOf(endpoint) === key)?.spec.addresses ?? [],
    // Before that the table is as an agent before left it.
    apply: () => kernel.isAllKnown && kernel.apply(),
    connections: () => kernel.dataplane.connections(),
    log,
  });
}
