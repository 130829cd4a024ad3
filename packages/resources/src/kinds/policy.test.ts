import test from 'ava';
import { parseWith } from '../validation/parse-with.ts';
import { globalPolicySpecSchema } from './global-policy.ts';
import { policySpecSchema } from './policy.ts';

const allow = { action: 'Allow' };

test('types default as in Calico: those that have rules, Ingress without any', (t) => {
  const typesOf = (spec: object) => parseWith(policySpecSchema, spec).types;
  t.deepEqual(typesOf({}), ['Ingress']);
  t.deepEqual(typesOf({ ingress: [allow] }), ['Ingress']);
  t.deepEqual(typesOf({ egress: [allow] }), ['Egress']);
  t.deepEqual(typesOf({ ingress: [allow], egress: [allow] }), ['Ingress', 'Egress']);
  t.deepEqual(typesOf({ types: [] }), ['Ingress']);
  t.deepEqual(typesOf({ types: ['Egress', 'Ingress', 'Egress'] }), ['Ingress', 'Egress']);
});

test('rules of a direction that types leaves out are refused', (t) => {
  t.throws(() => parseWith(policySpecSchema, { types: ['Egress'], ingress: [allow] }), {
    message: /^types: \["Egress"\] leaves out Ingress, and there are ingress rules/,
  });
  t.notThrows(() => parseWith(policySpecSchema, { types: ['Egress'], ingress: [] }));
});

test('an empty selector is all()', (t) => {
  t.is(parseWith(policySpecSchema, { selector: ' ' }).selector, 'all()');
  t.throws(() => parseWith(policySpecSchema, { selector: 'global()' }), { message: /uses global\(\)/ });
});

test('order is any finite number', (t) => {
  t.is(parseWith(policySpecSchema, { order: -0.5 }).order, -0.5);
  t.throws(() => parseWith(policySpecSchema, { order: Number.NaN }), { message: /^order: NaN is no order/ });
});

test('only a GlobalPolicy chooses namespaces', (t) => {
  t.is(parseWith(globalPolicySpecSchema, { namespaceSelector: 'team == "a"' }).namespaceSelector, 'team == "a"');
  t.throws(() => parseWith(policySpecSchema, { namespaceSelector: 'all()' }), { message: /^namespaceSelector: is no field here/ });
});

test('services stand alone at the far end, and say which ports', (t) => {
  const services = { name: 'web' };
  const egress = (rule: object) => ({ egress: [{ ...allow, ...rule }] });
  t.notThrows(() => parseWith(policySpecSchema, egress({ destination: { services } })));
  t.notThrows(() =>
    parseWith(policySpecSchema, { ingress: [{ ...allow, protocol: 'TCP', source: { services }, destination: { ports: [80] } }] }),
  );
  const refusals: [object, RegExp][] = [
    [
      egress({ protocol: 'TCP', destination: { services, ports: [80] } }),
      /^egress\[0\]\.destination\.ports: "services" says who that is already/,
    ],
    [egress({ protocol: 'TCP', destination: { services } }), /^egress\[0\]\.protocol: the service says which protocols and ports/],
    [egress({ destination: { services, selector: 'all()' } }), /^egress\[0\]\.destination\.selector: "services" says who that is already/],
    [egress({ source: { services } }), /^egress\[0\]\.source\.services: rules of egress have services of their destination/],
    [
      { ingress: [{ ...allow, destination: { services } }] },
      /^ingress\[0\]\.destination\.services: rules of ingress have services of their source/,
    ],
    [egress({ destination: { services: { name: 'Web' } } }), /^egress\[0\]\.destination\.services\.name: "Web" is no name of a service/],
  ];
  for (const [spec, message] of refusals) t.throws(() => parseWith(policySpecSchema, spec), { message }, JSON.stringify(spec));
  t.throws(() => parseWith(globalPolicySpecSchema, egress({ destination: { services } })), {
    message: /^egress\[0\]\.destination\.services\.namespace: is missing: a GlobalPolicy is in no namespace/,
  });
});
