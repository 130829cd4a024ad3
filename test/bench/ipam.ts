/**
 * `npm run bench:ipam`: how many addresses a host gives per second out of blocks that it owns, one after the other and for many ADDs at one
 * time, on both stores; sixteen hosts that want 64 each at one moment of one etcd; and a /16 filled to its last address.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore, type Store, type StoreOptions, type Transaction } from '@weir/datastore';
import { startEtcdServer } from '@weir/datastore/testing';
import { Allocator, admitPool, admitRule, removePool } from '@weir/ipam';
import { type IpamConfig, type Pool, parseObject } from '@weir/resources';
import { median, medianRow, progress, quantile, type Row, report } from './table.ts';

const ROUNDS = 3;
const ALONE = 400;
const TOGETHER = 2000;
const PARALLEL = 16;
const HOSTS = 16;
const ADDS = 64;
const FILLERS = 4;
const EDGE = 1000;

const pool = (name: string, cidr: string, blockSize: number): Pool =>
  parseObject({ apiVersion: 'weir/v1', kind: 'Pool', metadata: { name }, spec: { cidr, blockSize } }) as Pool;

/** What is given back can be given at once: the blocks that a host has are of use again, without a rest that would make it take others. */
const withoutRest = parseObject({
  apiVersion: 'weir/v1',
  kind: 'IpamConfig',
  metadata: { name: 'default' },
  spec: { cooldownSeconds: 0 },
}) as IpamConfig;

/** A host's way to the store, whose transactions are counted. */
class CountedStore {
  readonly #store: Store;
  transactions = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** The store, with its transactions counted. */
  get store(): Store {
    const transact = (transaction: Transaction) => {
      this.transactions++;
      return this.#store.transact(transaction);
    };
    return new Proxy(this.#store, {
      get: (store, name) => (name === 'transact' ? transact : (store[name as keyof Store] as () => void).bind(store)),
    });
  }
}

let containers = 0;
const allocate = (allocator: Allocator) => allocator.allocate({ containerId: `c${++containers}`, interfaceName: 'eth0', network: 'weir' });

/** So many allocations, `parallel` of them at any time. */
async function allocateMany(allocator: Allocator, count: number, parallel: number): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await allocate(allocator);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

/** Addresses per second of one host, out of blocks that it has. */
async function perSecond(store: Store, backend: string): Promise<Row[]> {
  const rows: Row[] = [];
  await admitRule(store, withoutRest);
  for (const [parallel, count] of [
    [1, ALONE],
    [PARALLEL, TOGETHER],
  ] as const) {
    const samples: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      progress(`${backend}, ${parallel} at a time, round ${round + 1} of ${ROUNDS}`);
      await admitPool(store, pool('main', '10.64.0.0/16', 26));
      const host = `h${round}`;
      const allocator = new Allocator({ store, host, ahead: true });
      const owners = Array.from({ length: count }, (_, index) => ({ containerId: `warm${index}`, interfaceName: 'eth0' }));
      // Its blocks: given out once and given back, as on a host where tasks come and go.
      await Promise.all(owners.map((owner) => allocator.allocate({ ...owner, network: 'weir' })));
      for (const owner of owners) void allocator.release(owner);
      await allocator.release({ containerId: 'none', interfaceName: 'eth0' });
      const start = performance.now();
      await allocateMany(allocator, count, parallel);
      samples.push((count * 1000) / (performance.now() - start));
      await new Allocator({ store, host }).surrender({ all: true });
      await removePool(store, 'main');
    }
    rows.push(
      medianRow({
        name: `${backend}: one host, ${parallel === 1 ? 'one ADD after the other' : `${parallel} ADDs at a time`}`,
        unit: 'addresses/s',
        samples,
      }),
    );
  }
  return rows;
}

/** Sixteen hosts, each with a connection of its own, and 64 ADDs on each in one moment; none has a block yet. */
async function rush(options: StoreOptions, store: Store): Promise<Row[]> {
  const [ratios, tails]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    progress(`${HOSTS} hosts × ${ADDS} ADDs, round ${round + 1} of ${ROUNDS}`);
    await admitPool(store, pool('rush', '10.65.0.0/16', 26));
    const hosts = await Promise.all(
      Array.from({ length: HOSTS }, async (_, index) => ({ name: `rush${index}`, connection: await openStore(options) })),
    );
    const counted = hosts.map(({ connection }) => new CountedStore(connection));
    const latencies: number[] = [];
    await Promise.all(
      hosts.map(async ({ name }, index) => {
        const allocator = new Allocator({ store: counted[index]!.store, host: name });
        const add = async (): Promise<void> => {
          const start = performance.now();
          await allocate(allocator);
          latencies.push(performance.now() - start);
        };
        await Promise.all(Array.from({ length: ADDS }, add));
      }),
    );
    ratios.push(counted.reduce((sum, { transactions }) => sum + transactions, 0) / (HOSTS * ADDS));
    tails.push(quantile(latencies, 0.99) / median(latencies));
    for (const { name, connection } of hosts) {
      await new Allocator({ store, host: name }).surrender({ all: true });
      await connection.close();
    }
    await removePool(store, 'rush');
  }
  const what = `etcd: ${HOSTS} hosts × ${ADDS} ADDs at one moment`;
  return [
    medianRow({ name: `${what}, transactions per address`, unit: '', samples: ratios }),
    medianRow({ name: `${what}, 99th percentile by median`, unit: '×', samples: tails }),
  ];
}

/** Hosts fill a /16 to the last address; several borrow the last ones of each other, and get in each other's way there. */
async function fill(store: Store, hosts: number): Promise<Row[]> {
  const what = `etcd: a /16 filled by ${hosts === 1 ? 'one host' : `${hosts} hosts`}, per address`;
  progress(what);
  await admitPool(store, pool('full', '10.66.0.0/16', 26));
  const allocators = Array.from({ length: hosts }, (_, index) => new Allocator({ store, host: `fill${index}`, ahead: true }));
  const size = 2 ** 16;
  const finished: number[] = [];
  const start = performance.now();
  const worker = async (index: number): Promise<void> => {
    while (containersLeft-- > 0) {
      await allocate(allocators[index % hosts]!);
      finished.push(performance.now() - start);
    }
  };
  let containersLeft = size;
  await Promise.all(Array.from({ length: hosts * PARALLEL }, (_, index) => worker(index)));
  const perAddress = (from: number, to: number): number => (finished[to]! - finished[from]!) / (to - from);
  const first: Row = { name: `${what} of the first ${EDGE}`, unit: 'ms', value: perAddress(0, EDGE) };
  const last = perAddress(size - 1 - EDGE, size - 1);
  for (let index = 0; index < hosts; index++) await new Allocator({ store, host: `fill${index}` }).surrender({ all: true });
  await removePool(store, 'full');
  return [
    first,
    {
      name: `${what} of all ${size}`,
      unit: 'ms',
      value: finished.at(-1)! / size,
      peer: 'the first',
      ratio: finished.at(-1)! / size / first.value,
    },
    { name: `${what} of the last ${EDGE}`, unit: 'ms', value: last, peer: 'the first', ratio: last / first.value },
  ];
}

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-ipam-'));
const etcd = await startEtcdServer();
try {
  const embedded = await openStore({ backend: 'embedded', path: join(folder, 'weir.db'), timeoutMilliseconds: 10_000 });
  const options: StoreOptions = { backend: 'etcd', endpoints: [etcd.endpoint], timeoutMilliseconds: 10_000 };
  const store = await openStore(options);
  const rows = [
    ...(await perSecond(embedded, 'embedded')),
    ...(await perSecond(store, 'etcd')),
    ...(await rush(options, store)),
    ...(await fill(store, 1)),
    ...(await fill(store, FILLERS)),
  ];
  await store.close();
  await embedded.close();
  report('ipam', rows);
} finally {
  await etcd.stop();
  rmSync(folder, { recursive: true, force: true });
}
