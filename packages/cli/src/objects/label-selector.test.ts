import { formatSelector, matches, parseSelector } from '@weir/resources';
import test from 'ava';
import { CliError } from '../cli-error.ts';
import { parseLabelSelector } from './label-selector.ts';

const same = test.macro({
  exec(t, text: string, selector: string) {
    t.is(formatSelector(parseLabelSelector(text)), formatSelector(parseSelector(selector)));
  },
  title: (_, text, selector) => `${JSON.stringify(text)} means ${selector}`,
});

test(same, '', 'all()');
test(same, ' ', 'all()');
test(same, 'run=web', "run == 'web'");
test(same, 'run==web', "run == 'web'");
test(same, 'run=web,tier!=db', "run == 'web' && tier != 'db'");
test(same, 'run = web', "run == 'web'");
test(same, 'run=', "run == ''");
test(same, 'beta,!alpha', 'has(beta) && !has(alpha)');
test(same, 'a.b/c-d=1.2_3', "a.b/c-d == '1.2_3'");
test(same, "run == 'web' || has(beta)", "run == 'web' || has(beta)");
test(same, "run in {'a', 'b'}", "run in {'a', 'b'}");
test(same, 'all()', 'all()');
test(same, '!has(beta)', '!has(beta)');

test('the short form takes an absent label for another value, as kubectl does', (t) => {
  t.true(matches(parseLabelSelector('tier!=db'), {}));
  t.false(matches(parseLabelSelector('tier=db'), {}));
});

test('what is neither is wrong usage, and says where', (t) => {
  const error = t.throws(() => parseLabelSelector('run ?? web'), { instanceOf: CliError, code: 'EUSAGE' });
  t.regex(error!.message, /character 5/);
});
