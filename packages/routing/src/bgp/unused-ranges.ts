import { cidrsOverlap } from '@weir/resources';
import { ROUTE_PROTOCOL } from '../addresses.ts';
import { type BlockRoute, LAST_RESORT } from '../routes/routes.ts';

/**
 * A blackhole for each announced range of services to which nothing leads yet: what the fabric sends there would otherwise leave by the
 * default route, to be sent back here, round and round.
 *
 * @param announced CIDRs
 * @param routes that lead to services
 */
export function unusedRanges(announced: readonly string[], routes: readonly BlockRoute[]): BlockRoute[] {
  return announced
    .filter((cidr) => !routes.some(({ destination }) => cidrsOverlap(cidr, destination)))
    .map((destination) => ({ destination, type: 'blackhole', protocol: ROUTE_PROTOCOL, metric: LAST_RESORT }));
}
