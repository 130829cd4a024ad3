import { type Peer, type Policy, parseObject, type Rule } from '@weir/resources';
import test from 'ava';
import { ruleText } from './rule-text.ts';

/** As the store would give it. */
function valid(rule: object, direction: 'ingress' | 'egress'): Rule {
  const policy = { apiVersion: 'weir/v1', kind: 'Policy', metadata: { name: 'p' }, spec: { [direction]: [rule] } };
  return (parseObject(policy) as Policy).spec[direction][0]!;
}

const says = test.macro({
  exec(t, rule: object, text: string, direction: 'ingress' | 'egress' = 'ingress') {
    t.is(ruleText(valid(rule, direction), 'shop'), text);
  },
  title: (_, __, text) => String(text),
});

const allow = (rule: object) => ({ action: 'Allow', ...rule });
const from = (source: Peer) => allow({ protocol: 'TCP', source });
const client = "run == 'client'";
const web = "team == 'web'";

test(says, { action: 'Log' }, 'Log everything');
test(says, allow({ ipVersion: 4 }), 'Allow IPv4');
test(says, allow({ protocol: 'ICMP', icmp: { type: 8, code: 0 } }), 'Allow ICMP type 8 code 0');
test(says, allow({ protocol: 'ICMP', notICMP: { type: 8 } }), 'Allow ICMP except type 8');
test(says, { action: 'Deny', notProtocol: 'TCP' }, 'Deny everything except TCP');
test(says, { action: 'Pass', protocol: 47, source: { nets: ['10.0.0.0/8'] } }, 'Pass protocol 47 from 10.0.0.0/8');

test(says, from({ selector: client }), "Allow TCP from endpoints with run == 'client' in namespace shop");
test(says, from({ selector: 'has(a)', namespaceSelector: web }), "Allow TCP from endpoints with has(a) in namespaces with team == 'web'");
test(says, from({ namespaceSelector: web }), "Allow TCP from any endpoint in namespaces with team == 'web'");
test(says, from({ namespaceSelector: 'all()' }), 'Allow TCP from any endpoint in any namespace');
test(says, from({ selector: 'all()' }), 'Allow TCP from any endpoint in namespace shop');
test('a GlobalPolicy looks in all namespaces', (t) => {
  t.is(ruleText(valid(from({ selector: client }), 'ingress'), undefined), "Allow TCP from endpoints with run == 'client' in any namespace");
});

test(says, from({ nets: ['10.0.0.0/8'] }), 'Allow TCP from 10.0.0.0/8');
test(says, from({ nets: ['10.0.0.0/8', '10.1.0.0/16', 'fd00::/8'] }), 'Allow TCP from 10.0.0.0/8, 10.1.0.0/16 or fd00::/8');
test(says, from({ nets: ['10.0.0.0/8'], notNets: ['10.1.0.0/16'] }), 'Allow TCP from 10.0.0.0/8 except 10.1.0.0/16');
test(says, from({ notNets: ['10.0.0.0/8', '10.1.0.0/16'] }), 'Allow TCP from any address except 10.0.0.0/8 and 10.1.0.0/16');
test(says, from({ notSelector: client }), "Allow TCP from any address except endpoints with run == 'client' in any namespace");
test(says, from({ notSelector: 'all()' }), 'Allow TCP from any address except any endpoint in any namespace');
test(
  says,
  from({ nets: ['10.0.0.0/8'], notNets: ['10.1.0.0/16'], selector: client, notSelector: 'has(a)', namespaceSelector: web, ports: [53] }),
  "Allow TCP from endpoints with run == 'client' in namespaces with team == 'web' at 10.0.0.0/8 except 10.1.0.0/16 and endpoints with has(a) in any namespace, port 53",
);

test(says, allow({ protocol: 'TCP', destination: { ports: [80] } }), 'Allow TCP to port 80');
test(
  says,
  allow({ protocol: 'TCP', destination: { ports: [80, 'http', '8000:8080'], notPorts: [8010, 8011] } }),
  'Allow TCP to port 80, http or 8000-8080 except 8010 and 8011',
);
test(says, allow({ protocol: 'UDP', destination: { notPorts: [53] } }), 'Allow UDP to any port except 53');
test(
  says,
  allow({ protocol: 'UDP', source: { ports: [53] }, destination: { nets: ['10.0.0.1/32'], ports: [53] } }),
  'Allow UDP from port 53 to 10.0.0.1/32, port 53',
);
test(
  says,
  allow({ protocol: 'TCP', source: { namespaceSelector: web }, destination: { ports: [80] } }),
  "Allow TCP from any endpoint in namespaces with team == 'web' to port 80",
);
test(says, allow({ source: {}, destination: {} }), 'Allow everything');
test(says, from({ services: { name: 'web' } }), 'Allow TCP from service shop/web');
test(says, from({ services: { name: 'web', namespace: 'other' } }), 'Allow TCP from service other/web');

const to = (destination: object) => allow({ protocol: 'TCP', destination });
test(says, allow({ destination: { domains: ['api.example.com'] } }), 'Allow everything to api.example.com', 'egress');
test(says, to({ domains: ['*.example.com', 'a.test'], ports: [443] }), 'Allow TCP to *.example.com or a.test, port 443', 'egress');
test(
  says,
  to({ domains: ['a.test'], nets: ['10.0.0.0/8'], notNets: ['10.1.0.0/16'] }),
  'Allow TCP to a.test at 10.0.0.0/8 except 10.1.0.0/16',
  'egress',
);
test(
  says,
  to({ domains: ['a.test'], selector: client }),
  "Allow TCP to endpoints with run == 'client' in namespace shop called a.test",
  'egress',
);
