/**
 * Finds the one of sorted, disjoint stretches that a place is in.
 *
 * @param side where the place is: below 0, before the stretch; above 0, behind it; 0, within
 */
export function bisect<T>(sorted: readonly T[], side: (stretch: T) => number): T | undefined {
  let [low, high] = [0, sorted.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const stretch = sorted[middle]!;
    const where = side(stretch);
    if (where === 0) return stretch;
    if (where < 0) high = middle - 1;
    else low = middle + 1;
  }
  return undefined;
}
