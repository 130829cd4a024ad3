/** The kernel's routes to blocks, kept equal to the desired ones. What is desired is decided in routes.ts; here is the difference, applied. */
import { DeltaTracker, describeRoute, KernelError, type Netlink, type Route } from '@weir/kernel';
import { ROUTE_PROTOCOL } from '../addresses.ts';
import type { BlockRoute } from './routes.ts';

/** A block that the host's routes do not lead to as they should. Each `apply` tries again. */
export interface RouteFailure {
  /** CIDR of the block. */
  destination: string;
  /** For people. */
  reason: string;
}

export interface Applied {
  /** As `failed`. */
  failed: readonly RouteFailure[];
  /** Routes that were set or removed, in the words of ip. */
  done: string[];
}

type KernelRoute = Pick<Route, 'destination' | 'type' | 'via' | 'link' | 'onLink' | 'source' | 'metric'>;

/** As in the kernel, routes of one destination differ by metric: an own block's blackhole and a container's route may have the same one. */
const keyOf = ({ destination, metric }: Route): string => `${destination} ${metric ?? 'default'}`;

const ADDITION = 'addition';
const REPLACEMENT = 'replacement';
const REMOVAL = 'removal';

/** `key` of the tracker with what is to be done for it. */
type Step = { key: string; route: KernelRoute; kind: typeof ADDITION | typeof REPLACEMENT | typeof REMOVAL };

/**
 * Changes only routes of our own protocol number, and of these only the ones that lead to blocks: a container's own route, which
 * `attach` makes and which goes with its link, is one that leads to a link without a gateway.
 */
export class RouteTable {
  readonly #netlink: Netlink;
  readonly #tracker = new DeltaTracker<string, KernelRoute>({ equal: sameRoute });
  #actualKnown = false;
  #failed: RouteFailure[] = [];

  /** @param netlink of the host's namespace; the caller closes it. */
  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** What the last `apply` could not do, additions in the order of what was desired, then removals. */
  get failed(): readonly RouteFailure[] {
    return this.#failed;
  }

  /** The next `apply` reads the kernel's routes first, and so mends what others undid. The first one does so anyway. */
  forgetActual(): void {
    this.#actualKnown = false;
  }

  /**
   * Makes the kernel's routes those of `desired`: additions and changes first, then removals. One that the kernel refuses, as its next hop is
   * on no link, say, does not hold up the others; it stands in what is returned, and in `failed`. Throws KernelError only when the
   * kernel's routes cannot be read.
   */
  apply(desired: ReadonlyMap<string, BlockRoute>): Applied {
    if (!this.#actualKnown) this.#readActual();
    this.#tracker.setDesired([...desired.values()].map((route) => [keyOf(route), essence(route)]));
    const done: string[] = [];
    let refused = this.#carryOut(this.#steps(), done);
    if ([...refused.values()].some(({ code }) => code === 'EEXIST')) {
      // It may be a route of ours that another process made; if it is not, it stays and is refused again.
      this.#readActual();
      refused = this.#carryOut(this.#steps(), done);
    }
    // A route that cannot be changed leads where it should no longer.
    const outdated = [...refused].filter(([{ kind }, { code }]) => kind === REPLACEMENT && code !== 'EEXIST');
    this.#carryOut(
      outdated.map(([{ key }]) => ({ key, route: this.#tracker.actual.get(key)!, kind: REMOVAL })),
      done,
    );
    const removals = [...refused.keys()].filter(({ kind }) => kind === REMOVAL);
    const reasons = new Map([...refused].map(([{ key }, error]) => [key, reasonOf(error)]));
    this.#failed = [
      ...[...desired.values()].flatMap((route) => failureOf(route, route.problem ?? reasons.get(keyOf(route)))),
      ...removals.flatMap(({ key, route }) => failureOf(route, reasons.get(key))),
    ];
    return { failed: this.#failed, done };
  }

  /** Where routes lead that are there. Throws KernelError when the kernel's routes cannot be read. */
  destinations(): ReadonlySet<string> {
    if (!this.#actualKnown) this.#readActual();
    return new Set([...this.#tracker.actual.values()].map(({ destination }) => destination));
  }

  /** Whether a route that was just set or removed, by whomever, is as it is desired, or none of ours. */
  isRight(action: 'set' | 'delete', route: Route): boolean {
    if (route.protocol !== ROUTE_PROTOCOL || route.table !== undefined || leadsToContainer(route)) return true;
    const desired = this.#tracker.desired.get(keyOf(route));
    return action === 'delete' ? desired === undefined : desired !== undefined && sameRoute(desired, essence(route));
  }

  #readActual(): void {
    const routes = this.#netlink
      .routes({ protocol: ROUTE_PROTOCOL })
      .filter((route) => route.table === undefined && !leadsToContainer(route));
    this.#tracker.setActual(routes.map((route) => [keyOf(route), essence(route)]));
    this.#actualKnown = true;
  }

  #steps(): Step[] {
    const { actual } = this.#tracker;
    const pending = this.#tracker.pending();
    return [
      // An addition never takes the place of someone else's route; a replacement is of our own.
      ...[...pending.set].map(([key, route]): Step => ({ key, route, kind: actual.has(key) ? REPLACEMENT : ADDITION })),
      ...[...pending.delete].map((key): Step => ({ key, route: actual.get(key)!, kind: REMOVAL })),
    ];
  }

  /** In one batch, which the kernel works off to its end whatever it refuses. */
  #carryOut(steps: Step[], log: string[]): Map<Step, KernelError> {
    const refused = new Map<Step, KernelError>();
    try {
      this.#netlink.batch((batch) => {
        for (const { route, kind } of steps) {
          const full: Route = { ...route, protocol: ROUTE_PROTOCOL };
          if (kind === ADDITION) batch.addRoute(full);
          else if (kind === REMOVAL) batch.deleteRoute(full);
          else batch.replaceRoute(full);
        }
      });
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      for (const one of [error, ...error.others]) refused.set(steps[one.batchIndex ?? 0]!, one);
    }
    for (const [step, { code }] of refused) if (step.kind === REMOVAL && code === 'ESRCH') refused.delete(step);
    const done = steps.filter((step) => !refused.has(step));
    log.push(...done.map(({ route, kind }) => `${kind === REMOVAL ? 'no ' : ''}${describeRoute(route)}`));
    this.#tracker.applied({
      set: done.filter(({ kind }) => kind !== REMOVAL).map(({ key, route }) => [key, route] as const),
      delete: done.filter(({ kind }) => kind === REMOVAL).map(({ key }) => key),
    });
    return refused;
  }
}

/** These have the kernel's own metric; what leads to no next hop otherwise is of last resort. */
const leadsToContainer = ({ type = 'unicast', via, metric }: Route): boolean =>
  type === 'unicast' && via === undefined && metric === undefined;

/** The kernel itself finds the link of a next hop, unless the route says that it is on one. Without a next hop there is nothing to find it by. */
function essence({ destination, type = 'unicast', via, link, onLink, source, metric }: Route): KernelRoute {
  return {
    destination,
    type,
    ...(via !== undefined && { via }),
    ...(link !== undefined && (onLink || (type === 'unicast' && via === undefined)) && { link, ...(onLink && { onLink }) }),
    ...(source !== undefined && { source }),
    ...(metric !== undefined && { metric }),
  };
}

const sameRoute = (a: KernelRoute, b: KernelRoute): boolean =>
  a.type === b.type && a.via === b.via && a.onLink === b.onLink && a.link === b.link && a.source === b.source;

const failureOf = ({ destination }: Route, reason: string | undefined): RouteFailure[] =>
  reason === undefined ? [] : [{ destination, reason }];

function reasonOf(error: KernelError): string {
  if (error.code === 'EEXIST')
    return `a route that is not Weir's has this destination: remove it, or choose another pool (${error.operation})`;
  if (error.code === 'ENETUNREACH' || error.code === 'EHOSTUNREACH')
    return `the next hop is on none of this host's links (${error.message})`;
  return error.message;
}
