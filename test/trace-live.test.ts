/** `weir trace --live`: what is calculated, and what the kernel does with a real packet. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Nftables } from '@weir/kernel';
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
  const { code, stdout, stderr } = await trace('tcp/80', '-o', 'json');
  t.is(code, 0, stderr);
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
    const { code, stdout } = await trace(port);
    t.is(code, 1);
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
    const { code, stdout } = await trace('tcp/80');
    t.is(code, 1);
    t.regex(stdout, /dropped the packet in ip theirs forward # handle \d+ "not on my watch"$/m);
    t.regex(stdout, /^The kernel differs: allowed is calculated for this host\. The table ip theirs is not Weir's\.$/m);
  } finally {
    nftables.run('delete table ip theirs');
  }
  t.is(nftables.list('inet weir_trace'), undefined);
});

test.serial('IPv6, and a destination on another host: what this host does with it', async (t) => {
  const far = await testbed().launch(testbed().hosts[1]!, { run: 'db' }, { name: 'far' });
  const { code, stdout } = await testbed().weir([
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
  t.is(code, 0);
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
  const { code, stdout, stderr } = await tracing;
  sent.abort();
  await sending;
  t.is(code, 1);
  t.regex(stderr, /^waiting up to 30 s for the first packet of the flow$/m);
  t.regex(stdout, /^Live: the kernel dropped the packet in inet weir /m);
  t.regex(stdout, /^The kernel does what is calculated\.$/m);
});
