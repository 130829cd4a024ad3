/** Real stores, real processes: no address twice, however hosts and processes of a host race. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openStore, type Store, type StoreOptions } from '@weir/datastore';
import { startEtcdServer } from '@weir/datastore/testing';
import type { Pool } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { admitPool, removePool } from './admission.ts';
import { Allocator } from './allocator.ts';
import { usage } from './usage.ts';

const PROCESS = fileURLToPath(new URL('./testing/allocate-process.ts', import.meta.url));
const execute = promisify(execFile);

const pool = (name: string, cidr: string, blockSize: number): Pool => ({
  apiVersion: 'weir/v1',
  kind: 'Pool',
  metadata: { name, labels: {}, annotations: {} },
  spec: { cidr, blockSize, disabled: false, vxlan: 'Never', natOutgoing: false, visibility: 'Routed', routes: 'Blocks' },
});

const backends: Record<string, (t: ExecutionContext) => Promise<StoreOptions>> = {
  async embedded(t) {
    const folder = mkdtempSync(join(tmpdir(), 'weir-ipam-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    return { backend: 'embedded', path: join(folder, 'weir.db'), timeoutMilliseconds: 20_000 };
  },
  async etcd(t) {
    const server = await startEtcdServer();
    t.teardown(() => server.stop());
    return { backend: 'etcd', endpoints: [server.endpoint], timeoutMilliseconds: 20_000 };
  },
};

async function opened(t: ExecutionContext, options: StoreOptions): Promise<Store> {
  const store = await openStore(options);
  t.teardown(() => store.close());
  return store;
}

for (const [backend, options] of Object.entries(backends)) {
  test(`${backend}: processes of three hosts, two of one host among them, get different addresses and keep what they were told`, async (t) => {
    const where = await options(t);
    const store = await opened(t, where);
    await admitPool(store, pool('four', '10.65.0.0/24', 28));
    await admitPool(store, pool('six', 'fd00:65::/64', 124));
    const processes = [
      ['a', 'a1'],
      ['a', 'a2'],
      ['b', 'b1'],
      ['c', 'c1'],
    ] as const;
    const outputs = await Promise.all(
      processes.map(([host, name]) => execute(process.execPath, [PROCESS, JSON.stringify(where), host, name, '40'])),
    );
    const told = new Map(outputs.flatMap(({ stdout }) => JSON.parse(stdout) as [string, string[]][]));
    const addresses = [...told.values()].flat();
    t.is(addresses.length, 4 * 30 * 2);
    t.is(new Set(addresses).size, addresses.length);
    for (const host of ['a', 'b', 'c']) {
      for (const { address, containerId } of await new Allocator({ store, host }).held())
        t.true(told.get(containerId)?.includes(address), address);
    }
    t.deepEqual(
      (await usage(store)).map(({ used }) => used),
      [120, 120],
    );
  });

  test(`${backend}: hosts of one process claim, fill and exhaust a pool together`, async (t) => {
    const store = await opened(t, await options(t));
    await admitPool(store, pool('four', '10.65.0.0/26', 29));
    const allocators = Array.from({ length: 8 }, (_, index) => new Allocator({ store, host: `h${index}` }));
    const ask = (containers: string[]) =>
      Promise.allSettled(
        allocators.flatMap((allocator) =>
          containers.map((containerId) => allocator.allocate({ containerId, interfaceName: 'eth0', network: 'weir' })),
        ),
      );
    const given = (await ask(['1', '2', '3', '4', '5', '6', '7', '8'])).flatMap((one) =>
      one.status === 'fulfilled' ? one.value.map(({ address }) => address) : [],
    );
    t.is(given.length, 64, 'each host fills the one block that it got');
    t.is(new Set(given).size, 64);
    for (const one of await ask(['9'])) t.is(one.status === 'rejected' && (one.reason as { code: string }).code, 'EEXHAUSTED');
  });

  test(`${backend}: as many blocks as a transaction may change`, async (t) => {
    const store = await opened(t, await options(t));
    await admitPool(store, pool('single', '10.65.0.0/24', 32));
    const allocator = new Allocator({ store, host: 'a' });
    const owners = Array.from({ length: 120 }, (_, index) => ({ containerId: `c${index}`, interfaceName: 'eth0' }));
    const assigned = await Promise.all(owners.map((owner) => allocator.allocate({ ...owner, network: 'weir' })));
    t.is(new Set(assigned.flatMap((one) => one.map(({ address }) => address))).size, 120);
    await Promise.all(owners.map((owner) => allocator.release(owner)));
    await removePool(store, 'single');
    t.deepEqual(await usage(store), []);
  });
}
