/** Who may talk to whom: for all pairs of endpoints at once, and for several states of the objects side by side. */
import { type Direction, type Endpoint, familyOf } from '@weir/resources';
import type { PolicyCalculator, Standing } from './calculator.ts';
import type { PeerTable } from './peer-table.ts';
import { type AllowedTraffic, allTraffic, intersectTraffic, noTraffic, sameTraffic, type TrafficClass } from './traffic-class.ts';

/** One address of an endpoint, or somebody who is none. */
export interface Participant {
  readonly address: string;
  /** Those of one name are not told apart. */
  readonly group: string;
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
  readonly group: string;
  readonly address: string;
  /** One for each calculator. */
  readonly standing: readonly Standing[];
  count: number;
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
 */
export function reach(calculators: readonly PolicyCalculator[], among: readonly Participant[]): Reach[] {
  const found = new Map<string, { from: string; to: string; traffic: readonly AllowedTraffic[]; pairs: number }>();
  const texts = new Map<AllowedTraffic, string>();
  const textOf = (traffic: AllowedTraffic) => {
    const text = texts.get(traffic) ?? JSON.stringify([traffic.family, traffic.others, [...traffic.protocols]]);
    texts.set(traffic, text);
    return text;
  };
  const intersect = remembered(intersectTraffic);
  const kins = [...Map.groupBy(among, ({ address }) => familyOf(address)).values()].map((own) => kinsOf(calculators, own));
  for (const kin of kins) {
    for (const from of kin) {
      for (const to of kin) {
        const pairs = from.count * (from === to ? to.count - 1 : to.count);
        if (pairs === 0) continue;
        const traffic = calculators.map((calculator, index) => {
          if (!from.standing[index]!.isOfCluster && to.standing[index]!.privatePool !== undefined) return noTraffic(familyOf(to.address));
          return trafficBetween(calculator, from.address, to.address, intersect);
        });
        const key = [from.group, to.group, ...traffic.map(textOf)].join('\n');
        const known = found.get(key);
        if (known === undefined) found.set(key, { from: from.group, to: to.group, traffic, pairs });
        else known.pairs += pairs;
      }
    }
  }
  return [...found.values()];
}

/** Whether both states allow the same. */
export function isUnchanged({ traffic: [before, after] }: Reach): boolean {
  return before === undefined || after === undefined || sameTraffic(before, after);
}

function trafficBetween(
  calculator: PolicyCalculator,
  source: string,
  destination: string,
  intersect: (left: AllowedTraffic, right: AllowedTraffic) => AllowedTraffic,
): AllowedTraffic {
  const family = familyOf(source);
  const egress = calculator.enforcedAt(source, 'Egress')?.table.classAt(destination).allowed ?? allTraffic(family);
  const ingress = calculator.enforcedAt(destination, 'Ingress')?.table.classAt(source).allowed ?? allTraffic(family);
  return intersect(egress, ingress);
}

function kinsOf(calculators: readonly PolicyCalculator[], own: readonly Participant[]): Kin[] {
  const directions: readonly Direction[] = ['Ingress', 'Egress'];
  const programs = own.map(({ address }) =>
    calculators.flatMap((calculator) => directions.map((direction) => calculator.enforcedAt(address, direction)?.table)),
  );
  const tables = [...new Set(programs.flat())].filter((table): table is PeerTable => table !== undefined);
  const numbers = new Map<unknown, number>();
  const numberOf = (value: unknown) => {
    const number = numbers.get(value) ?? numbers.size;
    numbers.set(value, number);
    return number;
  };
  const textOf = ({ verdict }: TrafficClass) => (verdict.kind === 'goto' ? verdict.chain : verdict.kind);
  const kins = new Map<string, Kin>();
  for (const [index, { address, group }] of own.entries()) {
    const standing = calculators.map((calculator) => calculator.standingOf(address));
    const seen = tables.map((table) => numberOf(textOf(table.classAt(address))));
    const key = [group, JSON.stringify(standing), ...programs[index]!.map(numberOf), ...seen].join(' ');
    const known = kins.get(key);
    if (known === undefined) kins.set(key, { group, address, standing, count: 1 });
    else known.count += 1;
  }
  return [...kins.values()];
}

function remembered(intersect: typeof intersectTraffic): typeof intersectTraffic {
  const known = new Map<AllowedTraffic, Map<AllowedTraffic, AllowedTraffic>>();
  return (left, right) => {
    const ofLeft = known.get(left) ?? new Map<AllowedTraffic, AllowedTraffic>();
    known.set(left, ofLeft);
    const result = ofLeft.get(right) ?? intersect(left, right);
    ofLeft.set(right, result);
    return result;
  };
}
