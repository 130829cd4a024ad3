/**
 * One process of a host: allocates for its containers, gives half of them back, takes more, and prints as JSON what it was told to hold.
 * Arguments: store options as JSON, host, name of this process, number of containers.
 */
import { openStore, type StoreOptions } from '@weir/datastore';
import { Allocator } from '../allocator.ts';

const [options, host, processName, count] = process.argv.slice(2) as [string, string, string, string];
const store = await openStore(JSON.parse(options) as StoreOptions);
try {
  const allocator = new Allocator({ store, host });
  const owners = Array.from({ length: Number(count) }, (_, index) => ({ containerId: `${processName}.${index}`, interfaceName: 'eth0' }));
  const held = new Map<string, string[]>();
  const allocate = async (owner: (typeof owners)[number]) => {
    const assigned = await allocator.allocate({ ...owner, network: 'weir' });
    held.set(
      owner.containerId,
      assigned.map(({ address }) => address),
    );
  };
  await Promise.all(owners.map(allocate));
  // One after the other: a transaction each, to meet the other processes as often as can be.
  for (const owner of owners.filter((_, index) => index % 2 === 0)) {
    await allocator.release(owner);
    held.delete(owner.containerId);
  }
  for (const owner of owners.filter((_, index) => index % 4 === 0)) await allocate(owner);
  console.log(JSON.stringify([...held]));
} finally {
  await store.close();
}
