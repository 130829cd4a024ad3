/** `weir trace --live`: what is calculated, and what the kernel does with a real packet. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Nftables } from '@weir/kernel';
import type { LabHost } from '@weir/lab';
import test from 'ava';
import { eventually } from './testbed/eventually.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';

const WEIR = fileURLToPath(new URL('../packages/cli/bin/weir.js', import.meta.url));
const testbed = Testbed.share(test, { hosts: 2 });

const DENY = `apiVersion: weir/v1
kind: Policy
metadata: {name: db, namespace: default}
spec:
  selector: run == 'db'
  ingress:
    - {action: Allow, protocol: TCP, source: {selector: run == 'web'}, destination: {ports: [80]}}
`;

let web: Workload;
let db: Workload;

test.serial.before(async () => {
  const [host] = testbed().hosts;
  web = await testbed().launch(host!, { run: 'web' });
  db = await testbed().launch(host!, { run: 'db' });
  await testbed().apply(DENY);
});

const trace = (port: string, ...flags: string[]) =>
  testbed().weir(['trace', '--live', '--from', web.ipv4, '--to', db.ipv4, '--port', port, ...flags]);

test.serial('an allowed flow passes the kernel, and is answered', async (t) => {
  const { status, stdout, stderr } = await trace('tcp/80', '-o', 'json');
  t.is(status, 0, stderr);
  const { live } = JSON.parse(stdout);
  t.like(live, { verdict: 'Allow', calculated: 'Allow', answer: 'answered' });
  t.true(
    live.events.some(({ chain }: { chain: string }) => chain === 'from'),
    'egress was asked',
  );
  t.true(
    live.events.some(({ chain }: { chain: string }) => chain === 'to'),
    'ingress was asked',
  );
});

test.serial('a denied flow is dropped where it is calculated to be; UDP and ICMP too', async (t) => {
  for (const port of ['tcp/81', 'udp/80', 'icmp']) {
    const { status, stdout } = await trace(port);
    t.is(status, 1);
    t.regex(stdout, /^Live: the kernel dropped the packet in inet weir /m, port);
    t.regex(stdout, /^The kernel does what is calculated\.$/m);
  }
});

test.serial('somebody else’s rule that drops it is named; nothing is left behind', async (t) => {
  const namespace = testbed().hosts[0]!.namespace;
  using nftables = Nftables.open({ namespace });
  nftables.run(
    'table ip theirs { chain forward { type filter hook forward priority 10; policy accept; tcp dport 80 drop comment "not on my watch"; }; }',
  );
  try {
    const { status, stdout } = await trace('tcp/80');
    t.is(status, 1);
    t.regex(stdout, /dropped the packet in ip theirs forward # handle \d+ "not on my watch"$/m);
    t.regex(stdout, /^The kernel differs: allowed is calculated for this host\. The table ip theirs is not Weir's\.$/m);
  } finally {
    nftables.run('delete table ip theirs');
  }
  t.is(nftables.list('inet weir_trace'), undefined);
});

test.serial('IPv6, and a destination on another host: what this host does with it', async (t) => {
  const far = await testbed().launch(testbed().hosts[1]!, { run: 'db' }, { name: 'far' });
  const { status, stdout } = await testbed().weir([
    'trace',
    '--live',
    '--from',
    web.ipv6,
    '--to',
    far.ipv6,
    '--port',
    'tcp/80',
    '-o',
    'json',
  ]);
  t.is(status, 0);
  t.like(JSON.parse(stdout).live, { verdict: 'Allow', calculated: 'Allow', answer: 'answered' });
});

test.serial('a trace that is killed leaves no table behind', async (t) => {
  const [host] = testbed().hosts;
  const far = await testbed().launch(testbed().hosts[1]!, { run: 'silent' });
  const flags = ['trace', '--live', '--from', far.ipv4, '--to', db.ipv4, '--port', 'tcp/80'];
  const child = host!.spawn(process.execPath, [WEIR, ...flags], {
    env: { ...process.env, ...testbed().cluster.storeEnvironment },
    stdio: 'ignore',
  });
  using nftables = Nftables.open({ namespace: host!.namespace });
  t.truthy(
    await eventually(
      () => nftables.list('inet weir_trace'),
      (table) => table !== undefined,
    ),
  );
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.is(
    await eventually(
      () => nftables.list('inet weir_trace'),
      (table) => table === undefined,
    ),
    undefined,
  );
});

test.serial('on the host of the destination, what comes from elsewhere is followed', async (t) => {
  const far = await testbed().launch(testbed().hosts[1]!, { run: 'stranger' });
  const tracing = testbed().weir(['trace', '--live', '--from', far.ipv4, '--to', db.ipv4, '--port', 'tcp/80']);
  const sent = new AbortController();
  const sending = (async () => {
    while (!sent.signal.aborted) await far.traffic.tcp({ address: db.ipv4, port: 80, timeoutMs: 300 });
  })();
  const { status, stdout, stderr } = await tracing;
  sent.abort();
  await sending;
  t.is(status, 1);
  t.regex(stderr, /^waiting up to 30 s for the first packet of the flow$/m);
  t.regex(stdout, /^Live: the kernel dropped the packet in inet weir /m);
  t.regex(stdout, /^The kernel does what is calculated\.$/m);
});

test.serial('from a host, and through hosts: as the policy of their endpoints says', async (t) => {
  const [one, two] = testbed().hosts as [LabHost, LabHost];
  const closed = ({ name, addresses }: LabHost) => `---
apiVersion: weir/v1
kind: HostEndpoint
metadata: {name: ${name}, labels: {host: ${name}}}
spec: {host: ${name}, interfaceName: eth0, expectedIPs: [${addresses.ipv4}]}
`;
  const through = `---
apiVersion: weir/v1
kind: GlobalPolicy
metadata: {name: through}
spec:
  selector: host == '${one.name}'
  applyOnForward: true
  egress: [{action: Allow, protocol: TCP, destination: {ports: [81]}}]
`;
  const far = await testbed().launch(two, { run: 'far' }, { name: 'far-host' });
  await testbed().apply(closed(one) + closed(two) + through);
  try {
    const traced = async (from: string, to: string, port: string) => {
      const run = () => testbed().weir(['trace', '--live', '--from', from, '--to', to, '--port', port, '-o', 'json']);
      const isInStep = ({ stdout }: { stdout: string }) =>
        stdout !== '' && JSON.parse(stdout).live.verdict === JSON.parse(stdout).live.calculated;
      const { stdout, stderr } = await eventually(run, isInStep);
      t.not(stdout, '', stderr);
      return JSON.parse(stdout);
    };
    t.like(await traced(one.name, two.name, 'udp/9999'), {
      verdict: 'Deny',
      because: { endpoint: { name: one.name }, tier: 'default', default: 'no rule matched' },
      live: { verdict: 'Deny', calculated: 'Deny', answer: 'none' },
    });
    t.like(await traced(one.name, two.name, 'tcp/5051'), {
      verdict: 'Allow',
      because: { default: 'failsafe port' },
      live: { verdict: 'Allow', calculated: 'Allow' },
    });
    t.like(await traced(web.ipv4, far.ipv4, 'tcp/80'), {
      because: { forwarded: true, direction: 'Egress', endpoint: { name: one.name } },
      live: { verdict: 'Deny', calculated: 'Deny' },
    });
    t.like(await traced(web.ipv4, far.ipv4, 'tcp/81'), { verdict: 'Allow', live: { verdict: 'Allow', calculated: 'Allow' } });
  } finally {
    await testbed().delete(closed(one) + closed(two) + through);
  }
});
