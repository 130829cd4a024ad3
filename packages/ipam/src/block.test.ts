import { type BlockSpec, blockName } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { blockCidr, blockSize, decodeBlock, encodeBlock, heldIn, nextFree, withAllocation, withoutAddresses } from './block.ts';

const owner = { containerId: 'c1', interfaceName: 'eth0' };
const allocation = { ...owner, network: 'weir', host: 'a' };
const empty = (cidr: string): BlockSpec => ({ cidr, pool: 'p', host: 'a', allocations: {} });

test('a name is readable in a key and gives the CIDR back', (t) => {
  for (const cidr of ['10.65.0.64/26', 'fd00:65::40/122', 'fd00:65::/122', '::/116']) {
    t.notRegex(blockName(cidr), /[/:]/);
    t.is(blockCidr(blockName(cidr)), cidr);
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

test('a returned address rests until the others were used', (t) => {
  let block = empty('10.0.0.0/30');
  block = withAllocation(block, '10.0.0.0', allocation);
  block = withoutAddresses(block, ['10.0.0.0']);
  t.is(nextFree(block, '10.0.0.0'), '10.0.0.1');
  t.is(nextFree(block, '10.0.0.3'), '10.0.0.0', 'after the last comes the first');
});

test('property: the next address is inside the block and not allocated, and missing only when the block is full', (t) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 15 })),
      fc.option(fc.integer({ min: 0, max: 15 }), { nil: undefined }),
      (used, recent) => {
        const block = used.reduce((sum, offset) => withAllocation(sum, `10.0.0.${16 + offset}`, allocation), empty('10.0.0.16/28'));
        const address = nextFree(block, recent === undefined ? undefined : `10.0.0.${16 + recent}`);
        if (address === undefined) return used.length === 16;
        const offset = Number(address.split('.')[3]) - 16;
        return offset >= 0 && offset < 16 && !used.includes(offset);
      },
    ),
  );
  t.pass();
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
