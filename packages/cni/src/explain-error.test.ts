import test from 'ava';
import { CniError } from './cni-error.ts';
import { explainError } from './explain-error.ts';
import { codedError } from './testing/services-double.ts';

const CASES: [what: string, error: unknown, code: number, details: RegExp][] = [
  ['store away', codedError('EUNAVAILABLE', 'etcd at 10.0.0.9:2379 does not answer'), 11, /check its endpoints/],
  ['contention', codedError('ECONFLICT', 'x'), 11, /launch the task again/],
  ['agent starting', codedError('ENOTREADY', 'x'), 11, /readyz/],
  ['wrong password', codedError('EAUTH', 'x'), 107, /user and password/],
  ['wrong certificate', codedError('ETLS', 'x'), 107, /certificate/],
  ['no address', codedError('EEXHAUSTED', 'pool a: 64 of 64 in use'), 101, /weir ipam show/],
  ['no pool', codedError('ENOPOOL', 'x'), 102, /add a Pool/],
  [
    'namespace file missing',
    codedError('ENOENT', 'open namespace /run/x: no such file', { operation: 'open namespace /run/x' }),
    3,
    /container ended/,
  ],
  [
    'a file that is no namespace',
    codedError('EINVAL', 'open network namespace /etc/x: the file is not a network namespace', {
      operation: 'open network namespace /etc/x',
    }),
    4,
    /runtime/,
  ],
  ['not root', codedError('EPERM', 'x', { operation: 'add veth weirabc' }), 103, /agent's log/],
  ['kernel, unknown errno', codedError('EXDEV', 'x', { operation: 'add route' }), 103, /agent's log/],
  ['a taken address', codedError('EADDRINUSE', 'x'), 103, /ip route get/],
  ['a taken name', codedError('EEXIST', 'x'), 103, /call DEL/],
  ['a file', codedError('EACCES', 'EACCES: /etc/x', { syscall: 'open', path: '/etc/x' }), 5, /check \/etc\/x/],
  ['validation', Object.assign(codedError('EINVAL', 'metadata.namespace: "A B"'), { name: 'ValidationError' }), 7, /network labels/],
  ['a wrong request for addresses', codedError('EINVAL', 'no such family'), 7, /configuration/],
  ['a fault', new TypeError('x is not a function'), 199, /a fault in Weir/],
  ['a code of nobody', codedError('EWHATEVER', 'x'), 199, /a fault in Weir/],
  ['thrown text', 'oops', 199, /a fault in Weir/],
  ['thrown undefined', undefined, 199, /a fault in Weir/],
];

for (const [what, error, code, details] of CASES) {
  test(`${what} → ${code}`, (t) => {
    const explained = explainError(error);
    t.is(explained.code, code);
    t.regex(explained.details, details);
    if (error instanceof Error) t.true(explained.message.includes(error.message));
  });
}

test('a CniError stays what it is', (t) => {
  const error = new CniError(7, 'x');
  t.is(explainError(error), error);
});

test('the answer is one line of JSON in the form of the specification', (t) => {
  const text = new CniError(7, 'a\nb', { details: 'do "this"' }).encode('1.0.0');
  t.false(text.includes('\n'));
  t.deepEqual(JSON.parse(text), { cniVersion: '1.0.0', code: 7, msg: 'a\nb', details: 'do "this"' });
  t.false('details' in JSON.parse(new CniError(7, 'x').encode('0.1.0')));
});
