import test from 'ava';
import { lines, Weir } from '../testing/weir.ts';

const set = (name: string, count: number) =>
  JSON.stringify({
    apiVersion: 'weir/v1',
    kind: 'GlobalNetworkSet',
    metadata: { name, labels: { threat: 'known' } },
    spec: { nets: Array.from({ length: count }, (_, index) => `11.${index >> 16}.${(index >> 8) & 255}.${index & 255}/32`) },
  });

test('a set that is too big for the store is to be spread over several; a table shows how each begins', async (t) => {
  const weir = await Weir.in(t);
  t.is(
    await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: set('big', 120_000) }),
    'error: globalnetworkset/big has 120000 CIDRs, more than the store takes in one object: spread them over 2 sets or more with the same labels\n',
  );
  const both = await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: `${set('small', 1)}\n---\n${set('big', 120_000)}` });
  t.regex(both, /document 2.*: globalnetworkset\/big has 120000 CIDRs/s);
  const { nets } = JSON.parse(set('big', 120_000)).spec;
  const policy = {
    apiVersion: 'weir/v1',
    kind: 'GlobalPolicy',
    metadata: { name: 'wide' },
    spec: { ingress: [{ action: 'Deny', source: { nets } }] },
  };
  const wide = await weir.fails(t, 1, ['apply', '-f', '-'], { stdin: JSON.stringify(policy) });
  t.regex(
    wide,
    /globalpolicy\/wide has 2\.\d MB, more than the store takes in one object: write it as 2 or more, or name addresses by a NetworkSet/,
  );
  t.is(await weir.ok(t, ['get', 'gnetset', '-o', 'name']), '', 'nothing is written');
  t.is(await weir.ok(t, ['apply', '-f', '-'], { stdin: set('part', 50_000) }), lines('globalnetworkset/part created'));
  t.regex(await weir.ok(t, ['get', 'gnetset']), /\npart +50000 CIDRs: 11\.0\.0\.0\/32,.* +threat=known\n$/);
});
