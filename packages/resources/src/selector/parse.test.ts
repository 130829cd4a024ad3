import test from 'ava';
import { formatSelector } from './format.ts';
import { mentionsGlobal, parseSelector } from './parse.ts';
import { SelectorError } from './selector-error.ts';

test('every operator, in every spelling, in canonical form', (t) => {
  const canonical: [string, string][] = [
    ['', 'all()'],
    [' \t', 'all()'],
    ['all( )', 'all()'],
    ['global()', 'global()'],
    ["run=='nginx'", 'run == "nginx"'],
    ['a.b/c_d-e != "x"', 'a.b/c_d-e != "x"'],
    ['has( run )', 'has(run)'],
    ['!has(run)', '!has(run)'],
    ['a in{"y",\'x\',"y",}', 'a in {"x", "y"}'],
    ['a in {}', 'a in {}'],
    ['a notin {"x"}', 'a not in {"x"}'],
    ['a not \t in {"x"}', 'a not in {"x"}'],
    ['a contains"x"', 'a contains "x"'],
    ['a startswith "x"', 'a starts with "x"'],
    ['a starts  with "x"', 'a starts with "x"'],
    ['a endswith "x"', 'a ends with "x"'],
    [`a == 'say "x"'`, `a == 'say "x"'`],
    [`a == "it's"`, `a == "it's"`],
    ['a == ""', 'a == ""'],
    ['!!!has(a)', '!has(a)'],
    ['! ! has(a)', 'has(a)'],
    ['!(!(has(a)))', 'has(a)'],
    ['!a == "x"', '!(a == "x")'],
    ['has(a) || has(b) && has(c)', 'has(a) || has(b) && has(c)'],
    ['(has(a) || has(b)) && has(c)', '(has(a) || has(b)) && has(c)'],
    ['has(a) && (has(b) && has(c))', 'has(a) && has(b) && has(c)'],
    ['((has(a)))', 'has(a)'],
    ['!(has(a) && has(b))', '!(has(a) && has(b))'],
    // Words are operators only behind a label.
    [
      'in == "x" && not in {"a"} && contains contains "b" && has == "c" && all != "d"',
      'in == "x" && not in {"a"} && contains contains "b" && has == "c" && all != "d"',
    ],
  ];
  for (const [text, expected] of canonical) t.is(formatSelector(parseSelector(text)), expected, text);
});

test('faults: where, and what was expected', (t) => {
  const faults: [string, number, RegExp][] = [
    ['run nginx', 4, /operator behind the label/],
    ['run', 3, /operator behind the label/],
    ['run = "nginx"', 4, /operator behind the label/],
    ['run\n== "nginx"', 3, /operator behind the label/],
    ['has (run)', 4, /operator behind the label/],
    ['a inside {"x"}', 2, /operator behind the label/],
    ['a containsx "x"', 2, /operator behind the label/],
    ['a == x', 5, /string in quotes/],
    ['a == "x', 5, /no closing quote/],
    ['a == "x\'', 5, /no closing quote/],
    ['a == "x" "y"', 9, /"&&", "\|\|" or the end/],
    ['a == "x" & b', 9, /label name/],
    ['a == "x" has(b)', 9, /"&&", "\|\|" or the end/],
    ['a in "x"', 5, /a set/],
    ['a in {"x" "y"}', 10, /"," or "}"/],
    ['a in {,}', 6, /string in quotes/],
    ['a in {"x"', 9, /"," or "}"/],
    ['has(', 4, /label name/],
    ['has(a', 5, /"\)" to close has\(a/],
    ['has(a b)', 6, /"\)" to close has\(a/],
    ['all(x)', 4, /takes nothing/],
    ['(a == "x"', 9, /"\)"/],
    ['a == "x")', 8, /the end/],
    ['&& a == "x"', 0, /expected a label/],
    ['a == "x" &&', 11, /expected a label/],
    ['!', 1, /expected a label/],
    ['()', 1, /expected a label/],
    ['"a" == "x"', 0, /expected a label/],
    ['ä == "x"', 0, /label name/],
    [`${'a'.repeat(513)} == "x"`, 0, /longer than 512/],
    ['('.repeat(101), 100, /deeper than 100/],
  ];
  for (const [text, position, message] of faults) {
    const error = t.throws(() => parseSelector(text), { instanceOf: SelectorError, code: 'EINVALID', message }, text);
    t.is(error?.position, position, text);
    t.is(error?.text, text);
  }
});

test('the caret stands under the fault, also behind a tab', (t) => {
  const error = t.throws(() => parseSelector('has(a)\t&& b'), { instanceOf: SelectorError });
  t.regex(error?.message ?? '', /\n {2}has\(a\) && b\n {13}\^$/);
});

test('a label may be 512 characters long', (t) => {
  t.notThrows(() => parseSelector(`has(${'a'.repeat(512)})`));
});

test('mentionsGlobal looks everywhere', (t) => {
  t.true(mentionsGlobal(parseSelector('has(a) || !(b == "c" && global())')));
  t.false(mentionsGlobal(parseSelector('global == "x" && a == "global()"')));
});
