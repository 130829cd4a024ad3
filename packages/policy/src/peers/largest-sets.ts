import type { MemberSet } from '../membership/member-set.ts';
import type { TrafficClass } from '../program/traffic-class.ts';
import type { SharedStructure } from '../statements/table.ts';
import { sameVerdict } from '../statements/verdict.ts';
import { type ByManyPeers, byManyPeers, type Candidate, isLookedUp, largestSets, peerField, type SizedSet } from './many-peers.ts';
import type { PeerClasses } from './peer-classes.ts';
import { type PeerSet, type PeerSets, peerSetName } from './peer-sets.ts';

/** The few largest sets of a program: their members are in no map of it, and behind the maps a packet is looked up in the sets themselves. */
export class LargestSets {
  readonly #classes: PeerClasses;
  readonly #structure: SharedStructure;
  readonly #peerSets: PeerSets;
  readonly #atLeast: number;
  #chosen: readonly Candidate[] = [];
  /** Those of them that make a difference. */
  #lookedUp: { number: number; peers: PeerSet }[] = [];
  #many: ByManyPeers = { rules: [], verdict: { kind: 'return' }, chains: [] };
  #retained: TrafficClass[] = [];
  /** Classes of addresses that are in these sets and nothing else, by a bit for each set. */
  #behind: TrafficClass[] = [];

  /** @param of.atLeast how many addresses a set has that is looked up as such */
  constructor(of: { classes: PeerClasses; structure: SharedStructure; peerSets: PeerSets; atLeast: number }) {
    this.#classes = of.classes;
    this.#structure = of.structure;
    this.#peerSets = of.peerSets;
    this.#atLeast = of.atLeast;
    this.choose(this.wanted());
  }

  /** What follows on the maps. Another value whenever it changes, which is seldom. */
  get many(): ByManyPeers {
    return this.#many;
  }

  /** Those that were chosen last. */
  get sets(): Set<MemberSet> {
    return new Set(this.#chosen.map(({ set }) => set));
  }

  /** None where peers' ports are looked at: these differ from one member to the next. */
  wanted(): SizedSet[] {
    const { sets, hasPortNames, program } = this.#classes;
    return hasPortNames ? [] : largestSets(sets.keys(), program.family, this.#atLeast);
  }

  areChosen(wanted: readonly SizedSet[]): boolean {
    return wanted.length === this.#chosen.length && wanted.every(({ set }, index) => set === this.#chosen[index]!.set);
  }

  choose(largest: readonly SizedSet[]): void {
    const { direction, family } = this.#classes.program;
    const wanted = largest.map(({ set }): Candidate => ({ set, number: this.#classes.sets.get(set)!, name: peerSetName(set, family) }));
    const [lookedUp, retained] = [this.#lookedUp, this.#retained];
    const classes = new Set<TrafficClass>();
    this.#many = byManyPeers(wanted, peerField(direction, family), (numbers) => {
      const found = this.#classes.ofNumbers(numbers);
      classes.add(found);
      return found.verdict;
    });
    this.#chosen = wanted;
    this.#lookedUp = wanted
      .filter(({ name }) => isLookedUp(this.#many, name))
      .map(({ set, number }) => ({ number, peers: this.#peerSets.acquire(set, family) }));
    this.#behind = [];
    this.#retained = [...classes];
    for (const { chain } of this.#retained) if (chain !== undefined) this.#structure.retain(chain);
    this.#release(lookedUp, retained);
  }

  /** Takes all that it has out of the nftables table. */
  remove(): void {
    this.#release(this.#lookedUp, this.#retained);
  }

  #release(lookedUp: readonly { peers: PeerSet }[], classes: readonly TrafficClass[]): void {
    for (const { peers } of lookedUp) this.#peerSets.release(peers, this.#classes.program.family);
    for (const { chain } of classes) if (chain !== undefined) this.#structure.release(chain);
  }

  /** Whether packets are looked up in each of the sets of these numbers. */
  lookUpAll(numbers: readonly number[]): boolean {
    return numbers.every((number) => this.#lookedUp.some((one) => one.number === number));
  }

  /** What a packet meets behind the maps, if its address is in the sets of these numbers. */
  classBehind(byNet: TrafficClass, numbers: readonly number[]): TrafficClass {
    return this.#classIn(byNet, ({ number }) => numbers.includes(number));
  }

  /** What a packet meets behind the maps as the table is now: a set takes in who enters it, and lets go who leaves, after the maps. */
  presentClassBehind(byNet: TrafficClass, address: string): TrafficClass {
    return this.#classIn(byNet, ({ peers }) => peers.present.has(address));
  }

  #classIn(byNet: TrafficClass, isIn: (one: { number: number; peers: PeerSet }) => boolean): TrafficClass {
    if (this.#lookedUp.length === 0 || !sameVerdict(byNet.verdict, this.#classes.defaultClass.verdict)) return byNet;
    let bits = 0;
    for (let at = 0; at < this.#lookedUp.length; at += 1) if (isIn(this.#lookedUp[at]!)) bits |= 1 << at;
    const found =
      this.#behind[bits] ?? this.#classes.ofNumbers(this.#lookedUp.flatMap(({ number }, at) => ((bits >> at) & 1 ? [number] : [])));
    this.#behind[bits] = found;
    return found;
  }
}
