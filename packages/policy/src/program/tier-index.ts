import { BUILT_IN_TIERS, type Tier, type TierSpec } from '@weir/resources';

/** The tiers that there are, and their order. */
export class TierIndex {
  readonly #tiers = new Map<string, TierSpec>(BUILT_IN_TIERS);

  /** Objects of built-in tiers change nothing. */
  put(name: string, object: Tier | undefined): void {
    if (BUILT_IN_TIERS.has(name)) return;
    if (object === undefined) this.#tiers.delete(name);
    else this.#tiers.set(name, object.spec);
  }

  get(name: string): TierSpec | undefined {
    return this.#tiers.get(name);
  }

  /** For sorting names of tiers that there are. */
  compare(left: string, right: string): number {
    const [one, other] = [orderOf(this.#tiers.get(left)), orderOf(this.#tiers.get(right))];
    if (one !== other) return one < other ? -1 : 1;
    return left === right ? 0 : left < right ? -1 : 1;
  }
}

function orderOf(tier: TierSpec | undefined): number {
  return tier?.order ?? Number.POSITIVE_INFINITY;
}
