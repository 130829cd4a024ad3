import test from 'ava';
import { HeardLinks } from './heard-links.ts';

const link = (index: number, up: boolean, mtu = 1500) => ({ index, up, mtu });

test('news is what routes may depend on: up, down, another MTU, gone', (t) => {
  const heard = new HeardLinks();
  const isKnown = (action: 'set' | 'delete', ...of: Parameters<typeof link>) => heard.isKnown({ action, link: link(...of) });
  t.false(isKnown('set', 7, true));
  t.true(isKnown('set', 7, true));
  t.false(isKnown('set', 7, true, 1400));
  t.false(isKnown('set', 7, false));
  t.true(isKnown('delete', 7, false), 'its end was that it went down');
  t.false(isKnown('set', 8, true));
  t.false(isKnown('delete', 8, true));
});

test('links that are gone are not remembered', (t) => {
  const heard = new HeardLinks();
  for (let index = 1; index <= 1000; index++) {
    heard.isKnown({ action: 'set', link: link(index, true) });
    heard.isKnown({ action: 'delete', link: link(index, false) });
  }
  t.is(heard.size, 0);
});
