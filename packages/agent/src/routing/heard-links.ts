/** What was last heard of the links that are not Weir's: whether there is news that routes may depend on. */
import type { Link } from '@weir/kernel';

export class HeardLinks {
  readonly #states = new Map<number, string>();

  /** How many links are known of. */
  get size(): number {
    return this.#states.size;
  }

  /** @returns whether it was up with that MTU, or down, already. The kernel takes routes away with a link that goes down, without a word. */
  isKnown({ action, link }: { action: 'set' | 'delete'; link: Pick<Link, 'index' | 'up' | 'mtu'> }): boolean {
    const before = this.#states.get(link.index);
    if (action === 'delete') {
      // No other link has its index: containers of others, whose links come and go, would add up.
      this.#states.delete(link.index);
      return before === 'down';
    }
    const state = link.up ? `up with MTU ${link.mtu}` : 'down';
    this.#states.set(link.index, state);
    return before === state;
  }
}
