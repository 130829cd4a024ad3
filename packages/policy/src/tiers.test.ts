import test from 'ava';
import { PolicyCalculator } from './calculator.ts';
import { endpoint, globalNetworkSet, globalPolicy, namespaceObject, networkSet, policy, service, tier } from './test-support/objects.ts';

const WEB = endpoint('web', { run: 'web' }, { addresses: ['10.0.0.1'] });
const ADMIN = endpoint('admin', { run: 'admin' }, { addresses: ['10.0.0.2'] });
const STRANGER = '192.0.2.1';

type Objects = Parameters<PolicyCalculator['upsert']>[0][];

function calculatorOf(...objects: Objects): PolicyCalculator {
  const calculator = new PolicyCalculator({ host: 'here' });
  for (const object of objects) calculator.upsert(object);
  return calculator;
}

const toWeb = (calculator: PolicyCalculator, source: string, port = 80) =>
  calculator.decide({ source, destination: '10.0.0.1', protocol: 'TCP', destinationPort: port });

test('tiers are asked in their order, and Pass goes on with the next', (t) => {
  const calculator = calculatorOf(
    WEB,
    ADMIN,
    tier('security', { order: 10 }),
    globalPolicy('allow-admin', {
      tier: 'security',
      ingress: [
        { action: 'Allow', source: { selector: 'run == "admin"' } },
        { action: 'Pass', protocol: 'TCP', destination: { ports: [80] } },
      ],
    }),
    policy('closed', { ingress: [{ action: 'Allow', source: { nets: ['192.0.2.0/24'] } }] }),
  );
  const security = { kind: 'GlobalPolicy', name: 'allow-admin' } as const;
  t.like(toWeb(calculator, '10.0.0.2', 22).because, { tier: 'security', policy: security, ruleIndex: 0 });
  t.like(toWeb(calculator, STRANGER), {
    verdict: 'Allow',
    because: {
      tier: 'default',
      policy: { name: 'closed' },
      ruleIndex: 0,
      passedBy: [{ tier: 'security', policy: security, ruleIndex: 1 }],
    },
  });
  t.like(toWeb(calculator, STRANGER, 22), { verdict: 'Deny', because: { tier: 'security', default: 'no rule matched' } });
  t.like(toWeb(calculator, '198.51.100.1'), { verdict: 'Deny', because: { tier: 'default', default: 'no rule matched' } });
  calculator.upsert(tier('security', { order: 10, defaultAction: 'Pass' }));
  t.is(toWeb(calculator, STRANGER, 22).verdict, 'Allow');
});

test('a tier counts only for endpoints and directions that its policies select', (t) => {
  const calculator = calculatorOf(WEB, tier('security', { order: 10 }), policy('out', { tier: 'security', egress: [{ action: 'Allow' }] }));
  t.like(toWeb(calculator, STRANGER), { verdict: 'Allow', because: { default: 'default action' } });
  calculator.upsert(policy('out', { tier: 'security', selector: 'run == "other"', types: ['Ingress'] }));
  t.is(toWeb(calculator, STRANGER).verdict, 'Allow');
  calculator.upsert(policy('out', { tier: 'security', types: ['Ingress'] }));
  t.is(toWeb(calculator, STRANGER).verdict, 'Deny');
});

test('a policy of a tier that is not there closes its endpoints until the tier comes', (t) => {
  const calculator = calculatorOf(WEB, ADMIN, policy('web', { tier: 'later', selector: 'run == "web"', ingress: [{ action: 'Allow' }] }));
  calculator.flush();
  t.like(toWeb(calculator, STRANGER), {
    verdict: 'Deny',
    because: { tier: 'later', policy: { kind: 'Policy', name: 'web' }, default: 'unknown tier' },
  });
  t.is(calculator.decide({ source: STRANGER, destination: '10.0.0.2', protocol: 'TCP' }).verdict, 'Allow');
  calculator.upsert(tier('later', {}));
  t.is(toWeb(calculator, STRANGER).verdict, 'Allow');
  t.deepEqual([...calculator.flush().narrowed], []);
  calculator.remove('Tier', 'later');
  t.deepEqual([...calculator.flush().narrowed], ['weirweb']);
  t.is(toWeb(calculator, STRANGER).verdict, 'Deny');
});

test('an object of a built-in tier changes nothing', (t) => {
  const calculator = calculatorOf(WEB, policy('web', { types: ['Ingress'] }), tier('default', { order: 1, defaultAction: 'Pass' }));
  t.is(toWeb(calculator, STRANGER).verdict, 'Deny');
  calculator.remove('Tier', 'default');
  t.is(toWeb(calculator, STRANGER).verdict, 'Deny');
  t.like(toWeb(calculator, STRANGER).because, { tier: 'default' });
});

test('a staged policy changes no packet, and tells what it would do', (t) => {
  const calculator = calculatorOf(WEB);
  calculator.flush();
  calculator.upsert(policy('closed', { staged: true, types: ['Ingress'] }));
  const { set, delete: gone, narrowed } = calculator.flush();
  t.is(set.size + gone.size + narrowed.size, 0);
  const { steps } = toWeb(calculator, STRANGER);
  t.like(steps[0], {
    verdict: 'Allow',
    because: { default: 'default action' },
    staged: { verdict: 'Deny', because: { tier: 'default', default: 'no rule matched' } },
  });
  t.is(calculator.decide({ source: '10.0.0.1', destination: STRANGER, protocol: 'TCP' }).steps[0]?.staged, undefined);
});

test('what a policy cannot be read of closes whom it is for, and leaves the others alone', (t) => {
  const calculator = calculatorOf(WEB, ADMIN, endpoint('else', {}, { addresses: ['10.0.0.3'] }, 'other'));
  const closed = (name: string, value: unknown) => {
    calculator.upsertInvalid({ kind: 'Policy', namespace: 'demo', name }, value);
    return ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map(
      (destination) => calculator.decide({ source: STRANGER, destination, protocol: 'TCP' }).verdict,
    );
  };
  t.deepEqual(closed('bad', { spec: { selector: 'run == "web"', ingress: 'what' } }), ['Deny', 'Allow', 'Allow']);
  t.like(toWeb(calculator, STRANGER).because, { policy: { kind: 'Policy', namespace: 'demo', name: 'bad' }, default: 'invalid policy' });
  t.deepEqual(closed('bad', { spec: { selector: 'run = "web"' } }), ['Deny', 'Deny', 'Allow']);
  t.deepEqual(closed('bad', 'no JSON'), ['Deny', 'Deny', 'Allow']);
  calculator.upsert(policy('bad', { selector: 'run == "web"', ingress: [{ action: 'Allow' }] }));
  t.is(toWeb(calculator, STRANGER).verdict, 'Allow');

  const everywhere = (value: unknown) => {
    calculator.upsertInvalid({ kind: 'GlobalPolicy', name: 'bad' }, value);
    return ['10.0.0.1', '10.0.0.3'].map((destination) => calculator.decide({ source: STRANGER, destination, protocol: 'TCP' }).verdict);
  };
  t.deepEqual(everywhere({ spec: { namespaceSelector: 'kubernetes.io/metadata.name == "other"' } }), ['Allow', 'Deny']);
  t.deepEqual(everywhere({ spec: { selector: 'run == "web"' } }), ['Deny', 'Allow']);
  t.deepEqual(everywhere({}), ['Deny', 'Deny']);
  calculator.remove('GlobalPolicy', 'bad');
  calculator.upsertInvalid({ kind: 'Namespace', name: 'other' }, {});
  t.is(calculator.decide({ source: STRANGER, destination: '10.0.0.3', protocol: 'TCP' }).verdict, 'Deny');
  calculator.upsert(namespaceObject('other', {}));
  t.is(calculator.decide({ source: STRANGER, destination: '10.0.0.3', protocol: 'TCP' }).verdict, 'Allow');
});

test('a Service that cannot be read closes the endpoints of policies that forbid by it, and no others', (t) => {
  const services = { name: 'db', namespace: 'demo' };
  const db = endpoint('db', { run: 'db' }, { addresses: ['10.0.0.3'] });
  const calculator = calculatorOf(WEB, ADMIN, db);
  const rules = {
    selector: 'run == "web"',
    types: ['Egress'],
    egress: [{ action: 'Deny', destination: { services } }, { action: 'Allow' }],
  };
  calculator.upsert(globalPolicy('ban', rules));
  const flow = (port: number) => ({ source: '10.0.0.1', destination: '10.0.0.3', protocol: 'TCP' as const, destinationPort: port });
  const known = service('db', { selector: 'run == "db"', ports: [{ port: 5432 }] });
  calculator.upsert(known);
  t.is(calculator.decide(flow(5432)).verdict, 'Deny');
  t.is(calculator.decide(flow(80)).verdict, 'Allow');
  calculator.flush();
  const bad = { kind: 'Service', namespace: 'demo', name: 'db' } as const;
  // What an agent that starts sees of it, and one that knew it before.
  for (const forget of [true, false]) {
    if (forget) calculator.remove('Service', 'db', 'demo');
    calculator.upsertInvalid(bad, { spec: 1 });
    t.like(calculator.decide(flow(80)), { verdict: 'Deny', because: { default: 'unreadable service' } });
    t.true(calculator.flush().narrowed.size > 0, 'what is established is judged, too');
    t.is(calculator.decide({ ...flow(80), source: '10.0.0.3', destination: '10.0.0.2' }).verdict, 'Allow', 'others are open');
    calculator.upsert(known);
    t.is(calculator.decide(flow(80)).verdict, 'Allow');
    calculator.flush();
  }
  calculator.upsert(globalPolicy('ban', { ...rules, egress: [{ action: 'Allow', destination: { services } }] }));
  calculator.upsertInvalid(bad, { spec: 1 });
  t.is(calculator.decide(flow(5432)).verdict, 'Allow', 'what allows by it holds what it held last');
  calculator.remove('Service', 'db', 'demo');
  t.is(calculator.decide(flow(5432)).verdict, 'Deny');
});

test('a network set that cannot be read closes the endpoints of policies that forbid by it, and no others', (t) => {
  const banned = { selector: 'threat == "known"' };
  const db = endpoint('db', { run: 'db' }, { addresses: ['10.0.0.3'] });
  const calculator = calculatorOf(WEB, ADMIN, db);
  calculator.upsert(globalPolicy('ban', { selector: 'run == "web"', ingress: [{ action: 'Deny', source: banned }, { action: 'Allow' }] }));
  calculator.upsert(globalPolicy('db', { selector: 'run == "db"', ingress: [{ action: 'Allow', source: banned }] }));
  const toDb = (source: string) => calculator.decide({ source, destination: '10.0.0.3', protocol: 'TCP' }).verdict;
  const spoilt = (labels: object) => calculator.upsertInvalid({ kind: 'GlobalNetworkSet', name: 'bad' }, { metadata: { labels }, spec: 1 });
  const set = globalNetworkSet('bad', { threat: 'known' }, ['203.0.113.0/24']);
  calculator.upsert(set);
  t.is(toWeb(calculator, STRANGER).verdict, 'Allow');
  t.is(toDb('203.0.113.1'), 'Allow');
  spoilt({ threat: 'known' });
  t.like(toWeb(calculator, STRANGER), {
    verdict: 'Deny',
    because: { policy: { kind: 'GlobalPolicy', name: 'ban' }, default: 'unreadable network set' },
  });
  t.is(
    calculator.explain({ source: STRANGER, destination: '10.0.0.1', protocol: 'TCP' }).steps[0]?.tiers[0]?.policies[0]?.rules[1]?.isReached,
    false,
  );
  t.is(toDb('203.0.113.1'), 'Allow', 'to those that allow it is as it was');
  t.is(toDb(STRANGER), 'Deny');
  spoilt({ threat: 'other' });
  t.is(toWeb(calculator, STRANGER).verdict, 'Allow', 'its labels can be read, and are not those');
  spoilt({ threat: 1 });
  t.is(toWeb(calculator, STRANGER).verdict, 'Deny');
  calculator.upsert(set);
  t.is(toWeb(calculator, STRANGER).verdict, 'Allow');
  t.is(toWeb(calculator, '203.0.113.1').verdict, 'Deny');

  calculator.upsert(
    globalPolicy('ban', { selector: 'run == "web"', ingress: [{ action: 'Allow', source: { notSelector: 'threat == "known"' } }] }),
  );
  spoilt({ threat: 'known' });
  t.is(toWeb(calculator, STRANGER).verdict, 'Deny', 'what it excepts is not known');
  calculator.remove('GlobalNetworkSet', 'bad');
  t.is(toWeb(calculator, STRANGER).verdict, 'Allow');
});

test('a namespace may be open to itself, in one direction, and gives its endpoints labels', (t) => {
  const home = namespaceObject('demo', {}, { defaultIngress: 'SameNamespace', labelsToApply: { zone: 'blue', run: 'none' } });
  const calculator = calculatorOf(WEB, ADMIN, home);
  t.like(toWeb(calculator, '10.0.0.2'), { verdict: 'Allow', because: { default: 'default action' } });
  t.like(toWeb(calculator, STRANGER), { verdict: 'Deny', because: { default: 'default action' } });
  t.is(calculator.decide({ source: '10.0.0.1', destination: STRANGER, protocol: 'TCP' }).verdict, 'Allow');
  calculator.upsert(networkSet('office', {}, ['192.0.2.0/24']));
  t.is(toWeb(calculator, STRANGER).verdict, 'Allow');

  calculator.upsert(
    policy('zone', { selector: 'zone == "blue" && run == "web"', ingress: [{ action: 'Allow', source: { selector: 'zone == "blue"' } }] }),
  );
  t.is(toWeb(calculator, STRANGER).verdict, 'Deny', 'a network set inherits nothing');
  t.is(toWeb(calculator, '10.0.0.2').verdict, 'Allow');
  calculator.remove('Namespace', 'demo');
  t.is(toWeb(calculator, STRANGER).verdict, 'Allow', 'without its labels the policy is for nobody');
});

test('a global network set is taken by global policies, and by namespaceSelector global()', (t) => {
  const calculator = calculatorOf(WEB, globalNetworkSet('office', { from: 'office' }, ['192.0.2.0/24']));
  const allowed = (source: object) => {
    calculator.upsert(policy('web', { ingress: [{ action: 'Allow', source }] }));
    return toWeb(calculator, STRANGER).verdict === 'Allow';
  };
  t.false(allowed({ selector: 'from == "office"' }));
  t.false(allowed({ selector: 'from == "office"', namespaceSelector: 'all()' }));
  t.false(allowed({ selector: 'from == "office"', namespaceSelector: 'team != "x"' }));
  t.true(allowed({ selector: 'from == "office"', namespaceSelector: 'global()' }));
  t.true(allowed({ namespaceSelector: 'global() || team == "x"' }));
  calculator.remove('Policy', 'web', 'demo');
  calculator.upsert(globalPolicy('web', { ingress: [{ action: 'Allow', source: { selector: 'from == "office"' } }] }));
  t.is(toWeb(calculator, STRANGER).verdict, 'Allow');
  t.is(toWeb(calculator, '10.0.0.9').verdict, 'Deny');
});
