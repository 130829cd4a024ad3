/** Who may talk to whom: for all pairs of endpoints at once, and for several states of the objects side by side. */
import { type Direction, type Endpoint, type Family, familyOf } from '@weir/resources';
import type { PolicyCalculator, Standing } from '../calculator.ts';
import { getOrCreate } from '../membership/multimap.ts';
import type { PeerTable } from '../peers/peer-table.ts';
import { type AllowedTraffic, allTraffic, intersectTraffic, noTraffic, sameTraffic } from '../program/traffic-class.ts';

/** One address of an endpoint, or somebody who is none. */
export interface Participant {
  readonly address: string;
  /** Those of one name are not told apart. */
  readonly group: string;
  /** What else tells one from another on the way: those that are equal in this, too, may be judged as one. */
  readonly site?: Site;
}

export interface Site {
  /** Where it runs, or the host itself. */
  readonly host: string;
  /** A host itself: its own endpoints are asked on the way alone. What it and its containers send each other is not told of. */
  readonly isHost: boolean;
  /** Whatever else the way goes by: the pool. */
  readonly kind: string;
}

/** What is asked between two hosts. */
export interface Passage {
  /** All that hosts on the way let through, for the calculator of that index. */
  between(from: Participant, to: Participant, index: number): readonly AllowedTraffic[];
}

/** What the participants of one group may send to those of another. Only between addresses of one family, and not from one to itself. */
export interface Reach {
  readonly from: string;
  readonly to: string;
  /** One for each calculator. */
  readonly traffic: readonly AllowedTraffic[];
  /** How many pairs of addresses it is for. */
  readonly pairs: number;
}

/** Participants that no program tells apart. */
interface Kin {
  readonly first: Participant;
  /** One for each calculator. */
  readonly views: readonly View[];
  count: number;
}

/** A participant as one calculator has it. */
interface View extends Standing {
  /** Undefined for who is no endpoint. */
  readonly egress: PeerTable | undefined;
  readonly ingress: PeerTable | undefined;
}

/** Every address of every endpoint. @param groupOf names the group of an endpoint */
export function participants(endpoints: Iterable<Endpoint>, groupOf: (endpoint: Endpoint) => string): Participant[] {
  return [...endpoints].flatMap((endpoint) => endpoint.spec.addresses.map((address) => ({ address, group: groupOf(endpoint) })));
}

/**
 * Everything that participants may send each other. Those whose programs are the same, and whom all programs treat the same, are judged
 * as one, so the cost goes by the number of kinds of endpoints rather than of endpoints.
 *
 * @param calculators of all hosts
 * @param passage absent: no host has a policy of its own
 */
export function reach(calculators: readonly PolicyCalculator[], among: readonly Participant[], passage?: Passage): Reach[] {
  const found = new Map<string, { from: string; to: string; traffic: readonly AllowedTraffic[]; pairs: number }>();
  const known = new KnownTraffic();
  const families = Map.groupBy(among, ({ address }) => familyOf(address));
  for (const [family, own] of families) {
    const kins = kinsOf(calculators, own, passage);
    for (const from of kins) {
      for (const to of kins) {
        const pairs = from.count * (from === to ? to.count - 1 : to.count);
        if (pairs === 0 || isOwn(from.first.site, to.first.site)) continue;
        const numbers = calculators.map((_, index) => trafficBetween(from, to, index, { family, known, passage }));
        const { group } = from.first;
        const key = `${group}\n${to.first.group}\n${numbers}`;
        const row = found.get(key);
        if (row === undefined)
          found.set(key, { from: group, to: to.first.group, traffic: numbers.map((number) => known.get(number)), pairs });
        else row.pairs += pairs;
      }
    }
  }
  return [...found.values()];
}

/** Whether both states allow the same. */
export function isUnchanged({ traffic: [before, after] }: Reach): boolean {
  return before === undefined || after === undefined || sameTraffic(before, after);
}

/** A host, and what runs on it. */
function isOwn(from: Site | undefined, to: Site | undefined): boolean {
  return from !== undefined && to !== undefined && from.host === to.host && (from.isHost || to.isHost);
}

function trafficBetween(
  from: Kin,
  to: Kin,
  index: number,
  { family, known, passage }: { family: Family; known: KnownTraffic; passage: Passage | undefined },
): number {
  const [source, destination] = [from.views[index]!, to.views[index]!];
  if (!source.isOfCluster && destination.privatePool !== undefined) return known.number(NO_TRAFFIC[family]);
  const egress = source.egress?.classAt(to.first.address).allowed ?? ALL_TRAFFIC[family];
  const ingress = destination.ingress?.classAt(from.first.address).allowed ?? ALL_TRAFFIC[family];
  const isElsewhere = from.first.site?.host !== to.first.site?.host;
  const between = isElsewhere ? (passage?.between(from.first, to.first, index) ?? []) : [];
  return between.reduce(
    (number, allowed) => known.intersection(number, known.number(allowed)),
    known.intersection(known.number(egress), known.number(ingress)),
  );
}

const NO_TRAFFIC: Readonly<Record<Family, AllowedTraffic>> = { IPv4: noTraffic('IPv4'), IPv6: noTraffic('IPv6') };
const ALL_TRAFFIC: Readonly<Record<Family, AllowedTraffic>> = { IPv4: allTraffic('IPv4'), IPv6: allTraffic('IPv6') };

function kinsOf(calculators: readonly PolicyCalculator[], own: readonly Participant[], passage: Passage | undefined): Kin[] {
  const views = own.map((participant) => calculators.map((calculator) => viewOf(participant, calculator)));
  const tables = new Set(views.flat().flatMap(({ egress, ingress }) => [egress, ingress]));
  tables.delete(undefined);
  if (passage !== undefined) for (const calculator of calculators) for (const table of calculator.hostTables()) tables.add(table);
  const ids = new Map<unknown, number>();
  const idOf = (value: unknown) => getOrCreate(ids, value, () => ids.size);
  const verdictOf = (table: PeerTable, address: string) => {
    const { verdict } = table.classAt(address);
    return verdict.kind === 'goto' ? verdict.chain : verdict.kind;
  };
  const kins = new Map<string, Kin>();
  for (const [index, participant] of own.entries()) {
    const { address, group } = participant;
    const seen = [...tables].map((table) => idOf(verdictOf(table!, address)));
    const own = views[index]!.flatMap(({ egress, ingress, isOfCluster, privatePool }) =>
      [egress, ingress, isOfCluster, privatePool].map(idOf),
    );
    const key = [idOf(group), ...own, ...seen, siteText(participant, passage)].join(' ');
    getOrCreate(kins, key, () => ({ first: participant, views: views[index]!, count: 0 })).count += 1;
  }
  return [...kins.values()];
}

function siteText({ address, site }: Participant, passage: Passage | undefined): string {
  if (passage === undefined || site === undefined) return '';
  return `${site.host} ${site.isHost ? address : ''} ${site.kind}`;
}

function viewOf({ address, site }: Participant, calculator: PolicyCalculator): View {
  const table = (direction: Direction) => (site?.isHost ? undefined : calculator.enforcedAt(address, direction)?.table);
  return { ...calculator.standingOf(address), egress: table('Egress'), ingress: table('Ingress') };
}

/** Traffic by number: equal traffic has one number, and what two have in common is worked out once. */
class KnownTraffic {
  readonly #numbers = new Map<AllowedTraffic, number>();
  readonly #byText = new Map<string, number>();
  readonly #all: AllowedTraffic[] = [];
  readonly #intersections = new Map<number, Map<number, number>>();

  number(traffic: AllowedTraffic): number {
    return getOrCreate(this.#numbers, traffic, () => {
      const text = JSON.stringify([traffic.family, traffic.others, [...traffic.protocols]]);
      return getOrCreate(this.#byText, text, () => this.#all.push(traffic) - 1);
    });
  }

  get(number: number): AllowedTraffic {
    return this.#all[number]!;
  }

  intersection(left: number, right: number): number {
    const ofLeft = getOrCreate(this.#intersections, left, () => new Map<number, number>());
    return getOrCreate(ofLeft, right, () => this.number(intersectTraffic(this.get(left), this.get(right))));
  }
}
