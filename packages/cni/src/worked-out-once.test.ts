import test from 'ava';
import { workedOutOnce } from './worked-out-once.ts';

test('a function is asked once for each object, also when its answer is undefined', (t) => {
  let asked = 0;
  const half = workedOutOnce(({ of }: { of: number }) => {
    asked++;
    return of % 2 === 0 ? { half: of / 2 } : undefined;
  });
  const [four, five] = [{ of: 4 }, { of: 5 }];
  t.is(half(four), half(four));
  t.deepEqual(half({ of: 4 }), { half: 2 });
  t.is(half(five), undefined);
  t.is(half(five), undefined);
  t.is(asked, 3);
});

test('a function that throws is asked again', (t) => {
  let asked = 0;
  const refuse = workedOutOnce((): number => {
    asked++;
    throw new RangeError('no');
  });
  const of = {};
  t.throws(() => refuse(of));
  t.throws(() => refuse(of));
  t.is(asked, 2);
});

test('nobody changes what others are given too', (t) => {
  const copy = workedOutOnce(({ inner }: { inner: { list: number[] } }) => ({ inner: { list: [...inner.list] } }));
  const given = copy({ inner: { list: [1] } });
  t.throws(() => given.inner.list.push(2), { instanceOf: TypeError });
});
