import test from 'ava';
import { POLICY, Weir } from '../../testing/weir.ts';

const APP = JSON.stringify({
  id: '/shop/client',
  networks: [{ mode: 'container', name: 'weir', labels: { run: 'client' } }],
  container: { portMappings: [{ containerPort: 9000, name: 'metrics' }] },
});
const TEST = `apiVersion: weir/v1
kind: PolicyTest
metadata: {name: shop}
spec:
  files: [policies.yaml]
  endpoints:
    - {name: web, namespace: shop, labels: {run: web}}
    - {name: client, app: client.json}
  expect:
    - {from: client, to: web, port: [tcp/80, tcp/8001], verdict: Allow}
    - {from: [outside, 10.1.2.3], to: web, port: tcp/80, verdict: Deny}
    - {from: web, to: client, port: tcp/metrics, verdict: Allow}
`;

async function shop(t: Parameters<typeof Weir.in>[0], content = TEST): Promise<{ weir: Weir; file: string }> {
  const weir = await Weir.in(t);
  await weir.file('policies.yaml', POLICY);
  await weir.file('client.json', APP);
  return { weir, file: await weir.file('test.yaml', content) };
}

test('expectations that hold, with endpoints inline and of an app', async (t) => {
  const { weir, file } = await shop(t);
  const stdout = await weir.ok(t, ['policy', 'test', file]);
  t.is(stdout.split('\n')[1], '1..5');
  t.regex(stdout, /^ok 1 - shop: client to web, TCP 80: Allow$/m);
  t.regex(stdout, /^ok 5 - shop: web to client, TCP metrics: Allow$/m);
  t.regex(stdout, /^# 5 passed, 0 failed$/m);
});

test('one that does not hold ends with 1, and says where it stands and why', async (t) => {
  const { weir, file } = await shop(t, TEST.replace('[tcp/80, tcp/8001]', 'tcp/81'));
  const { status, stdout, stderr } = await weir.run(['policy', 'test', file]);
  t.is(status, 1);
  t.is(stderr, '');
  t.regex(
    stdout,
    /^not ok 1 - shop: client to web, TCP 81: Allow\n {2}---\n {2}at: .*test\.yaml:10\n {2}message: "denied: no ingress rule of tier default matches; ingress\[0\] of policy\/web in namespace shop would allow it, but destination\.ports is 80, 8000:8080, and the flow has port 81"$/m,
  );
  const results = JSON.parse((await weir.run(['policy', 'test', file, '-o', 'json'])).stdout);
  t.deepEqual(
    results.map(({ ok, line }: { ok: boolean; line: number }) => [ok, line]),
    [
      [false, 10],
      [true, 11],
      [true, 11],
      [true, 12],
    ],
  );
});

test('a pod and apps of a group, with the policies that their own labels ask for', async (t) => {
  const networks = [{ mode: 'container', name: 'weir' }];
  const portMappings = [{ containerPort: 80, name: 'http' }];
  const group = {
    id: '/shop',
    apps: [
      { id: 'web', networks, container: { portMappings }, labels: { WEIR_POLICY: 'allow from app=lb port http' } },
      { id: '/shop/lb', networks, labels: { WEIR_EGRESS: 'app=web port 80' } },
    ],
  };
  const pod = { id: '/shop/pod', networks, containers: [{ name: 'a', endpoints: [{ name: 'admin', containerPort: 8080 }] }] };
  const content = `apiVersion: weir/v1
kind: PolicyTest
metadata: {name: labels}
spec:
  endpoints:
    - {name: web, app: group.json, id: /shop/web}
    - {name: lb, app: group.json, id: /shop/lb}
    - {name: pod, app: pod.json}
  expect:
    - {from: lb, to: web, port: tcp/http, verdict: Allow}
    - {from: pod, to: web, port: tcp/http, verdict: Deny}
    - {from: lb, to: pod, port: tcp/admin, verdict: Deny}
    - {from: web, to: pod, port: tcp/admin, verdict: Allow}
`;
  const { weir, file } = await shop(t, content);
  await weir.file('group.json', JSON.stringify(group));
  await weir.file('pod.json', JSON.stringify(pod));
  t.regex(await weir.ok(t, ['policy', 'test', file]), /^# 4 passed, 0 failed$/m);
  const unsaid = await weir.file('unsaid.yaml', content.replace(', id: /shop/lb', ''));
  t.regex((await weir.run(['policy', 'test', unsaid])).stderr, /group\.json has \/shop\/web, \/shop\/lb; say by "id" which one is meant/);
  await weir.file('group.json', JSON.stringify({ ...group, apps: [{ ...group.apps[0], labels: { WEIR_POLICY: 'alow' } }, group.apps[1]] }));
  t.regex((await weir.run(['policy', 'test', file])).stderr, /\/shop\/web: weir\/policy: "alow"/);
});

test('policies may stand beside the test, and come from -f; no store is needed', async (t) => {
  const { weir } = await shop(t);
  const inline = TEST.replace('files: [policies.yaml]', 'files: []');
  const env = { WEIR_STORE_PATH: '/nowhere/at/all.db' };
  t.regex(await weir.ok(t, ['policy', 'test', '-'], { stdin: `${POLICY}---\n${inline}`, env }), /5 passed, 0 failed/);
  t.regex(await weir.ok(t, ['policy', 'test', '-', '-f', 'policies.yaml'], { stdin: inline, env }), /5 passed, 0 failed/);
  t.is((await weir.run(['policy', 'test', '-'], { stdin: inline, env })).status, 1, 'nothing denies without them');
});

test('faults of a test are told with file, line and what was meant', async (t) => {
  const { weir } = await shop(t);
  const fails = (content: string) => weir.fails(t, 1, ['policy', 'test', '-'], { stdin: content });
  t.regex(
    await fails(TEST.replace('verdict: Deny', 'verdict: deny')),
    /line 11.*expect\[1\]\.verdict: "deny" is not allowed: .*did you mean "Deny"\?/s,
  );
  t.regex(await fails(TEST.replace('  expect:', '  expects:')), /expects: is no field here; did you mean "expect"\?/);
  t.regex(await fails(TEST.replace('tcp/metrics', 'tpc/80')), /did you mean "tcp"\?/);
  t.regex(await fails(TEST.replace('from: client', 'from: cleint')), /no endpoint is "cleint".*did you mean "client"\?/s);
  t.regex(await fails(TEST.replace('client.json', 'gone.json')), /gone\.json: no such file or folder/);
  t.regex(await fails(`${TEST}---\n${POLICY.replace('selector:', 'selecter:')}`), /line 18.*did you mean "selector"\?/s);
  t.regex(await fails(POLICY), /stdin has no PolicyTest/);
});

const HOSTS = `apiVersion: weir/v1
kind: PolicyTest
metadata: { name: hosts }
spec:
  endpoints:
    - { name: web, namespace: shop, labels: { run: web }, host: node-1 }
    - { name: db, namespace: shop, labels: { run: db }, host: node-7 }
    - { name: cache, namespace: shop, labels: { run: cache }, host: node-7 }
  expect:
    - { from: web, to: db, port: tcp/5432, verdict: Allow }
    - { from: [web, outside], to: db, port: tcp/80, verdict: Deny }
    - { from: cache, to: db, port: tcp/80, verdict: Allow }
    - { from: [outside, web], to: host/node-7, port: tcp/22, verdict: Allow }
    - { from: outside, to: node-7, port: tcp/80, verdict: Deny }
    - { from: web, to: role=agent, port: tcp/metrics, verdict: Allow }
---
apiVersion: weir/v1
kind: HostEndpoint
metadata: { name: node-7, labels: { role: agent } }
spec: { host: node-7, interfaceName: eth0, expectedIPs: [192.0.2.17], ports: [{ name: metrics, protocol: TCP, port: 9100 }] }
---
apiVersion: weir/v1
kind: GlobalPolicy
metadata: { name: agents }
spec:
  selector: role == 'agent'
  applyOnForward: true
  ingress: [{ action: Allow, protocol: TCP, source: { selector: run == 'web' }, destination: { ports: [metrics, 5432] } }]
`;

test('hosts are ends of flows, and what passes through them is asked about', async (t) => {
  const { weir, file } = await shop(t, HOSTS);
  const stdout = await weir.ok(t, ['policy', 'test', file]);
  t.regex(stdout, /^# 8 passed, 0 failed$/m);
  await weir.file('test.yaml', HOSTS.replace('applyOnForward: true', 'applyOnForward: false'));
  const { status, stdout: open } = await weir.run(['policy', 'test', file]);
  t.is(status, 1);
  t.regex(open, /^not ok 2 - hosts: web to db, TCP 80: Deny$/m);
  t.regex(open, /^# 6 passed, 2 failed$/m);
});
