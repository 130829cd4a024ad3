import { type BlockSpec, blockName, parseAddressRange } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import {
  blockPlace,
  blockSize,
  decodeBlock,
  emptyBlock,
  emptySince,
  encodeBlock,
  freeIn,
  heldIn,
  isSpent,
  longestRested,
  nextFree,
  withAllocation,
  withoutAddresses,
} from './block.ts';

const owner = { containerId: 'c1', interfaceName: 'eth0' };
const allocation = { ...owner, network: 'weir', host: 'a' };
const empty = (cidr: string): BlockSpec => emptyBlock({ cidr, pool: 'p', host: 'a' }, 0);
const TIMES = { now: 1000, forget: 0 };

test('a name is readable in a key and gives the CIDR and its address space back', (t) => {
  for (const cidr of ['10.65.0.64/26', 'fd00:65::40/122', 'fd00:65::/122', '::/116']) {
    for (const place of [{ cidr }, { cidr, network: 'a' }, { cidr, network: '10.65.0.64-26' }, { cidr, network: 'tenant-a.example' }]) {
      t.notRegex(blockName(place), /[/:]/);
      t.deepEqual(blockPlace(blockName(place)), place);
    }
  }
});

test('every address of a block is given, the first and the last too', (t) => {
  for (const [cidr, first, last, size] of [
    ['10.0.0.4/30', '10.0.0.4', '10.0.0.7', 4],
    ['fd00::10/126', 'fd00::10', 'fd00::13', 4],
    ['10.0.0.9/32', '10.0.0.9', '10.0.0.9', 1],
  ] as const) {
    t.is(blockSize(cidr), size);
    let block = empty(cidr);
    const given: string[] = [];
    for (let address = nextFree(block); address !== undefined; address = nextFree(block)) {
      given.push(address);
      block = withAllocation(block, address, allocation);
    }
    t.is(given.length, size);
    t.is(given[0], first);
    t.is(given.at(-1), last);
  }
});

test('a returned address rests', (t) => {
  const full = ['10.0.0.0', '10.0.0.1'].reduce((block, address) => withAllocation(block, address, allocation), empty('10.0.0.0/31'));
  let block = withoutAddresses(full, ['10.0.0.1'], { now: 5000, forget: 0 });
  t.is(nextFree(block, { rest: { since: 4999, until: 9999 } }), undefined);
  t.is(nextFree(block, { rest: { since: 5000, until: 9999 } }), '10.0.0.1');
  t.is(nextFree(block, { rest: { since: 1000, until: 4999 } }), '10.0.0.1', 'by a clock that was ahead');
  t.is(nextFree(block), '10.0.0.1', 'nobody asked for rest');
  block = withoutAddresses(block, ['10.0.0.0'], { now: 6000, forget: 0 });
  t.is(longestRested(block), '10.0.0.1');
  t.is(longestRested(block, [parseAddressRange('10.0.0.1')]), '10.0.0.0');
  t.is(emptySince(block), 6000);
  t.is(emptySince(full), undefined);
  t.deepEqual(withoutAddresses(withAllocation(block, '10.0.0.0', allocation), ['10.0.0.0'], { now: 9000, forget: 6000 }).released, {
    '10.0.0.0': 9000,
  });
});

test('a block is spent as long as all that nobody has rests', (t) => {
  const full = ['10.0.0.0', '10.0.0.1'].reduce((block, address) => withAllocation(block, address, allocation), empty('10.0.0.0/31'));
  const one = withoutAddresses(full, ['10.0.0.1'], { now: 5000, forget: 0 });
  const both = withoutAddresses(one, ['10.0.0.0'], { now: 6000, forget: 0 });
  const spent = (block: BlockSpec) =>
    [undefined, 4999, 5000, 5999, 6000].map((since) => isSpent(block, since === undefined ? undefined : { since, until: 9000 }));
  t.deepEqual(spent(empty('10.0.0.0/31')), [false, false, false, false, false]);
  t.deepEqual(spent(full), [true, true, true, true, true]);
  t.deepEqual(spent(one), [false, true, false, false, false]);
  t.deepEqual(spent(both), [false, true, false, false, false]);
  t.false(isSpent(both, { since: 0, until: 5999 }), 'the last one was given back by a clock that was ahead');
});

test('the search goes on behind the address given last, and passes what is reserved', (t) => {
  const block = empty('10.0.0.0/30');
  t.is(nextFree(block, { recent: '10.0.0.0' }), '10.0.0.1');
  t.is(nextFree(block, { recent: '10.0.0.3' }), '10.0.0.0', 'after the last comes the first');
  const reserved = ['10.0.0.0/31', '10.0.0.1-10.0.0.2', '10.0.0.9', 'fd00::1'].map(parseAddressRange);
  t.is(nextFree(block, { reserved }), '10.0.0.3');
  t.is(freeIn(block, reserved), 1);
  t.is(freeIn(withAllocation(withAllocation(block, '10.0.0.3', allocation), '10.0.0.0', allocation), reserved), 0);
});

test('each allocation has a number of its own, also in a block that was made anew', (t) => {
  const numbers: number[] = [];
  for (let life = 0; life < 3; life++) {
    let block = emptyBlock({ cidr: '10.0.0.0/30', pool: 'p', host: 'a' }, 1000 + life);
    for (let turn = 0; turn < 5; turn++) {
      block = withAllocation(block, '10.0.0.0', allocation);
      numbers.push(block.allocations['10.0.0.0']!.sequence);
      block = withoutAddresses(block, ['10.0.0.0'], TIMES);
    }
  }
  t.deepEqual(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
  );
});

test('what a claim keeps is not free when its container goes', (t) => {
  const block = withAllocation(empty('10.0.0.0/31'), '10.0.0.0', { ...allocation, host: 'b', claim: 'shop/web' });
  const left = withoutAddresses(block, ['10.0.0.0'], TIMES);
  t.deepEqual(left.allocations, { '10.0.0.0': { host: 'a', claim: 'shop/web', sequence: 0 } });
  t.is(nextFree(left), '10.0.0.1');
  t.deepEqual(decodeBlock(encodeBlock(left)), left);
});

test('property: the next address is inside the block and not allocated, and missing only when the block is full', (t) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 15 })),
      fc.option(fc.integer({ min: 0, max: 15 }), { nil: undefined }),
      (used, recent) => {
        const block = used.reduce((sum, offset) => withAllocation(sum, `10.0.0.${16 + offset}`, allocation), empty('10.0.0.16/28'));
        const address = nextFree(block, recent === undefined ? {} : { recent: `10.0.0.${16 + recent}` });
        if (address === undefined) return used.length === 16;
        const offset = Number(address.split('.')[3]) - 16;
        return offset >= 0 && offset < 16 && !used.includes(offset);
      },
    ),
  );
  t.pass();
});

test('property: the text of a block that grew and shrank is that of one that was always so', (t) => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 7 }), fc.constantFrom(undefined, 'shop/web')), { maxLength: 30 });
  fc.assert(
    fc.property(steps, (changes) => {
      let block = empty('10.0.0.0/29');
      for (const [given, offset, claim] of changes) {
        const address = `10.0.0.${offset}`;
        if (given) block = withAllocation(block, address, { ...allocation, containerId: `"${offset}`, claim });
        else if (block.allocations[address] !== undefined) block = withoutAddresses(block, [address], TIMES);
        t.is(encodeBlock(block), encodeBlock(structuredClone(block)));
      }
    }),
  );
});

test('an owner is container and interface together', (t) => {
  const block = withAllocation(withAllocation(empty('10.0.0.0/30'), '10.0.0.0', allocation), '10.0.0.1', {
    ...allocation,
    interfaceName: 'eth1',
  });
  t.deepEqual(heldIn(block, owner, 'a'), ['10.0.0.0']);
  t.deepEqual(heldIn(block, { containerId: 'c1.c2', interfaceName: 'eth0' }, 'a'), []);
});

test('a stored block reads back as it was', (t) => {
  const block = withAllocation(empty('fd00::/122'), 'fd00::7', allocation);
  t.deepEqual(decodeBlock(encodeBlock(block)), block);
});
