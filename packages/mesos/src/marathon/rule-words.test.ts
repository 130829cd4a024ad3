import { parseObject, ValidationError } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { parseRules } from './rule-words.ts';

test('the short form becomes rules', (t) => {
  t.deepEqual(parseRules('allow from app=web tier=front port 80,http,53/udp; deny from any'), {
    ingress: [
      { action: 'Allow', protocol: 'TCP', source: { selector: "app == 'web' && tier == 'front'" }, destination: { ports: [80, 'http'] } },
      { action: 'Allow', protocol: 'UDP', source: { selector: "app == 'web' && tier == 'front'" }, destination: { ports: [53] } },
      { action: 'Deny' },
    ],
    egress: [],
  });
  t.deepEqual(parseRules('allow to namespace=db app=mysql port 3306; allow to 10.0.0.0/8,192.0.2.1').egress, [
    {
      action: 'Allow',
      protocol: 'TCP',
      destination: { selector: "app == 'mysql'", namespaceSelector: "kubernetes.io/metadata.name == 'db'", ports: [3306] },
    },
    { action: 'Allow', destination: { nets: ['10.0.0.0/8', '192.0.2.1/32'] } },
  ]);
  t.deepEqual(parseRules('allow from 10.0.0.0/8 icmp').ingress, [{ action: 'Allow', protocol: 'ICMP', source: { nets: ['10.0.0.0/8'] } }]);
});

for (const [text, message] of [
  ['alow from any', /"alow" in the rule "alow from any" is not understood: expected one of allow, deny/],
  ['allow from', /say whom/],
  ['allow from app=web port', /say which/],
  ['allow from app=web port 80-90', /80:90/],
  ['allow from app=web port 0', /1 to 65535/],
  ['allow from web', /expected any, key=value/],
  ["allow from app=w'||all()", /a label value has/],
  ['allow from 10.0.0.0/8 app=web', /write two rules/],
  ['allow from namespace=a namespace=b', /write two rules/],
  ['allow from app=web port 80 port 443', /one "port": write them with commas/],
  ['allow from app=web icmp port 80', /ICMP has no ports/],
  ['allow form app=web', /expected "from", "to"/],
  ['allow from app=web port 80/icmp', /tcp, udp or sctp/],
  [`allow from any;${' '.repeat(100_000)}`, /characters/],
] as const) {
  test(`refused: ${text.slice(0, 40)}`, (t) => {
    t.regex(t.throws(() => parseRules(text), { instanceOf: ValidationError }).message, message);
  });
}

test('any text is either refused in words or makes rules that a Policy can hold', (t) => {
  const words = fc.constantFrom(
    'allow',
    'deny',
    'from',
    'to',
    'port',
    'icmp',
    'any',
    'a=b',
    '10.0.0.0/8',
    'fd00::/8',
    '80',
    'http',
    ';',
    "'",
    '=',
    '',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words, { maxLength: 12 }).map((list) => list.join(' ')),
      ),
      (text) => {
        try {
          parseObject({ apiVersion: 'weir/v1', kind: 'Policy', metadata: { name: 'p' }, spec: { ...parseRules(text) } });
        } catch (error) {
          if (!(error instanceof ValidationError)) throw error;
        }
      },
    ),
    { numRuns: 500 },
  );
  t.pass();
});
