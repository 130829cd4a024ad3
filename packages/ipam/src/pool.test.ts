import { cidrContains, cidrsOverlap, type Pool, parseAddressRange } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { IpamError } from './ipam-error.ts';
import * as pools from './pool.ts';
import { poolSize, refuseOverlap } from './pool.ts';

const lowestFreeBlock = (pool: Pool, taken: string[], reserved: string[] = []) =>
  pools.lowestFreeBlock(pool, taken.map(parseAddressRange), reserved.map(parseAddressRange));

const pool = (cidr: string, blockSize: number, name = 'p'): Pool => ({
  apiVersion: 'weir/v1',
  kind: 'Pool',
  metadata: { name, labels: {}, annotations: {} },
  spec: { cidr, blockSize, disabled: false, vxlan: 'Never', natOutgoing: false, visibility: 'Routed', routes: 'Blocks' },
});

test('blocks are claimed from the lowest on', (t) => {
  const p = pool('10.0.0.0/24', 26);
  t.is(lowestFreeBlock(p, []), '10.0.0.0/26');
  t.is(lowestFreeBlock(p, ['10.0.0.0/26', '10.0.0.128/26']), '10.0.0.64/26');
  t.is(lowestFreeBlock(p, ['10.0.0.128/26', '10.0.0.64/26', '10.0.0.0/26']), '10.0.0.192/26');
  t.is(lowestFreeBlock(p, ['10.0.0.0/26', '10.0.0.64/26', '10.0.0.128/26', '10.0.0.192/26']), undefined);
});

test('a block of another size is not cut through', (t) => {
  t.is(lowestFreeBlock(pool('10.0.0.0/24', 26), ['10.0.0.7/32']), '10.0.0.64/26');
  t.is(lowestFreeBlock(pool('10.0.0.0/24', 28), ['10.0.0.0/25']), '10.0.0.128/28');
  t.is(lowestFreeBlock(pool('10.0.1.0/24', 26), ['10.0.0.0/16']), undefined);
  t.is(lowestFreeBlock(pool('10.0.1.0/24', 26), ['10.0.0.0/24', '10.0.2.0/24', 'fd00::/122']), '10.0.1.0/26');
});

test('a block is not claimed when all of it is reserved, but when a part is', (t) => {
  const p = pool('10.0.0.0/24', 26);
  t.is(lowestFreeBlock(p, [], ['10.0.0.0/26']), '10.0.0.64/26');
  t.is(lowestFreeBlock(p, [], ['10.0.0.0-10.0.0.62', '10.0.0.100']), '10.0.0.0/26');
  t.is(lowestFreeBlock(p, [], ['10.0.0.1-10.0.0.127']), '10.0.0.0/26');
  t.is(lowestFreeBlock(p, ['10.0.0.0/26'], ['10.0.0.1-10.0.0.127']), '10.0.0.128/26');
});

test('a huge IPv6 pool is no list of blocks', (t) => {
  t.is(lowestFreeBlock(pool('fd00::/8', 122), ['fd00::/122']), 'fd00::40/122');
  t.is(lowestFreeBlock(pool('::/0', 128), []), '::/128');
});

test('property: the free block lies in the pool, overlaps none that is taken, and no lower one would do', (t) => {
  const block = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 26, max: 32 })).map(([address, length]) => {
    const size = 2 ** (32 - length);
    return `10.0.0.${address - (address % size)}/${length}`;
  });
  fc.assert(
    fc.property(fc.array(block, { maxLength: 12 }), fc.integer({ min: 26, max: 30 }), (taken, blockSize) => {
      const size = 2 ** (32 - blockSize);
      const naive = Array.from({ length: 256 / size }, (_, index) => `10.0.0.${index * size}/${blockSize}`).find(
        (candidate) => !taken.some((other) => cidrsOverlap(candidate, other)),
      );
      const found = lowestFreeBlock(pool('10.0.0.0/24', blockSize), taken);
      return found === naive && (found === undefined || cidrContains('10.0.0.0/24', found));
    }),
  );
  t.pass();
});

test('pools that share an address are refused with both names and CIDRs', (t) => {
  const error = t.throws(() => refuseOverlap(pool('10.1.0.0/16', 26, 'new'), [pool('10.0.0.0/8', 26, 'old')]), {
    instanceOf: IpamError,
    code: 'EOVERLAP',
  });
  for (const part of ['"new"', '10.1.0.0/16', '"old"', '10.0.0.0/8']) t.true(error.message.includes(part), part);
  t.notThrows(() => refuseOverlap(pool('10.1.0.0/16', 26, 'same'), [pool('10.0.0.0/8', 26, 'same'), pool('fd00::/48', 122, 'six')]));
});

test('size of a pool', (t) => {
  t.is(poolSize(pool('10.0.0.0/24', 26)), 256);
  t.is(poolSize(pool('fd00::/64', 122)), 2 ** 64);
});
