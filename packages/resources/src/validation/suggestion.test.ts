import test from 'ava';
import { didYouMean, nearest } from './suggestion.ts';

test('nearest forgives letter case, a third of the letters and a swap; not more', (t) => {
  t.is(nearest('ALLOW', ['Allow', 'Deny']), 'Allow');
  t.is(nearest('selecter', ['selector', 'notSelector']), 'selector');
  t.is(nearest('nmae', ['name', 'labels']), 'name');
  t.is(nearest('sped', ['name', 'spec']), 'spec');
  t.is(nearest('colour', ['name', 'spec']), undefined);
  t.is(nearest('x', []), undefined);
});

test('didYouMean is a piece of a sentence, or nothing', (t) => {
  t.is(didYouMean('Polcy', ['Policy', 'Pool']), '; did you mean "Policy"?');
  t.is(didYouMean('Deployment', ['Policy', 'Pool']), '');
});
