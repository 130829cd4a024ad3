/** Judges flows by everything that is asked on their way: containers at the ends, and the hosts that they pass. */
import type { AllowedTraffic, ExplainedStep, Explanation, Flow, PolicyCalculator } from '@weir/policy';
import { cidrContains, familyOf, keyOf } from '@weir/resources';
import { type FlowEnd, strangerEnds } from './flow-end.ts';
import { type HostHop, hostHops } from './host-hops.ts';
import { calculatorOf, objectsOf, type PolicyState } from './policy-state.ts';
import { type RoutesFrom, routesFrom, type Way, wayBetween } from './way.ts';

/** What one end, or a host on the way, says. */
export interface WayStep extends ExplainedStep {
  /** Where a host itself is asked. */
  host?: string;
  /** Under whose address the flow comes there, if not under that of its source. */
  source?: FlowEnd;
}

export interface JudgedFlow {
  way: Way;
  /** Its steps in the order of the way. */
  explanation: Omit<Explanation, 'steps'> & { steps: WayStep[] };
}

export interface Ends {
  from: FlowEnd;
  to: FlowEnd;
}

export class FlowJudge {
  readonly calculator: PolicyCalculator;
  readonly state: PolicyState;
  readonly #routes: RoutesFrom;
  readonly hasHostEndpoints: boolean;
  readonly #pools: readonly string[];
  readonly #hopsBetween = new Map<string, HostHop[]>();

  constructor(state: PolicyState) {
    this.state = state;
    this.calculator = calculatorOf(state);
    this.#routes = routesFrom(state);
    this.#pools = objectsOf(state, 'Pool').map(({ spec }) => spec.cidr);
    this.hasHostEndpoints = objectsOf(state, 'HostEndpoint').length > 0;
  }

  /** @throws PolicyError EFLOW */
  explain(flow: Flow, ends: Ends): JudgedFlow {
    const way = wayBetween(ends.from, ends.to, this.state, this.#routes);
    const explanation = this.calculator.explain(flow);
    const ofContainer = (direction: 'Ingress' | 'Egress') =>
      explanation.steps.filter((step) => step.direction === direction && step.because.endpoint?.namespace !== undefined);
    const ofHosts = this.#hops(flow, ends, way).flatMap(({ flow: seen, host, source, ...at }): WayStep[] => {
      const step = this.calculator.explainAtHost(seen, at);
      return step === undefined ? [] : [{ ...step, host, ...(source && { source }) }];
    });
    const steps: WayStep[] = [...ofContainer('Egress'), ...ofHosts, ...ofContainer('Ingress')];
    const decisive = steps.find(({ verdict }) => verdict === 'Deny') ?? steps.at(-1);
    const { because } = decisive ?? { because: { default: 'no local endpoint' as const } };
    const isDenied = explanation.privatePool !== undefined || decisive?.verdict === 'Deny';
    return { way, explanation: { ...explanation, steps, because, verdict: isDenied ? 'Deny' : 'Allow' } };
  }

  /** The verdict of {@link explain} and what made it, for many flows; a private pool does not count. */
  decide(flow: Flow): Pick<Explanation, 'verdict' | 'because'> {
    if (!this.hasHostEndpoints) return this.calculator.decide(flow);
    const { steps } = this.explain(flow, { from: this.#endAt(flow.source), to: this.#endAt(flow.destination) }).explanation;
    const decisive = steps.find(({ verdict }) => verdict === 'Deny') ?? steps.at(-1);
    return decisive ?? { verdict: 'Allow', because: { default: 'no local endpoint' } };
  }

  #endAt(address: string): FlowEnd {
    const { endpoint } = this.calculator.partyAt(address);
    const key = endpoint && keyOf({ kind: 'Endpoint', metadata: endpoint });
    const own = key === undefined ? undefined : this.state.objects.get(key);
    return own?.kind === 'Endpoint' ? { address, endpoint: own } : strangerEnds(address, this.state)[0];
  }

  /** The verdict of {@link explain} alone, for many flows. */
  allows(flow: Flow, ends: Ends): boolean {
    const [source, destination] = [flow.source, flow.destination].map((address) => this.calculator.standingOf(address));
    if (!source!.isOfCluster && destination!.privatePool !== undefined) return false;
    if (!this.hasHostEndpoints) return this.calculator.allows(flow);
    return this.explain(flow, ends).explanation.verdict === 'Allow';
  }

  /** All that hosts on the way between two ends let through, each by itself. */
  passage(ends: Ends): AllowedTraffic[] {
    if (!this.hasHostEndpoints) return [];
    const { from, to } = ends;
    const pools = [from, to].map(({ address }) => this.#pools.find((cidr) => cidrContains(cidr, address)));
    const whose = [from, to].map(({ host, endpoint, address }) => (host === undefined ? endpoint?.spec.host : `${host} ${address}`));
    const key = [...whose, ...pools, familyOf(from.address)].join('\n');
    const known = this.#hopsBetween.get(key);
    const flow = { source: from.address, destination: to.address, protocol: 'TCP' as const };
    const hops = known ?? this.#hops(flow, ends, wayBetween(from, to, this.state, this.#routes));
    if (known === undefined) this.#hopsBetween.set(key, hops);
    return hops.flatMap(({ source, ...at }) => {
      const peer = at.direction === 'Egress' ? to.address : (source ?? from).address;
      const local = at.direction === 'Egress' ? from.address : to.address;
      return this.calculator.trafficAtHost(at, { local, peer }) ?? [];
    });
  }

  #hops(flow: Flow, ends: Ends, way: Way): HostHop[] {
    return this.hasHostEndpoints ? hostHops(ends, flow, way, this.state) : [];
  }
}
