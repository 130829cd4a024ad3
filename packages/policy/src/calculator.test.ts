import { type AnyObject, keyOf } from '@weir/resources';
import test from 'ava';
import { PolicyCalculator } from './calculator.ts';
import { PolicyError } from './policy-error.ts';
import { verdictText } from './statements/verdict.ts';
import { listing } from './test-support/listing.ts';
import { endpoint, globalPolicy, namespaceObject, networkSet, policy } from './test-support/objects.ts';

function calculatorOf(...objects: AnyObject[]): PolicyCalculator {
  const calculator = new PolicyCalculator({ host: 'here' });
  for (const object of objects) calculator.upsert(object);
  return calculator;
}

/** What a change adds and takes away, as text. */
function changeText(calculator: PolicyCalculator): string {
  const { set, delete: gone } = calculator.flush();
  return [listing(set.values()), ...[...gone].map((key) => `gone: ${key.replaceAll(/_[0-9a-f]{20}/g, '')}`)].filter(Boolean).join('\n');
}

const NGINX = endpoint('nginx', { run: 'nginx' }, { addresses: ['10.0.0.1'] });
const ACCESS = endpoint('access', { run: 'access' }, { host: 'there', addresses: ['10.0.1.1'] });
const OTHER = endpoint('other', { run: 'other' }, { host: 'there', addresses: ['10.0.1.2'] });
const ACCESS_NGINX = policy('access-nginx', {
  selector: 'run == "nginx"',
  ingress: [{ action: 'Allow', source: { selector: 'run == "access"' } }],
});

test('without policy, an endpoint is open', (t) => {
  t.is(
    changeText(calculatorOf(NGINX, ACCESS, OTHER)),
    [
      'element from_endpoint { "weirnginx" : return }',
      'element to_endpoint { "weirnginx" : return }',
      'element any_mac { "weirnginx" }',
      'element source4 { "weirnginx" . 10.0.0.1 }',
      'element local4 { 10.0.0.1 }',
    ].join('\n'),
  );
});

test('the demo: nginx is for access alone', (t) => {
  const calculator = calculatorOf(NGINX, ACCESS, OTHER);
  calculator.flush();
  calculator.upsert(ACCESS_NGINX);
  const change = calculator.flush();
  t.is(
    listing(change.set.values()),
    [
      'map p_1_a { type ipv4_addr : verdict; }',
      'element p_1_a { 10.0.1.1 : return }',
      'chain g_1',
      '  ip saddr vmap @p_1_a comment "peers by address"',
      '  goto denied comment "everybody else"',
      'element to_endpoint { "weirnginx" : goto g_1 }',
    ].join('\n'),
  );
  t.deepEqual([...change.narrowed], ['weirnginx']);

  // One more endpoint of a kind is one element.
  calculator.upsert(endpoint('access2', { run: 'access' }, { host: 'there', addresses: ['10.0.1.3'] }));
  t.is(changeText(calculator), 'element p_1_a { 10.0.1.3 : return }');

  calculator.upsert({ ...ACCESS, metadata: { ...ACCESS.metadata, labels: { run: 'other' } } });
  const cut = calculator.flush();
  t.deepEqual(
    [...cut.delete].map((key) => key.replace(/.*\//, '')),
    ['10.0.1.1'],
  );
  t.deepEqual([...cut.narrowed], ['weirnginx']);

  calculator.remove('Policy', 'access-nginx', 'demo');
  const open = calculator.flush();
  t.is(listing(open.set.values()), 'element to_endpoint { "weirnginx" : return }');
  t.is(open.delete.size, 3);
  t.is(open.narrowed.size, 0);
});

test('ports, nets and classes: what many peers may is one chain', (t) => {
  const calculator = calculatorOf(
    NGINX,
    ACCESS,
    OTHER,
    networkSet('office', { zone: 'office' }, ['192.168.0.0/16', '192.168.7.7/32']),
    policy('web', {
      selector: 'run == "nginx"',
      ingress: [
        { action: 'Deny', source: { nets: ['192.168.9.0/24'] } },
        { action: 'Allow', protocol: 'TCP', source: { selector: 'run == "access"' }, destination: { ports: [80, '8000:8080'] } },
        { action: 'Allow', protocol: 'TCP', source: { selector: 'zone == "office"' }, destination: { ports: [80, '8000:8080'] } },
        { action: 'Allow', protocol: 'ICMP', icmp: { type: 8 } },
        { action: 'Allow', protocol: 'UDP', source: { nets: ['10.9.0.0/16'], notNets: ['10.9.1.0/24'], ports: [53] } },
      ],
    }),
  );
  t.is(
    listing(calculator.flush().set.values()),
    [
      'map p_1_a { type ipv4_addr : verdict; }',
      'chain c_1',
      '  icmp type { 8 } return',
      '  goto denied',
      'chain c_2',
      '  icmp type { 8 } return',
      '  udp sport { 53 } return',
      '  goto denied',
      'chain c_3',
      '  icmp type { 8 } return',
      '  tcp dport { 80, 8000-8080 } return',
      '  goto denied',
      'map p_1_n { type ipv4_addr : verdict; flags interval; }',
      'element p_1_n { 10.9.0.0-10.9.0.255 : goto c_2 }',
      'element p_1_n { 10.9.2.0-10.9.255.255 : goto c_2 }',
      'element p_1_n { 192.168.0.0-192.168.8.255 : goto c_3 }',
      'element p_1_n { 192.168.10.0-192.168.255.255 : goto c_3 }',
      'element p_1_n { 192.168.9.0-192.168.9.255 : goto denied }',
      'element p_1_a { 10.0.1.1 : goto c_3 }',
      'chain g_1',
      '  ip saddr vmap @p_1_a comment "peers by address"',
      '  ip saddr vmap @p_1_n comment "peers by net"',
      '  meta protocol { 2048 } goto c_1',
      '  goto denied comment "everybody else"',
      'element from_endpoint { "weirnginx" : return }',
      'element to_endpoint { "weirnginx" : goto g_1 }',
      'element any_mac { "weirnginx" }',
      'element source4 { "weirnginx" . 10.0.0.1 }',
      'element local4 { 10.0.0.1 }',
    ].join('\n'),
  );
});

test('endpoints with equal programs share a group', (t) => {
  const calculator = calculatorOf(NGINX, ACCESS, ACCESS_NGINX);
  calculator.flush();
  calculator.upsert(endpoint('nginx2', { run: 'nginx' }, { addresses: ['10.0.0.2'] }));
  const { set } = calculator.flush();
  t.deepEqual(
    [...set.values()].map(({ kind }) => kind),
    ['element', 'element', 'element', 'element', 'element'],
  );
});

test('an interface that is not ours is adopted', (t) => {
  const calculator = calculatorOf(endpoint('tap', {}, { addresses: ['fd00::1'], hostInterface: 'tap0' }));
  t.deepEqual([...calculator.flush().set.keys()].slice(2), [
    'element/adopted/tap0',
    'element/any_mac/tap0',
    'element/source6/tap0 . fd00::1',
    'element/local6/fd00::1',
  ]);
});

test("rules that tell the endpoint's own addresses apart lead to one group for each", (t) => {
  const calculator = calculatorOf(
    endpoint('two', {}, { addresses: ['10.0.0.1', '10.0.0.2'] }),
    policy('first', { ingress: [{ action: 'Allow', destination: { nets: ['10.0.0.1/32'] } }] }),
  );
  const text = listing(calculator.flush().set.values());
  t.regex(text, /ip daddr vmap \{ 10\.0\.0\.1 : goto g_1, 10\.0\.0\.2 : goto denied \}/);
  t.is(calculator.decide({ source: '10.9.9.9', destination: '10.0.0.1', protocol: 'TCP' }).verdict, 'Allow');
  t.is(calculator.decide({ source: '10.9.9.9', destination: '10.0.0.2', protocol: 'TCP' }).verdict, 'Deny');
});

test('default action: Deny of the network or of the namespace closes an endpoint that no policy selects', (t) => {
  const verdicts = (...objects: AnyObject[]) =>
    [
      ...calculatorOf(...objects)
        .flush()
        .set.values(),
    ].flatMap((statement) => (statement.kind === 'element' && statement.verdict ? [verdictText(statement.verdict)] : []));
  t.deepEqual(verdicts(endpoint('a', {}, { addresses: [], defaultAction: 'Deny' })), ['goto denied', 'goto denied']);
  t.deepEqual(verdicts(endpoint('a', {}, { addresses: [] }), namespaceObject('demo', {}, { defaultAction: 'Deny' })), [
    'goto denied',
    'goto denied',
  ]);
  t.deepEqual(verdicts(endpoint('a', {}, { addresses: [] }), namespaceObject('demo', {})), ['return', 'return']);
});

test('a named port follows the peer that has it', (t) => {
  const database = (port: number) =>
    endpoint('db', { run: 'db' }, { host: 'there', addresses: ['10.0.1.9'], ports: [{ name: 'sql', protocol: 'TCP', port }] });
  const calculator = calculatorOf(
    NGINX,
    database(5432),
    policy('to-db', { egress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: ['sql'] } }] }),
  );
  const verdict = (destinationPort: number) =>
    calculator.decide({ source: '10.0.0.1', destination: '10.0.1.9', protocol: 'TCP', destinationPort }).verdict;
  const first = listing(calculator.flush().set.values());
  t.true(first.includes('tcp dport { 5432 } return'));
  t.deepEqual([verdict(5432), verdict(3306)], ['Allow', 'Deny']);

  calculator.upsert(database(3306));
  const second = calculator.flush();
  t.true(listing(second.set.values()).includes('tcp dport { 3306 } return'));
  t.deepEqual([...second.narrowed], ['weirnginx']);
  t.deepEqual([verdict(5432), verdict(3306)], ['Deny', 'Allow']);
});

test('a named port of an address that two endpoints claim for a while is the port of either', (t) => {
  const claimant = (name: string, port: number) =>
    endpoint(name, {}, { host: 'there', addresses: ['10.0.1.9'], ports: [{ name: 'sql', protocol: 'TCP', port }] });
  const calculator = calculatorOf(
    NGINX,
    claimant('old', 5432),
    policy('to-db', { egress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: ['sql'] } }] }),
  );
  const ports = () => listing(calculator.flush().set.values()).match(/dport \{ (.*) \}/)?.[1];
  t.is(ports(), '5432');
  calculator.upsert(claimant('new', 3306));
  t.is(ports(), '3306, 5432');
  calculator.remove('Endpoint', 'old', 'demo');
  t.is(ports(), '3306');
});

test('two names for one port, or one name for two, make no difference to the table', (t) => {
  const withPorts = (...ports: number[]) =>
    endpoint('db', {}, { host: 'there', addresses: ['10.0.1.9'], ports: ports.map((port) => ({ name: 'sql', protocol: 'TCP', port })) });
  const toDb = policy('to-db', { egress: [{ action: 'Allow', protocol: 'TCP', destination: { ports: ['sql'] } }] });
  const keys = (...ports: number[]) => [
    ...calculatorOf(NGINX, withPorts(...ports), toDb)
      .flush()
      .set.keys(),
  ];
  t.deepEqual(keys(1, 9), keys(9, 1));
});

test('narrowed: a net that goes, an address that goes, an endpoint that goes, and an exception that comes', (t) => {
  const rules = [
    { action: 'Allow', source: { selector: 'zone == "office"' } },
    { action: 'Deny', source: { selector: 'zone == "foe"' } },
    { action: 'Allow', source: { nets: ['100.64.0.0/10'] } },
    { action: 'Allow', source: { selector: 'run == "access"', notSelector: 'zone == "blocked"' } },
  ];
  const narrowedBy = (change: (calculator: PolicyCalculator) => void): string[] => {
    const calculator = calculatorOf(
      NGINX,
      ACCESS,
      networkSet('office', { zone: 'office' }, ['192.168.0.0/16']),
      policy('web', { ingress: rules }),
    );
    calculator.flush();
    change(calculator);
    return [...calculator.flush().narrowed];
  };
  const upsert = (object: AnyObject) => (calculator: PolicyCalculator) => calculator.upsert(object);
  t.deepEqual(narrowedBy(upsert(networkSet('office', { zone: 'office' }, ['192.168.0.0/16', '172.16.0.0/12']))), []);
  t.deepEqual(narrowedBy(upsert(networkSet('office', { zone: 'office' }, []))), ['weirnginx']);
  t.deepEqual(narrowedBy(upsert(networkSet('office', { zone: 'office' }, ['192.168.0.0/17']))), ['weirnginx']);
  t.deepEqual(narrowedBy(upsert(networkSet('blocked', { zone: 'blocked' }, ['10.0.1.0/24']))), ['weirnginx']);
  t.deepEqual(narrowedBy(upsert(networkSet('blocked', { zone: 'blocked' }, ['10.0.9.0/24']))), []);
  t.deepEqual(narrowedBy(upsert(networkSet('foe', { zone: 'foe' }, ['100.127.0.0/16']))), ['weirnginx']);
  t.deepEqual(narrowedBy(upsert(endpoint('nginx', { run: 'nginx' }, { addresses: ['10.0.0.7'] }))), ['weirnginx']);
  t.deepEqual(
    narrowedBy((calculator) => calculator.remove('Endpoint', 'nginx', 'demo')),
    ['weirnginx'],
  );
  t.deepEqual(narrowedBy(upsert(endpoint('new', {}, { addresses: ['10.0.0.8'] }))), []);
});

test('changes that undo each other are no change', (t) => {
  const calculator = calculatorOf(NGINX, ACCESS);
  calculator.flush();
  calculator.upsert(ACCESS_NGINX);
  t.is(calculator.decide({ source: '10.0.1.2', destination: '10.0.0.1', protocol: 'TCP' }).verdict, 'Deny');
  calculator.remove('Policy', 'access-nginx', 'demo');
  const { set, delete: gone } = calculator.flush();
  t.is(set.size + gone.size, 0);
});

test('decide names the policy and the rule', (t) => {
  const calculator = calculatorOf(
    NGINX,
    ACCESS,
    OTHER,
    ACCESS_NGINX,
    globalPolicy('block', {
      order: 1,
      ingress: [
        { action: 'Pass', source: { nets: ['10.5.0.0/16'] } },
        { action: 'Deny', protocol: 'UDP' },
      ],
    }),
  );
  const because = (source: string, protocol: 'TCP' | 'UDP') => calculator.decide({ source, destination: '10.0.0.1', protocol }).because;
  const to = { direction: 'Ingress', endpoint: { namespace: 'demo', name: 'nginx' } } as const;
  const at = { ...to, tier: 'default' };
  t.deepEqual(because('10.0.1.1', 'TCP'), { ...at, policy: { kind: 'Policy', namespace: 'demo', name: 'access-nginx' }, ruleIndex: 0 });
  t.deepEqual(because('10.0.1.1', 'UDP'), { ...at, policy: { kind: 'GlobalPolicy', name: 'block' }, ruleIndex: 1 });
  t.deepEqual(because('10.0.1.2', 'TCP'), { ...at, default: 'no rule matched' });
  t.deepEqual(because('10.5.0.1', 'UDP'), {
    ...to,
    default: 'default action',
    passedBy: [{ tier: 'default', policy: { kind: 'GlobalPolicy', name: 'block' }, ruleIndex: 0 }],
  });
  t.deepEqual(calculator.decide({ source: '10.8.0.1', destination: '10.8.0.2', protocol: 'TCP' }), {
    verdict: 'Allow',
    because: { default: 'no local endpoint' },
    steps: [],
  });
});

test("decide lets Mesos' own traffic with this host pass", (t) => {
  const closed = { selector: 'all()', types: ['Ingress', 'Egress'] };
  const host = (healthChecks: 'Always' | 'Policy') => ({
    apiVersion: 'weir/v1' as const,
    kind: 'Host' as const,
    metadata: { name: 'here', labels: {}, annotations: {} },
    spec: { addresses: ['172.16.0.1'], subnets: [], mesosTraffic: { agentPorts: [5051], healthChecks } },
  });
  const calculator = calculatorOf(NGINX, policy('closed', closed), host('Always'));
  const toAgent = (destinationPort: number) =>
    calculator.decide({ source: '10.0.0.1', destination: '172.16.0.1', protocol: 'TCP', destinationPort }).verdict;
  const check = () => calculator.decide({ source: '172.16.0.1', destination: '10.0.0.1', protocol: 'TCP', destinationPort: 80 }).verdict;
  t.deepEqual([toAgent(5051), toAgent(22), check()], ['Allow', 'Deny', 'Allow']);
  calculator.upsert(host('Policy'));
  t.is(check(), 'Deny');
});

test('decide lets a container ask the DNS of its host, unless that is left to policy', (t) => {
  const closed = { selector: 'all()', types: ['Ingress', 'Egress'] };
  const host = (queries: 'Always' | 'Policy') => ({
    apiVersion: 'weir/v1' as const,
    kind: 'Host' as const,
    metadata: { name: 'here', labels: {}, annotations: {} },
    spec: {
      addresses: ['172.16.0.1'],
      subnets: [],
      mesosTraffic: { agentPorts: [], healthChecks: 'Always' as const },
      dns: { addresses: ['169.254.1.53'], queries },
    },
  });
  const calculator = calculatorOf(NGINX, policy('closed', closed), host('Always'));
  const asks = (protocol: 'TCP' | 'UDP' | 'SCTP', destinationPort = 53, destination = '169.254.1.53') =>
    calculator.decide({ source: '10.0.0.1', destination, protocol, destinationPort }).because.default;
  t.deepEqual([asks('UDP'), asks('TCP')], ['DNS of its host', 'DNS of its host']);
  for (const other of [asks('SCTP'), asks('UDP', 54), asks('UDP', 53, '172.16.0.1')]) t.not(other, 'DNS of its host');
  calculator.upsert(host('Policy'));
  t.not(asks('UDP'), 'DNS of its host');
});

test('decide and allows refuse what is no flow', (t) => {
  const calculator = calculatorOf(NGINX);
  const refused = (flow: Parameters<PolicyCalculator['decide']>[0]) => {
    t.throws(() => calculator.decide(flow), { instanceOf: PolicyError, code: 'EFLOW' });
    t.throws(() => calculator.allows(flow), { instanceOf: PolicyError, code: 'EFLOW' });
  };
  refused({ source: '10.0.0.1', destination: 'fd00::1', protocol: 'TCP' });
  refused({ source: 'nginx', destination: '10.0.0.1', protocol: 'TCP' });
  refused({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 'TCP', destinationPort: 70000 });
  refused({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 'ICMP', icmpType: 256 });
  refused({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 256 });
  refused({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 0 });
  refused({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 6, sourcePort: 1.5 });
  refused({ source: '10.0.0.01', destination: '10.0.0.2', protocol: 6 });
  refused({ source: '::ffff:10.0.0.1', destination: 'fd00::1', protocol: 6 });
});

test("Log goes on, and says so to the kernel with the policy's name", (t) => {
  const calculator = calculatorOf(
    NGINX,
    policy('watch', {
      ingress: [
        { action: 'Deny', protocol: 'TCP', destination: { ports: [22] } },
        { action: 'Log', protocol: 'TCP' },
        { action: 'Deny', protocol: 'UDP' },
        { action: 'Log' },
        { action: 'Allow', protocol: 'TCP', destination: { ports: [80] } },
      ],
    }),
  );
  t.is(
    listing([...calculator.flush().set.values()].slice(0, 1)),
    [
      'chain c_1',
      '  tcp dport { 0-21, 23-65535 } limit rate 100/second burst 200 packets log prefix "weir Policy demo/watch Ingress 1: " group 9480',
      '  tcp dport { 0-21, 23-65535 } limit rate 100/second burst 200 packets log prefix "weir Policy demo/watch Ingress 3: " group 9480',
      '  meta l4proto != { 6, 17 } limit rate 100/second burst 200 packets log prefix "weir Policy demo/watch Ingress 3: " group 9480',
      '  tcp dport { 80 } return',
      '  goto denied',
    ].join('\n'),
  );
});

test('a policy of another namespace neither selects nor is looked up there', (t) => {
  const foreign = endpoint('foreign', { run: 'access' }, { addresses: ['10.0.1.9'] }, 'elsewhere');
  const calculator = calculatorOf(NGINX, ACCESS, foreign, ACCESS_NGINX, policy('closed', { types: ['Ingress', 'Egress'] }, 'third'));
  const verdict = (source: string) => calculator.decide({ source, destination: '10.0.0.1', protocol: 'TCP' }).verdict;
  t.deepEqual([verdict('10.0.1.1'), verdict('10.0.1.9')], ['Allow', 'Deny']);
});

test('a known hardware address is pinned', (t) => {
  const endpointOf = (mac: string) => endpoint('nginx', {}, { addresses: ['10.0.0.1'], mac });
  const calculator = calculatorOf(endpointOf('02:00:5e:10:00:01'));
  t.regex(changeText(calculator), /element source_mac \{ "weirnginx" \. 02:00:5e:10:00:01 \}/);
  calculator.upsert(endpointOf('02:00:5e:10:00:02'));
  const { set, delete: gone } = calculator.flush();
  t.deepEqual(
    [...set.keys()],
    ['element/source_mac/weirnginx . 02:00:5e:10:00:02', 'element/sender4/weirnginx . 02:00:5e:10:00:02 . 10.0.0.1'],
  );
  t.deepEqual([...gone], ['element/source_mac/weirnginx . 02:00:5e:10:00:01', 'element/sender4/weirnginx . 02:00:5e:10:00:01 . 10.0.0.1']);
});

test('what DNS told an endpoint is not that of another of its name, even if the two come and go at once', (t) => {
  const calculator = new PolicyCalculator({ host: 'here' });
  const web = endpoint('web', { run: 'web' }, { addresses: ['10.0.0.1'] });
  calculator.upsert(web);
  calculator.upsert(policy('web', { egress: [{ action: 'Allow', destination: { domains: ['a.test'] } }] }));
  calculator.resolved(keyOf(web), 'a.test', ['192.0.2.1']);
  const allowed = () => calculator.allows({ source: '10.0.0.1', destination: '192.0.2.1', protocol: 'TCP' });
  t.true(allowed());
  calculator.upsert(web);
  t.true(allowed(), 'the same, written again');
  calculator.remove('Endpoint', 'web', 'demo');
  calculator.upsert(web);
  calculator.upsert(web);
  t.false(allowed());
});
