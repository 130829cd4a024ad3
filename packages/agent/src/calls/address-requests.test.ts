import { type Allocator, type Assigned, IpamError } from '@weir/ipam';
import test from 'ava';
import { ClusterState } from '../cluster-state.ts';
import { AddressRequests } from './address-requests.ts';
import { EndedEndpoints } from './ended-endpoints.ts';

const owner = (containerId: string) => ({ containerId, interfaceName: 'eth0' });
const request = {
  ...owner('new'),
  network: 'weir',
  addresses: ['10.0.0.7'],
  task: { namespace: 'default', labels: {} },
} as unknown as Parameters<AddressRequests['allocate']>[0];

/** An allocator whose address another container has for so many tries. */
function setUp(taken: number) {
  let tries = 0;
  const allocate = async (): Promise<Assigned[]> => {
    tries++;
    if (tries <= taken) throw new IpamError('ETAKEN', '10.0.0.7 is taken', { holder: owner('old') });
    return [];
  };
  const ended = new EndedEndpoints();
  const removals = new Set<Promise<void>>();
  const state = new ClusterState('h1', () => {});
  const requests = new AddressRequests({
    allocator: { allocate } as unknown as Allocator,
    state,
    ended,
    enforcement: { companion: () => undefined },
    removals,
  });
  return { requests, ended, removals, tries: () => tries };
}

test('an address whose container lives, for all that is known, is not waited for', async (t) => {
  const { requests, tries } = setUp(Number.POSITIVE_INFINITY);
  await t.throwsAsync(requests.allocate(request), { code: 'ETAKEN' });
  t.is(tries(), 1);
});

test('an address whose container ended just now, on whichever host, is waited for', async (t) => {
  const { requests, ended, tries } = setUp(2);
  ended.note(owner('old'));
  await requests.allocate(request);
  t.is(tries(), 3);
});

test('an address that a DEL of this host gives back is waited for until that is done', async (t) => {
  const { requests, removals, tries } = setUp(1);
  const { promise, resolve } = Promise.withResolvers<void>();
  removals.add(promise);
  const asked = requests.allocate(request);
  await new Promise(setImmediate);
  t.is(tries(), 1);
  resolve();
  await asked;
  t.is(tries(), 2);
});
