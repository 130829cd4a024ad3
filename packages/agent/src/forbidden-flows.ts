/** Pure: whether an established flow has to go, because policy no longer allows it or because an end of it is gone. */
import type { Flow as TrackedFlow } from '@weir/kernel';
import type { Flow } from '@weir/policy';

export interface Suspects {
  /** Addresses of endpoints that may have lost a permission. */
  narrowed: ReadonlySet<string>;
  /** Addresses that no endpoint of this host has any more: the next one to have them must not inherit flows. */
  gone: ReadonlySet<string>;
}

export function isForbidden({ original, protocol }: TrackedFlow, suspects: Suspects, isAllowed: (flow: Flow) => boolean): boolean {
  const { source, destination } = original;
  if (suspects.gone.has(source) || suspects.gone.has(destination)) return true;
  // Policy judges the packet that opened the flow.
  return (suspects.narrowed.has(source) || suspects.narrowed.has(destination)) && !isAllowed({ ...original, protocol });
}
