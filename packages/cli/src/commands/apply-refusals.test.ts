/** Each input that is bad for policy: refused before anything is written, by its line and path, with what to do, and the exit status 1. */
import test from 'ava';
import { Weir } from '../testing/weir.ts';

const policy = (spec: string, kind = 'Policy') =>
  `apiVersion: weir/v1\nkind: ${kind}\nmetadata: {name: web${kind === 'Policy' ? ', namespace: shop' : ''}}\nspec:\n  ${spec}\n`;
const ingress = (rule: string, kind?: string) => policy(`ingress: [{action: Allow, ${rule}}]`, kind);

/** What is wrong, the document, and all that is said of it: line, path, value and remedy. */
const REFUSALS: [what: string, document: string, said: string][] = [
  ['an unknown field', policy("selectr: run == 'web'"), 'line 5: spec.selectr: is no field here; did you mean "selector"?'],
  ['an unknown field of a rule', ingress('port: 80'), 'line 5: spec.ingress[0].port: is no field here'],
  ['an empty selector of a peer', ingress("source: {selector: ''}"), 'line 5: spec.ingress[0].source.selector: "" is empty: write all()'],
  [
    'an empty namespaceSelector',
    policy("namespaceSelector: ''", 'GlobalPolicy'),
    'line 5: spec.namespaceSelector: "" is empty: write all()',
  ],
  [
    'port 0',
    ingress('protocol: TCP, destination: {ports: [0]}'),
    'line 5: spec.ingress[0].destination.ports[0]: 0 is no port number: allowed are 1 to 65535',
  ],
  [
    'port 70000',
    ingress('protocol: UDP, source: {notPorts: [53, 70000]}'),
    'line 5: spec.ingress[0].source.notPorts[1]: 70000 is no port number: allowed are 1 to 65535',
  ],
  [
    'a reversed range',
    ingress("protocol: TCP, destination: {ports: ['90:80']}"),
    'line 5: spec.ingress[0].destination.ports[0]: "90:80" is a reversed range: write "80:90"',
  ],
  [
    'a range with a hyphen',
    ingress("protocol: TCP, destination: {ports: ['80-90']}"),
    'line 5: spec.ingress[0].destination.ports[0]: "80-90" looks like a range: write "80:90"',
  ],
  [
    'a CIDR of the other family than the rule says',
    ingress('ipVersion: 4, source: {nets: [10.0.0.0/8, "fd00::/8"]}'),
    'line 5: spec.ingress[0].source.nets[1]: "fd00::/8" is IPv6, and the rule\'s "ipVersion" 4 allows only IPv4 blocks',
  ],
  [
    'a CIDR of the other family than the protocol is of',
    ingress('protocol: ICMPv6, source: {notNets: [10.0.0.0/8]}'),
    'line 5: spec.ingress[0].source.notNets[0]: "10.0.0.0/8" is IPv4, and the rule\'s protocol ICMPv6 allows only IPv6 blocks',
  ],
  [
    'ports with ICMP',
    ingress('protocol: ICMP, destination: {ports: [80]}'),
    'line 5: spec.ingress[0].destination.ports: ports need a protocol that has them, and protocol ICMP has none: set "protocol" to TCP, UDP, SCTP or UDPLite',
  ],
  [
    'ports without protocol',
    ingress('destination: {ports: [80]}'),
    'line 5: spec.ingress[0].destination.ports: ports need a protocol that has them, and the rule names no protocol: set "protocol" to TCP, UDP, SCTP or UDPLite',
  ],
  [
    'an ICMP type of TCP',
    ingress('protocol: TCP, icmp: {type: 8}'),
    'line 5: spec.ingress[0].icmp: ICMP types belong to ICMP, and the rule\'s protocol is TCP: set "protocol" to ICMP or ICMPv6',
  ],
  [
    'domains where nobody asked for a name',
    ingress('source: {domains: [a.example]}'),
    'line 5: spec.ingress[0].source.domains: domains are those of the destination: remove them here',
  ],
  ['an order that is none', policy('order: first'), 'line 5: spec.order: "first" is no order: expected a number; lower is asked first'],
  [
    'a host endpoint without a host',
    'apiVersion: weir/v1\nkind: HostEndpoint\nmetadata: {name: h}\nspec: {interfaceName: eth0, expectedIPs: [10.0.0.300]}\n',
    'spec.host: is missing',
  ],
  [
    'a CIDR in a network set',
    'apiVersion: weir/v1\nkind: GlobalNetworkSet\nmetadata: {name: bad}\nspec: {nets: [10.0.0.1/8]}\n',
    'line 4: spec.nets[0]: "10.0.0.1/8" has host bits set: write "10.0.0.0/8"',
  ],
];

test('every fault of every document is told with line, path and remedy; nothing is written, and the status is 1', async (t) => {
  const weir = await Weir.in(t);
  const file = await weir.file('bad.yaml', REFUSALS.map(([, document]) => document).join('---\n'));
  const text = await weir.fails(t, 1, ['apply', '-f', file]);
  const parts = text.split(/^.*bad\.yaml, document /m).slice(1);
  t.is(parts.length, REFUSALS.length, text);
  let line = 0;
  for (const [index, [what, document, said]] of REFUSALS.entries()) {
    // Lines are those of the file.
    const wanted = said.replace(/^line (\d+)/, (_, own) => `line ${Number(own) + line}`);
    t.true(parts[index]!.includes(wanted), `${what}: ${wanted}\n${parts[index]}`);
    line += document.split('\n').length;
  }
  t.is(await weir.ok(t, ['get', 'policies,globalpolicies,hostendpoints,globalnetworksets', '-A', '-o', 'name']), '');
});

test('Kubernetes’ policies are refused by their own paths', async (t) => {
  const weir = await Weir.in(t);
  const documents = [
    'kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: a}\nspec:\n  podSelector: {}\n  ingress: [{ports: [{port: 90, endPort: 80}]}]\n',
    'kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: b}\nspec:\n  podSelector: {}\n  ingress: [{from: [{}]}]\n',
    'kind: AdminNetworkPolicy\napiVersion: policy.networking.k8s.io/v1alpha1\nmetadata: {name: c}\nspec:\n  priority: 1001\n  subject: {namespaces: {}}\n',
    'kind: BaselineAdminNetworkPolicy\napiVersion: policy.networking.k8s.io/v1alpha1\nmetadata: {name: other}\nspec:\n  subject: {namespaces: {}}\n',
    'kind: ClusterNetworkPolicy\napiVersion: policy.networking.k8s.io/v1alpha2\nmetadata: {name: d}\nspec:\n  tier: Admin\n  priority: 1\n  subject: {namespaces: {}}\n  ingress: [{action: Allow, from: [{namespaces: {}}]}]\n',
  ];
  const text = await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: documents.join('---\n') });
  for (const said of [
    'line 6: spec.ingress[0].ports[0].endPort: 80 ends a range that starts at 90: expected 90 to 65535',
    'line 13: spec.ingress[0].from[0]: the peer is empty: expected podSelector, namespaceSelector or ipBlock',
    'line 19: spec.priority: 1001 is no priority',
    'line 24: metadata.name: "other" is not allowed: there is one for the cluster, named "default"',
    'line 35: spec.ingress[0].action: "Allow" is not allowed: expected Accept, Deny, Pass',
  ])
    t.true(text.includes(said), `${said}\n${text}`);
});
