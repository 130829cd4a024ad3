import test from 'ava';
import fc from 'fast-check';
import { aliasOf, ownerIn } from './link-owner.ts';

test('an alias says who the owner is, whatever the names are; one without room says nothing', (t) => {
  const text = fc.string({ unit: 'binary', maxLength: 120 });
  fc.assert(
    fc.property(fc.record({ network: text, containerId: text, interfaceName: text }), (owner) => {
      const alias = aliasOf(owner);
      if (alias === undefined) return Object.values(owner).join('').length > 30;
      t.true(Buffer.byteLength(alias) <= 255);
      t.deepEqual(ownerIn(alias), owner);
      return true;
    }),
  );
  t.is(aliasOf({ network: 'n', containerId: 'x'.repeat(300), interfaceName: 'eth0' }), undefined);
});

test("others' aliases are none of ours", (t) => {
  for (const alias of ['', 'uplink to rack 7', 'weir', 'weir of Bonneville', 'weir []', 'weir ["a","b"]', 'weir ["a","b",3]', 'weir {}'])
    t.is(ownerIn(alias), undefined, alias);
});
