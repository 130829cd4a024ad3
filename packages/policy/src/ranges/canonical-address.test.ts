import { addressToNumber, parseAddress } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { addressNumber, isCanonicalAddress } from './canonical-address.ts';

/** What the address is canonically; undefined if it is none. */
function canonical(text: string): string | undefined {
  try {
    return parseAddress(text);
  } catch {
    return undefined;
  }
}

const group = fc.constantFrom('0', '0', '0', '1', 'ff', 'ffff', 'abc', '00', '0a', 'FF', '12345', '');
/** Whole and shortened at any place, rightly or not. */
const anySix = fc.oneof(
  fc.array(group, { minLength: 7, maxLength: 9 }).map((groups) => groups.join(':')),
  fc
    .tuple(fc.array(group, { maxLength: 7 }), fc.array(group, { maxLength: 7 }))
    .map(([before, after]) => `${before.join(':')}::${after.join(':')}`),
  fc.array(fc.constantFrom(0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 }).map((groups) => {
    const text = groups.map((number) => number.toString(16)).join(':');
    return canonical(text) ?? text;
  }),
  fc.ipV6(),
);
const byte = fc.constantFrom('0', '1', '10', '255', '256', '00', '01', '1000', '', ' 1', 'a', '-1');
const anyFour = fc.oneof(
  fc.array(byte, { minLength: 3, maxLength: 5 }).map((bytes) => bytes.join('.')),
  fc.ipV4(),
  fc.ipV4Extended(),
);

test('an address is taken as canonical if and only if parsing it changes nothing', (t) => {
  let taken = 0;
  let leftToParser = 0;
  fc.assert(
    fc.property(fc.oneof(anySix, anyFour, fc.string()), (text) => {
      const isCanonical = canonical(text) === text;
      if (!isCanonicalAddress(text)) {
        if (isCanonical && text.includes(':')) leftToParser += 1;
        return !isCanonical || text.includes(':');
      }
      taken += 1;
      return isCanonical && addressNumber(text) === addressToNumber(text);
    }),
    { numRuns: 20_000 },
  );
  t.true(taken > 4000);
  t.true(leftToParser < taken / 10, `${leftToParser} canonical ones were not taken, ${taken} were`);
});

test('the edges of canonical text', (t) => {
  for (const text of ['0.0.0.0', '255.255.255.255', '::', '::1', '1::', 'fd00::1', '1:2:3:4:5:6:7:8', '1:0:3:4:5:6:7:8', '1:0:0:4::8']) {
    t.true(isCanonicalAddress(text), text);
    t.is(addressNumber(text), addressToNumber(text), text);
  }
  const others = [
    '',
    '1.2.3',
    '01.2.3.4',
    '1.2.3.4.5',
    ':',
    ':::',
    '1:',
    ':1',
    '::1::',
    '1:0::2',
    '1::3:4:5:6:7:8',
    'FD00::1',
    'fd00::1%eth0',
  ];
  for (const text of [...others, '::ffff:102:304', '::ffff:1.2.3.4', '1:0:0:4:5:6:7:8', 'fd00::/64', '10.0.0.0/8', '00::1']) {
    t.false(isCanonicalAddress(text), text);
  }
  // Two runs of equal length: left to the parser.
  t.is(addressNumber('1::2:0:0:3:4:5'), addressToNumber('1::2:0:0:3:4:5'));
});
