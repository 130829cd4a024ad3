import { hostname } from 'node:os';
import { createNamespace, deleteNamespace, Netlink } from '@weir/kernel';
import test from 'ava';
import { endpoint, host, POOL, Weir } from '../../testing/weir.ts';

const block = (allocations: object) => ({
  kind: 'Block',
  metadata: { name: '10.77.0.0-26' },
  spec: { cidr: '10.77.0.0/26', pool: 'main', host: 'h1', allocations },
});
const held = (containerId: string, more: object = {}) => ({
  containerId,
  interfaceName: 'eth0',
  network: 'weir',
  host: 'h1',
  sequence: 7,
  ...more,
});

test('nothing wrong: 0; a fault: 1, with what it is; repaired: 0', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOL });
  await weir.seed(host('h1', '192.0.2.1'), block({ '10.77.0.1': held('c1') }), endpoint('c1', {}, { on: 'h1', address: '10.77.0.1' }));
  t.is(await weir.ok(t, ['ipam', 'check']), 'No fault was found.\n');
  await weir.seed(endpoint('c2', {}, { on: 'h1', address: '10.77.0.2' }));
  const found = await weir.run(['ipam', 'check']);
  t.is(found.status, 1, found.stderr);
  t.regex(
    found.stdout,
    /^FOUND +ADDRESS +WHAT\norphaned +10\.77\.0\.2 +endpoint shop\/c2-eth0 on host h1 has it, and it is not held: it may be given to another\n$/,
  );
  const unasked = await weir.run(['ipam', 'check', '--repair']);
  t.is(unasked.status, 2);
  t.regex(unasked.stderr, /To put right:\n {2}hold 10\.77\.0\.2 for eth0 of container c2 on host h1\n.*give --yes/s);
  const repaired = await weir.run(['ipam', 'check', '--repair', '--yes', '-o', 'json']);
  t.is(repaired.status, 0, repaired.stderr);
  t.like(JSON.parse(repaired.stdout), { findings: [{ kind: 'orphaned', subject: '10.77.0.2' }], repaired: ['10.77.0.2'] });
  t.is(await weir.ok(t, ['ipam', 'check']), 'No fault was found.\n');
});

test('a report frees what leaked, and nothing that was given since', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOL });
  await weir.seed(block({ '10.77.0.1': held('c1', { host: 'gone' }), '10.77.0.2': held('c2', { host: 'gone', sequence: 8 }) }), {
    kind: 'Block',
    metadata: { name: '10.77.0.64-26' },
    spec: { cidr: '10.77.0.64/26', pool: 'main', host: 'gone' },
  });
  const { status, stdout } = await weir.run(['ipam', 'check', '-o', 'json']);
  t.is(status, 1);
  const report = await weir.file('report.json', stdout);
  await weir.seed(block({ '10.77.0.1': held('c1', { host: 'gone' }), '10.77.0.2': held('c3', { host: 'gone', sequence: 9 }) }));
  const released = await weir.run(['ipam', 'release', '--from-report', report, '--yes']);
  t.is(released.status, 1);
  t.regex(released.stderr, /10\.77\.0\.2 is not held by host gone as it was/);
  t.regex(await weir.ok(t, ['ipam', 'show', '--ip', '10.77.0.1']), /given back a short time ago/);
  t.regex(await weir.ok(t, ['ipam', 'show', '--ip', '10.77.0.2']), /held by a container/);
  t.regex(await weir.fails(t, 2, ['ipam', 'release', '--from-report', await weir.file('no.json', '{}'), '--yes']), /is no report/);
});

test("--kernel: addresses of pools that this machine's own namespaces have", async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOL });
  const path = `/run/netns/weir-check-${process.pid}`;
  createNamespace(path);
  t.teardown(() => deleteNamespace(path));
  {
    using netlink = Netlink.open({ namespace: path });
    netlink.addAddress('lo', '10.77.0.5/32');
  }
  await weir.seed(
    host('here', '192.0.2.1'),
    block({
      '10.77.0.1': held('c1', { host: 'here', namespace: path }),
      '10.77.0.2': held('c2', { host: 'here', namespace: `${path}-gone` }),
    }),
  );
  const { status, stdout } = await weir.run(['ipam', 'check', '--kernel', '--host', 'here', '-o', 'json']);
  t.is(status, 1);
  const { findings } = JSON.parse(stdout) as { findings: { kind: string; subject: string; repair?: object }[] };
  t.deepEqual(
    findings.map(({ kind, subject, repair }) => `${kind} ${subject} ${repair !== undefined}`),
    ['leaked 10.77.0.2 true', 'orphaned 10.77.0.5 false'],
  );
  t.regex(
    await weir.fails(t, 1, ['ipam', 'check', '--kernel']),
    new RegExp(`host/${hostname().toLowerCase()} was not found: say with --host`),
  );
  await weir.fails(t, 2, ['ipam', 'check', '--host', 'here']);
});
