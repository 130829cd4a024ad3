import { type AnyObject, familyOf, keyOf } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { PolicyCalculator } from '../calculator.ts';
import type { Flow } from '../program/flow.ts';
import { anyHeader, anyHost, anyObject, anyPeer } from '../test-support/arbitraries.ts';
import type { ExplainedStep } from './explanation.ts';

const anyObjects = fc.array(fc.oneof({ weight: 20, arbitrary: anyObject }, { weight: 1, arbitrary: anyHost }), {
  minLength: 1,
  maxLength: 24,
});
const anyTraffic = fc.array(fc.record({ peer: anyPeer, header: anyHeader }), { minLength: 4, maxLength: 8 });
type Traffic = typeof anyTraffic extends fc.Arbitrary<infer T> ? T : never;

/** From and to every endpoint. */
function* flowsOf(objects: readonly AnyObject[], traffic: Traffic): Generator<Flow> {
  for (const object of objects) {
    if (object.kind !== 'Endpoint') continue;
    for (const own of object.spec.addresses) {
      for (const { peer, header } of traffic) {
        if (familyOf(peer) !== familyOf(own)) continue;
        yield { source: peer, destination: own, ...header };
        yield { source: own, destination: peer, ...header };
      }
    }
  }
}

function finalState(objects: readonly AnyObject[]): AnyObject[] {
  return [...new Map(objects.map((object) => [keyOf(object), object])).values()];
}

/** What the rules of the way come to: the first that is reached, matches and decides. */
function decidingRule({ tiers }: ExplainedStep): string | undefined {
  for (const { tier, policies } of tiers) {
    for (const { policy, rules } of policies) {
      const found = rules.find((rule) => rule.isReached && rule.mismatches.length === 0 && ['Allow', 'Deny'].includes(rule.action));
      if (found !== undefined) return JSON.stringify([tier, policy.kind, policy.namespace, policy.name, found.index, found.action]);
    }
  }
  return undefined;
}

const EXEMPT = ['Mesos agent port', 'health checks', 'failsafe port', 'tunnel port', 'own traffic'];

test('the rules that are said to match are those that decide', (t) => {
  let decided = 0;
  let steps = 0;
  fc.assert(
    fc.property(anyObjects, anyTraffic, (all, flows) => {
      const objects = finalState(all);
      const calculator = new PolicyCalculator({ host: 'here' });
      for (const object of objects) calculator.upsert(object);
      for (const flow of flowsOf(objects, flows)) {
        const decision = calculator.decide(flow);
        const explanation = calculator.explain(flow);
        t.is(explanation.verdict, decision.verdict);
        t.deepEqual(
          explanation.steps.slice(0, decision.steps.length).map(({ tiers: _, direction: __, ...step }) => step),
          decision.steps,
        );
        for (const step of explanation.steps) {
          steps += 1;
          const { tier, policy, ruleIndex, default: preset } = step.because;
          if (EXEMPT.includes(String(preset))) continue;
          const expected =
            ruleIndex === undefined || tier === undefined
              ? undefined
              : JSON.stringify([tier, policy?.kind, policy?.namespace, policy?.name, ruleIndex, step.verdict]);
          if (expected !== undefined) decided += 1;
          if (decidingRule(step) !== expected) throw new Error(`${expected}: ${JSON.stringify(step)} of ${JSON.stringify(flow)}`);
        }
      }
    }),
    { numRuns: 1200 },
  );
  t.log(`${steps} ends, ${decided} decided by a rule`);
  t.true(decided > 300);
});

test('a calculator of all hosts says at each end what that end’s own host says', (t) => {
  let compared = 0;
  fc.assert(
    fc.property(anyObjects, anyTraffic, (all, flows) => {
      const objects = finalState(all);
      const calculators = new Map(
        [undefined, 'here', 'there'].map((host) => [host, new PolicyCalculator(host === undefined ? {} : { host })]),
      );
      for (const object of objects) for (const calculator of calculators.values()) calculator.upsert(object);
      for (const flow of flowsOf(objects, flows)) {
        for (const step of calculators.get(undefined)!.explain(flow).steps) {
          const { name, namespace } = step.because.endpoint!;
          const owner = objects.find(
            ({ kind, metadata }) => kind.endsWith('Endpoint') && metadata.name === name && metadata.namespace === namespace,
          );
          if (owner?.kind !== 'Endpoint' && owner?.kind !== 'HostEndpoint') throw new Error('no such endpoint');
          const own = calculators.get(owner.spec.host)!.explain(flow);
          const same = own.steps.find((candidate) => candidate.direction === step.direction);
          // Of two endpoints with one address either may be asked.
          if (same === undefined || same.because.endpoint?.name !== name || same.because.endpoint.namespace !== namespace) continue;
          t.deepEqual(step, same);
          compared += 1;
        }
      }
    }),
    { numRuns: 300 },
  );
  t.true(compared > 1000);
});
