/** Pure: which established flows have to go, because policy no longer allows them or because an end of them is gone. */
import type { Flow as TrackedFlow } from '@weir/kernel';
import type { Flow } from '@weir/policy';

export interface Suspects {
  /** Addresses of endpoints that may have lost a permission. */
  narrowed: ReadonlySet<string>;
  /** Addresses that no endpoint of this host has any more: the next one to have them must not inherit flows. */
  gone: ReadonlySet<string>;
}

export function forbiddenFlows(tracked: readonly TrackedFlow[], suspects: Suspects, isAllowed: (flow: Flow) => boolean): TrackedFlow[] {
  return tracked.filter((flow) => {
    const ends = [flow.original.source, flow.original.destination];
    if (ends.some((address) => suspects.gone.has(address))) return true;
    return ends.some((address) => suspects.narrowed.has(address)) && !isAllowed(opening(flow));
  });
}

/** Policy judges the packet that opened the flow. */
function opening({ original, protocol }: TrackedFlow): Flow {
  return { ...original, protocol };
}
