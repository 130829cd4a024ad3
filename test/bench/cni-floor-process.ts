/**
 * What an ADD has the kernel and the disk do, done as fast as koffi and SQLite do it: netlink messages, the store's two transactions, the
 * one of nftables. Nothing is calculated, and nothing said. See cni-calls.ts.
 */
import { openStore, type Store } from '@weir/datastore';
import { createNamespace, deleteNamespace, Netlink, Nftables, NftSocket, type TableChange } from '@weir/kernel';
import { monotonicMs, serveLines } from '@weir/lab';
import { attach } from '@weir/routing';

/** Milliseconds of each. */
export interface Floor {
  netlink: number;
  store: number;
  nftables: number;
}

export interface FloorRequest {
  /** Of the container. */
  namespace: string;
  hostInterface: string;
  /** Folder for what is needed besides. */
  folder: string;
}

/** Its code is compiled, as an agent's is, before the first answer. */
const WARM_UP = 100;

const MAPS = ['to', 'from', 'source', 'peer'];
/** Octets of a block with some dozens of addresses given, of what is written with it, and of an Endpoint. */
const [BLOCK, AFFINITY, ENDPOINT] = [6000, 60, 600].map((length) => 'x'.repeat(length)) as [string, string, string];

let at: { store: Store; nftables: NftSocket } | undefined;
let count = 0;

await serveLines(async (given) => {
  const request = given as unknown as FloorRequest;
  if (at === undefined) {
    at = {
      store: await openStore({ backend: 'embedded', path: `${request.folder}/floor.db`, timeoutMilliseconds: 5000 }),
      nftables: openTable(request),
    };
    for (let times = 0; times < WARM_UP; times++) await measure(request, at);
  }
  return measure(request, at);
});

/** In a namespace of its own: the agent looks at all of its rules again when somebody changes any in its own. */
function openTable({ folder }: FloorRequest): NftSocket {
  const namespace = `${folder}/floor-rules`;
  createNamespace(namespace);
  using nftables = Nftables.open({ namespace });
  const maps = MAPS.map((name) => `add map inet floor ${name} { type ipv4_addr : verdict; }`);
  nftables.run(['add table inet floor', 'add chain inet floor target', ...maps].join('\n'));
  const socket = NftSocket.open({ namespace });
  deleteNamespace(namespace); // it lives as long as the socket
  return socket;
}

async function measure(request: FloorRequest, { store, nftables }: { store: Store; nftables: NftSocket }): Promise<Floor> {
  count++;
  const netlink = await time(() => attach({ ...request, interfaceName: 'eth0', addresses: ['10.97.0.1'] }));
  using host = Netlink.open();
  host.deleteLink(request.hostInterface);
  const changes = MAPS.map(
    (set): TableChange => ({
      kind: 'element',
      op: 'add',
      set,
      key: [{ type: 'ipv4_addr', value: `10.${count >> 16}.${(count >> 8) & 255}.${count & 255}` }],
      verdict: { kind: 'goto', chain: 'target' },
    }),
  );
  return {
    netlink,
    store: await time(async () => {
      await store.transact({
        when: [],
        then: [
          { put: '/block', value: BLOCK },
          { put: '/affinity', value: AFFINITY },
        ],
      });
      await store.transact({ when: [], then: [{ put: `/endpoint/${count}`, value: ENDPOINT }] });
    }),
    nftables: await time(() => nftables.apply({ family: 'inet', table: 'floor' }, changes)),
  };
}

async function time(action: () => unknown): Promise<number> {
  const start = monotonicMs();
  await action();
  return monotonicMs() - start;
}
