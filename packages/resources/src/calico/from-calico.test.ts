import test from 'ava';
import { parseDocuments } from '../documents.ts';
import { ValidationError } from '../validation/validation-error.ts';

/** As `calicoctl get … -o yaml` prints them. */
const EXPORTED = `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicyList
metadata: {resourceVersion: "130"}
items:
- apiVersion: projectcalico.org/v3
  kind: GlobalNetworkPolicy
  metadata: {name: database, uid: aaaa-bbbb, resourceVersion: "123", creationTimestamp: "2021-01-01T00:00:00Z"}
  spec:
    order: 10
    selector: role == 'database'
    types: [Ingress, Egress]
    ingress:
    - action: Allow
      metadata: {annotations: {from: frontend}}
      protocol: TCP
      source: {selector: role == 'frontend', namespaceSelector: team == 'shop'}
      destination: {ports: [6379, '7000:7010']}
    egress: [{action: Pass}]
- apiVersion: projectcalico.org/v3
  kind: NetworkSet
  metadata: {name: offices, namespace: shop, labels: {from: office}}
  spec: {nets: [198.51.100.0/24]}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: default.web, namespace: shop}
spec: {tier: default, selector: app == 'web', ingress: [{action: Allow, notProtocol: UDP, source: {notNets: [10.0.0.0/8]}}]}
---
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: security}
spec: {order: 100, defaultAction: Pass}
`;

test('what calicoctl prints is what the same says in Weir, and where it came from', (t) => {
  const own = EXPORTED.replaceAll('projectcalico.org/v3', 'weir/v1')
    .replace('kind: GlobalNetworkPolicyList', 'kind: List')
    .replace('kind: GlobalNetworkPolicy', 'kind: GlobalPolicy')
    .replace('kind: NetworkPolicy', 'kind: Policy')
    .replace(/, uid: .*\}/, '}');
  const [taken, written] = [EXPORTED, own].map((text) => parseDocuments(text).map(({ object }) => object)) as [object[], object[]];
  const sources = ['GlobalNetworkPolicy', 'NetworkSet', 'NetworkPolicy', 'Tier'];
  t.deepEqual(
    taken.map((object) => ({ ...object, metadata: { ...(object as { metadata: object }).metadata, annotations: {} } })),
    written,
  );
  t.deepEqual(
    (taken as { metadata: { annotations: object } }[]).map(({ metadata }) => metadata.annotations),
    sources.map((kind) => ({ 'weir/source': `projectcalico.org/v3 ${kind}` })),
  );
});

test('a namespace that is asked for, as with objects of Weir', (t) => {
  const text = 'apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: web}\nspec: {}\n';
  t.is(parseDocuments(text, 'f', { namespace: 'shop' })[0]?.object.metadata.namespace, 'shop');
});

test('what Weir has not got is refused, with its line', (t) => {
  const policy = `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: web}
spec:
  doNotTrack: true
  ingress:
  - action: Allow
    source: {serviceAccounts: {names: [a]}}
`;
  const error = t.throws(() => parseDocuments(policy, 'web.yaml'), { instanceOf: ValidationError });
  t.deepEqual(
    error?.issues.map(({ path, line }) => [path, line]),
    [
      ['spec.ingress[0].source.serviceAccounts', 8],
      ['spec.doNotTrack', 5],
    ],
  );
  t.throws(() => parseDocuments('apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: a}\n'), {
    message: /line 2: kind: "IPPool" of projectcalico\.org\/v3 is not taken as it is: expected NetworkPolicy, .*docs\/from-calico\.md/,
  });
});
