import type { Block, BlockSpec } from '@weir/resources';
import { keyOf, parseObject, presenceKey, serialize } from '@weir/resources';
import test from 'ava';
import { addressState } from '../address-state.ts';
import { admitPool } from '../admission.ts';
import { Allocator } from '../allocator.ts';
import { readInventory } from '../inventory.ts';
import { FakeStore } from '../testing/fake-store.ts';
import { claim, pool, request, reserve } from '../testing/objects.ts';
import { audit, confirmed } from './audit.ts';
import type { AuditOptions, Finding, KernelAddresses } from './finding.ts';
import { repair } from './repair.ts';

const NOW = Date.now() + 3_600_000;

/** A cluster of two hosts with a pool; what agents and tools write is put as it is. */
class Cluster {
  readonly store = new FakeStore();

  static async begin(): Promise<Cluster> {
    const cluster = new Cluster();
    await admitPool(cluster.store, pool('main', '10.0.0.0/24', { blockSize: 28 }));
    for (const name of ['a', 'b'])
      await cluster.put({ kind: 'Host', metadata: { name }, spec: { addresses: [`192.0.2.${name === 'a' ? 1 : 2}`] } });
    return cluster;
  }

  async put(object: object): Promise<void> {
    const parsed = parseObject({ apiVersion: 'weir/v1', ...object });
    await this.store.transact({ when: [], then: [{ put: keyOf(parsed), value: serialize(parsed) }] });
  }

  /** With its endpoint, unless `endpoint` is false. */
  async run(
    host: string,
    containerId: string,
    { endpoint = true, ...more }: { endpoint?: boolean; namespace?: string; claim?: string } = {},
  ): Promise<string> {
    const [assigned] = await new Allocator({ store: this.store, host }).allocate({ ...request(containerId), ...more });
    if (endpoint) await this.endpoint(host, containerId, assigned!.address);
    return assigned!.address;
  }

  endpoint(host: string, containerId: string, address: string): Promise<void> {
    return this.put({
      kind: 'Endpoint',
      metadata: { name: `${containerId}-eth0`, namespace: 'shop' },
      spec: { host, containerId, network: 'weir', interfaceName: 'eth0', hostInterface: `weir${containerId}`, addresses: [address] },
    });
  }

  async change(name: string, change: (spec: BlockSpec) => Partial<BlockSpec>): Promise<void> {
    const block = JSON.parse((await this.store.get(`/weir/v1/Block/${name}`))!.value) as Block;
    await this.put({ ...block, spec: { ...block.spec, ...change(block.spec) } });
  }

  async audit(options: Partial<AuditOptions> = {}): Promise<ReturnType<typeof audit>> {
    return audit(await readInventory(this.store), { now: NOW, graceSeconds: 60, ...options });
  }

  async findings(options?: Partial<AuditOptions>): Promise<string[]> {
    return (await this.audit(options)).findings.map(({ kind, subject }) => `${kind} ${subject}`);
  }

  async repairAll(options?: Partial<AuditOptions>): Promise<void> {
    for (const finding of (await this.audit(options)).findings) if (finding.repair) await repair(this.store, finding.repair);
  }
}

const kernel = (addresses: KernelAddresses['addresses'], namespaces: string[] = []): KernelAddresses => ({
  host: 'a',
  namespaces: new Set(namespaces),
  addresses,
});

test('a sound cluster has no finding, and what was given just now is given time', async (t) => {
  const cluster = await Cluster.begin();
  await cluster.run('a', 'c1');
  await cluster.run('b', 'c2');
  await cluster.run('b', 'late', { endpoint: false });
  t.deepEqual(await cluster.audit({ now: Date.now() }), { findings: [], unverified: [] });
  t.deepEqual(await cluster.findings(), ['leaked 10.0.0.17']);
});

test('an address without an endpoint: from afar it is told, and freed only where it is certain', async (t) => {
  const cluster = await Cluster.begin();
  await cluster.run('a', 'c1');
  const leaked = await cluster.run('a', 'c2', { endpoint: false, namespace: '/run/netns/c2' });
  const [finding] = (await cluster.audit()).findings as [Finding];
  t.like(finding, { kind: 'leaked', subject: leaked });
  t.regex(finding.message, /^held by eth0 of container c2 on host a, which has no endpoint: look with --kernel on a/);
  t.is(finding.repair, undefined);
  t.deepEqual(await cluster.findings({ kernel: kernel([], ['/run/netns/c2']) }), [], 'its namespace lives');
  await cluster.repairAll({ kernel: kernel([]) });
  t.deepEqual(await cluster.findings({ kernel: kernel([]) }), []);
  t.is(addressState(await readInventory(cluster.store), leaked, Date.now()).state, 'resting');
});

test('networks that write no endpoints are not accused', async (t) => {
  const cluster = await Cluster.begin();
  const address = await cluster.run('a', 'c1', { endpoint: false });
  t.deepEqual(await cluster.audit(), { findings: [], unverified: [{ address, host: 'a', network: 'weir' }] });
});

test('a host that is not of the cluster any more holds nothing; one whose agent alone is known does', async (t) => {
  const cluster = await Cluster.begin();
  const address = await cluster.run('gone', 'c1', { endpoint: false });
  t.deepEqual(await cluster.findings(), [`leaked ${address}`]);
  await cluster.store.transact({ when: [], then: [{ put: presenceKey('gone'), value: '{}' }] });
  t.deepEqual(await cluster.findings(), []);
  await cluster.store.transact({ when: [], then: [{ delete: presenceKey('gone') }] });
  await cluster.repairAll();
  t.deepEqual(await cluster.findings(), []);
});

test('a release that was found necessary does not end what was given since', async (t) => {
  const cluster = await Cluster.begin();
  await cluster.run('gone', 'c1', { endpoint: false });
  const [{ repair: found }] = (await cluster.audit()).findings as [Finding];
  const allocator = new Allocator({ store: cluster.store, host: 'gone' });
  await allocator.release(request('c1'));
  await allocator.allocate({ ...request('c2'), addresses: ['10.0.0.0'] });
  await t.throwsAsync(repair(cluster.store, found!), { code: 'ESTALE' });
});

test('an address that an endpoint has and nobody holds is held for it', async (t) => {
  const cluster = await Cluster.begin();
  await cluster.run('a', 'c1');
  await cluster.endpoint('a', 'c2', '10.0.0.9');
  await cluster.endpoint('b', 'foreign', '172.16.0.1');
  t.deepEqual(await cluster.findings(), ['orphaned 10.0.0.9']);
  await cluster.repairAll();
  t.deepEqual(await cluster.findings(), []);
  t.like(addressState(await readInventory(cluster.store), '10.0.0.9', NOW), { state: 'held', holder: { containerId: 'c2', host: 'a' } });
});

test('one address of two: endpoints, endpoint and holder, blocks', async (t) => {
  const cluster = await Cluster.begin();
  const address = await cluster.run('a', 'c1');
  await cluster.endpoint('b', 'c2', address);
  t.deepEqual(await cluster.findings(), [`doubled ${address}`]);
  await cluster.put({ kind: 'Block', metadata: { name: '10.0.0.0-30' }, spec: { cidr: '10.0.0.0/30', pool: 'main', host: 'b' } });
  t.deepEqual(await cluster.findings(), ['doubled 10.0.0.0/30', `doubled ${address}`]);
  const other = await Cluster.begin();
  await other.run('a', 'c1', { endpoint: false });
  await other.endpoint('b', 'c2', '10.0.0.0');
  const { findings } = await other.audit();
  t.true(
    findings.some(({ kind, message }) => kind === 'doubled' && /held by eth0 of container c1 on host a/.test(message)),
    JSON.stringify(findings),
  );
});

test('blocks: of another pool, of none, not readable', async (t) => {
  const cluster = await Cluster.begin();
  await cluster.run('a', 'c1');
  await cluster.change('10.0.0.0-28', () => ({ pool: 'other' }));
  await cluster.put({ kind: 'Block', metadata: { name: '10.9.0.0-28' }, spec: { cidr: '10.9.0.0/28', pool: 'main', host: 'b' } });
  await cluster.store.transact({ when: [], then: [{ put: '/weir/v1/Block/10.0.0.32-28', value: '{}' }] });
  t.deepEqual(await cluster.findings(), ['stray 10.0.0.0/28', 'unreadable 10.0.0.32/28', 'stray 10.9.0.0/28']);
  await cluster.repairAll();
  t.deepEqual(await cluster.findings(), ['unreadable 10.0.0.32/28']);
  t.is(await cluster.store.get('/weir/v1/Block/10.9.0.0-28'), undefined);
});

test('claims: what is kept for none, and what one says that it has', async (t) => {
  const cluster = await Cluster.begin();
  await claim(cluster.store, 'db');
  const address = await cluster.run('a', 'c1', { claim: 'shop/db' });
  t.deepEqual(await cluster.findings(), []);
  const stored = (await cluster.store.get('/weir/v1/Claim/shop/db'))!.value;
  await cluster.store.transact({ when: [], then: [{ delete: '/weir/v1/Claim/shop/db' }] });
  t.deepEqual(await cluster.findings(), [`unclaimed ${address}`]);
  await cluster.repairAll();
  t.deepEqual(await cluster.findings(), []);
  await cluster.store.transact({ when: [], then: [{ put: '/weir/v1/Claim/shop/db', value: stored }] });
  t.deepEqual(await cluster.findings(), [`unclaimed ${address}`]);
});

test("a host's own address in a pool is told, unless it is reserved", async (t) => {
  const cluster = await Cluster.begin();
  await cluster.put({ kind: 'Host', metadata: { name: 'c' }, spec: { addresses: ['10.0.0.200'] } });
  t.deepEqual(await cluster.findings(), ['foreign 10.0.0.200']);
  await reserve(cluster.store, 'machines', ['10.0.0.200']);
  t.deepEqual(await cluster.findings(), []);
});

test("against the kernel: others' addresses, and containers' that nobody holds", async (t) => {
  const cluster = await Cluster.begin();
  const held = await cluster.run('a', 'c1', { namespace: '/run/netns/c1' });
  const elsewhere = await cluster.run('b', 'c2');
  const c1 = { link: 'eth0', namespace: '/run/netns/c1' };
  const seen = kernel(
    [
      { address: held, ...c1 },
      { address: '10.0.0.77', ...c1 },
      { address: elsewhere, link: 'docker0' },
      { address: '10.0.0.99', link: 'docker0' },
      { address: '192.0.2.1', link: 'eth0' },
    ],
    ['/run/netns/c1'],
  );
  t.deepEqual(await cluster.findings({ kernel: seen }), ['orphaned 10.0.0.77', `doubled ${elsewhere}`, 'foreign 10.0.0.99']);
});

test('what one look found and the next did not was on its way', async (t) => {
  const cluster = await Cluster.begin();
  await cluster.run('a', 'c1');
  await cluster.run('b', 'c2', { endpoint: false });
  const lasting = await cluster.run('b', 'c3', { endpoint: false });
  const first = (await cluster.audit()).findings;
  await cluster.endpoint('b', 'c2', first[0]!.subject);
  const second = (await cluster.audit()).findings;
  t.deepEqual(
    confirmed(first, second).map(({ subject }) => subject),
    [lasting],
  );
});
