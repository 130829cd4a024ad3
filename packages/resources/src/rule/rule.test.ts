import test from 'ava';
import { parseWith } from '../validation/parse-with.ts';
import { ValidationError } from '../validation/validation-error.ts';
import { ruleSchema } from './rule.ts';

function issuesOf(rule: object): string[] {
  try {
    parseWith(ruleSchema, { action: 'Allow', ...rule });
  } catch (error) {
    if (error instanceof ValidationError) return error.issues.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

test('what a rule may say', (t) => {
  const good: object[] = [
    { action: 'Log' },
    { protocol: 'UDPLite', source: { ports: [1, '2:3', 'dns'] }, destination: { notPorts: [65535] } },
    { protocol: 'ICMP', icmp: { type: 8, code: 0 }, ipVersion: 4 },
    { protocol: 'ICMPv6', notICMP: { type: 128 }, ipVersion: 6, source: { nets: ['fd00::/8'] } },
    { protocol: 47, notProtocol: 'TCP' },
    {
      source: {
        nets: ['10.0.0.0/8', 'fd00::/8'],
        notNets: ['10.1.0.0/16'],
        selector: 'a == "b"',
        notSelector: 'has(c)',
        namespaceSelector: 'global()',
      },
    },
  ];
  for (const rule of good) t.deepEqual(issuesOf(rule), [], JSON.stringify(rule));
});

test('numbers of named protocols become the name', (t) => {
  const named = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6', 132: 'SCTP', 136: 'UDPLite' };
  for (const [number, name] of Object.entries(named))
    t.is(parseWith(ruleSchema, { action: 'Allow', protocol: Number(number) }).protocol, name as 'TCP');
  t.deepEqual(issuesOf({ protocol: 6, destination: { ports: [80] } }), []);
});

test('what a rule may not say, each in one clear issue', (t) => {
  const bad: [object, RegExp][] = [
    [{ action: 'allow' }, /^action: "allow" is not allowed: expected Allow, Deny, Log, Pass; did you mean "Allow"\?$/],
    [{ action: undefined }, /^action: is missing: expected Allow, Deny, Log, Pass$/],
    [{ ipVersion: 5 }, /^ipVersion: 5 is no IP version: expected 4 or 6$/],
    [{ protocol: 'tcp' }, /^protocol: "tcp" is no protocol: did you mean "TCP"\?/],
    [{ protocol: 0 }, /^protocol: 0 is no protocol/],
    [{ protocol: 256 }, /^protocol: 256 is no protocol/],
    [{ destination: { ports: [80] } }, /^destination\.ports: ports need a protocol.*names no protocol.*TCP, UDP, SCTP or UDPLite$/],
    [{ notProtocol: 'TCP', source: { notPorts: [80] } }, /^source\.notPorts: ports need a protocol/],
    [
      { protocol: 'ICMP', destination: { ports: [80] } },
      /^destination\.ports: ports need a protocol that has them, and protocol ICMP has none/,
    ],
    [{ protocol: 47, destination: { ports: [80] } }, /protocol 47 has none/],
    [{ protocol: 'TCP', icmp: { type: 8 } }, /^icmp: ICMP types belong to ICMP, and the rule's protocol is TCP/],
    [{ notICMP: { type: 8 } }, /^notICMP: ICMP types belong to ICMP, and the rule names no protocol/],
    [{ protocol: 'ICMP', icmp: { code: 3 } }, /^icmp\.type: is missing: expected a whole number from 0 to 254$/],
    [{ protocol: 'ICMP', icmp: { type: 255 } }, /^icmp\.type: 255 is no ICMP type/],
    [{ protocol: 'ICMP', icmp: { type: 3, code: 256 } }, /^icmp\.code: 256 is no ICMP code/],
    [{ protocol: 'ICMP', ipVersion: 6 }, /^ipVersion: protocol ICMP is of IP version 4/],
    [{ protocol: 'ICMPv6', ipVersion: 4 }, /^ipVersion: protocol ICMPv6 is of IP version 6/],
    [
      { ipVersion: 4, source: { nets: ['10.0.0.0/8', 'fd00::/8'] } },
      /^source\.nets\[1\]: "fd00::\/8" is IPv6, and the rule's "ipVersion" 4 allows only IPv4 blocks$/,
    ],
    [{ protocol: 'ICMPv6', destination: { notNets: ['10.0.0.0/8'] } }, /^destination\.notNets\[0\]: .*protocol ICMPv6 allows only IPv6/],
    [{ source: { nets: ['10.0.0.1/8'] } }, /^source\.nets\[0\]: "10\.0\.0\.1\/8" has host bits set: write "10\.0\.0\.0\/8"/],
    [{ source: { nets: [] } }, /^source\.nets: \[\] is empty: leave the field out to match every address$/],
    [{ source: { selector: '' } }, /^source\.selector: "" is empty: write all\(\)/],
    [
      { source: { selector: 'global()' } },
      /^source\.selector: "global\(\)" uses global\(\): it is allowed only in the namespaceSelector of a rule$/,
    ],
    [{ source: { selector: `a == "${'x'.repeat(1024)}"` } }, /^source\.selector: .* is 1031 characters long: allowed are 1024/],
    [
      { source: { selector: 'run nginx' } },
      /^source\.selector: not a valid selector: at character 5, expected an operator[^\n]*\n {2}run nginx\n {6}\^$/,
    ],
    [{ source: { port: [80] } }, /^source\.port: is no field here; did you mean "ports"\?$/],
  ];
  for (const [rule, message] of bad) {
    const issues = issuesOf(rule);
    t.is(issues.length, 1, `${JSON.stringify(rule)}: ${issues.join(' | ')}`);
    t.regex(issues[0]!, message);
  }
});

test('a protocol that does not parse is one issue, not three', (t) => {
  t.is(issuesOf({ protocol: 'tpc', icmp: { type: 8 }, destination: { ports: [80] } }).length, 1);
});
