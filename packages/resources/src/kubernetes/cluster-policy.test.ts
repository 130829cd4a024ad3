import test from 'ava';
import { parseDocuments } from '../documents.ts';
import type { GlobalPolicy } from '../object.ts';
import { parseObject } from '../object.ts';
import { ValidationError } from '../validation/validation-error.ts';
import { fromClusterPolicy } from './from-cluster-policy.ts';
import { toClusterPolicy } from './to-cluster-policy.ts';

const POLICY = { apiVersion: 'policy.networking.k8s.io/v1alpha2', kind: 'ClusterNetworkPolicy', metadata: { name: 'web' } };
const SUBJECT = { namespaces: {} };
const cnp = (spec: object) => ({ ...POLICY, spec: { tier: 'Admin', priority: 10, subject: SUBJECT, ...spec } });
const anp = (spec: object) => ({
  apiVersion: 'policy.networking.k8s.io/v1alpha1',
  kind: 'AdminNetworkPolicy',
  metadata: { name: 'web' },
  spec: { priority: 10, subject: SUBJECT, ...spec },
});
const banp = (spec: object, name = 'default') => ({
  apiVersion: 'policy.networking.k8s.io/v1alpha1',
  kind: 'BaselineAdminNetworkPolicy',
  metadata: { name },
  spec: { subject: SUBJECT, ...spec },
});
const EVERYBODY = [{ namespaces: {} }];

test('an AdminNetworkPolicy is a GlobalPolicy of the tier kube-admin', (t) => {
  const policy = fromClusterPolicy(
    anp({
      subject: { pods: { namespaceSelector: { matchLabels: { team: 'a' } }, podSelector: { matchLabels: { run: 'web' } } } },
      ingress: [
        {
          name: 'monitoring',
          action: 'Allow',
          from: [{ namespaces: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
          ports: [{ portNumber: { protocol: 'TCP', port: 9090 } }, { portRange: { start: 8000, end: 8080 } }, { namedPort: 'metrics' }],
        },
      ],
      egress: [{ action: 'Pass', to: [{ networks: ['10.0.0.1/8', 'fd00::/8'] }, { namespaces: {} }] }],
    }),
  );
  t.is(policy.metadata.name, 'anp.web');
  t.is(policy.metadata.annotations['weir/source'], 'policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy');
  const source = { namespaceSelector: 'kubernetes.io/metadata.name == "monitoring"' };
  const metadata = { annotations: { 'weir/rule-name': 'monitoring' } };
  t.deepEqual<unknown, unknown>(policy.spec, {
    tier: 'kube-admin',
    order: 10,
    selector: 'run == "web"',
    namespaceSelector: 'team == "a"',
    types: ['Ingress', 'Egress'],
    ingress: [
      { action: 'Allow', protocol: 'TCP', source, destination: { ports: [9090, '8000:8080', 'metrics'] }, metadata },
      { action: 'Allow', protocol: 'UDP', source, destination: { ports: ['metrics'] }, metadata },
      { action: 'Allow', protocol: 'SCTP', source, destination: { ports: ['metrics'] }, metadata },
    ],
    egress: [
      { action: 'Pass', destination: { nets: ['10.0.0.0/8', 'fd00::/8'] } },
      { action: 'Pass', destination: { namespaceSelector: 'all()' } },
    ],
  });
  t.deepEqual(parseObject(policy), policy, 'it is as the schema of a GlobalPolicy has it');
});

test('a baseline and a ClusterNetworkPolicy, and where their tiers are', (t) => {
  t.like(fromClusterPolicy(banp({ ingress: [{ action: 'Deny', from: EVERYBODY }] })), {
    metadata: { name: 'banp.default' },
    spec: { tier: 'kube-baseline', types: ['Ingress'] },
  });
  t.like(fromClusterPolicy(cnp({ tier: 'Baseline', egress: [{ action: 'Accept', to: EVERYBODY }] })), {
    metadata: { name: 'cnp.web' },
    spec: { tier: 'kube-baseline', types: ['Egress'], egress: [{ action: 'Allow' }] },
  });
  const { spec } = fromClusterPolicy(
    cnp({
      ingress: [
        {
          action: 'Deny',
          from: [{ pods: { podSelector: {} } }],
          protocols: [
            { udp: { destinationPort: { number: 53 } } },
            { tcp: { destinationPort: { range: { start: 1, end: 9 } } } },
            { sctp: { destinationPort: { number: 7 } } },
          ],
        },
      ],
    }),
  );
  t.deepEqual(
    spec.ingress.map(({ protocol, destination, source }) => [protocol, destination?.ports, source]),
    [
      ['TCP', ['1:9'], { namespaceSelector: 'all()', selector: 'all()' }],
      ['UDP', [53], { namespaceSelector: 'all()', selector: 'all()' }],
      ['SCTP', [7], { namespaceSelector: 'all()', selector: 'all()' }],
    ],
  );
});

test('what Kubernetes has comes back as a ClusterNetworkPolicy of the same meaning', (t) => {
  const peers = [
    { namespaces: { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['x'] }] } },
    { pods: { namespaceSelector: {}, podSelector: { matchLabels: { run: 'db' } } } },
  ];
  const protocols = [{ tcp: { destinationPort: { number: 80 } } }, { destinationNamedPort: 'http' }];
  for (const document of [
    cnp({
      ingress: [{ name: 'a', action: 'Accept', from: peers, protocols }],
      egress: [{ action: 'Deny', to: [{ networks: ['10.0.0.0/8'] }, ...peers] }],
    }),
    cnp({ tier: 'Baseline', subject: peers[1], ingress: [{ action: 'Pass', from: peers }] }),
    cnp({}),
    anp({ ingress: [{ action: 'Pass', from: peers, ports: [{ namedPort: 'http' }] }] }),
  ]) {
    const policy = fromClusterPolicy(document);
    const back = toClusterPolicy(policy);
    if (!back.expressible) return t.fail(JSON.stringify(back.reasons));
    const again = fromClusterPolicy(back.clusterPolicy);
    t.is(back.clusterPolicy.metadata.name, 'web');
    t.deepEqual(again.spec, policy.spec);
  }
});

test('what a ClusterNetworkPolicy cannot say is told', (t) => {
  const reasons = (spec: object) => {
    const policy = parseObject({ apiVersion: 'weir/v1', kind: 'GlobalPolicy', metadata: { name: 'x' }, spec }) as GlobalPolicy;
    const answer = toClusterPolicy(policy);
    return answer.expressible ? [] : answer.reasons.map(({ path }) => path);
  };
  t.deepEqual(reasons({}), ['spec.tier']);
  t.deepEqual(reasons({ tier: 'kube-admin', order: 1.5, staged: true }), ['spec.staged', 'spec.order']);
  t.deepEqual(reasons({ tier: 'kube-admin', ingress: [{ action: 'Allow', source: { nets: ['10.0.0.0/8'] } }] }), [
    'spec.ingress[0].source.nets',
    'spec.ingress[0].source',
  ]);
  t.deepEqual(
    reasons({ tier: 'kube-admin', egress: [{ action: 'Log', protocol: 'ICMP', destination: { selector: 'a starts with "b"' } }] }),
    ['spec.egress[0].action', 'spec.egress[0].protocol', 'spec.egress[0].destination.selector'],
  );
});

test('bad cluster policies are refused with their paths', (t) => {
  const issues = (document: object) => {
    const error = t.throws(() => fromClusterPolicy(document), { instanceOf: ValidationError });
    return error!.issues.map(({ path, message }) => `${path}: ${message}`).join('\n');
  };
  t.regex(issues(cnp({ priority: 1001 })), /^spec\.priority: 1001 is no priority: expected a whole number from 0 to 1000$/);
  t.regex(issues(cnp({ tier: 'Other' })), /^spec\.tier: "Other" is not allowed/);
  t.regex(issues(cnp({ subject: {} })), /^spec\.subject: has no field: expected exactly one of namespaces, pods$/);
  t.regex(
    issues(cnp({ ingress: [{ action: 'Allow', from: EVERYBODY }] })),
    /^spec\.ingress\[0\]\.action: "Allow" is not allowed: expected Accept/,
  );
  t.regex(issues(cnp({ ingress: [{ action: 'Deny', from: [] }] })), /^spec\.ingress\[0\]\.from: \[\] is empty/);
  t.regex(issues(cnp({ ingress: [{ action: 'Deny' }] })), /^spec\.ingress\[0\]\.from: /);
  t.regex(
    issues(cnp({ ingress: [{ action: 'Deny', from: [{ networks: ['10.0.0.0/8'] }] }] })),
    /^spec\.ingress\[0\]\.from\[0\]\.networks: is no field/,
  );
  t.regex(issues(cnp({ egress: [{ action: 'Deny', to: [{ nodes: {} }] }] })), /spec\.egress\[0\]\.to\[0\]\.nodes: .* cannot be said here/);
  t.regex(
    issues(
      cnp({ ingress: [{ action: 'Deny', from: EVERYBODY, protocols: [{ tcp: { destinationPort: { range: { start: 9, end: 9 } } } }] }] }),
    ),
    /range\.end: 9 ends a range that starts at 9: expected 10 to 65535/,
  );
  t.regex(
    issues(anp({ ingress: [{ action: 'Allow', from: EVERYBODY, ports: [{ portNumber: { port: 0 } }] }] })),
    /port: 0 is no port number/,
  );
  t.regex(issues(banp({ ingress: [{ action: 'Pass', from: EVERYBODY }] })), /^spec\.ingress\[0\]\.action: "Pass" is not allowed/);
  t.regex(issues(banp({}, 'other')), /^metadata\.name: "other" is not allowed/);
});

test('documents of all kinds are read beside each other', (t) => {
  const documents = parseDocuments([cnp({}), anp({}), banp({})].map((document) => JSON.stringify(document)).join('\n---\n'));
  t.deepEqual(
    documents.map(({ object }) => object.metadata.name),
    ['cnp.web', 'anp.web', 'banp.default'],
  );
});
