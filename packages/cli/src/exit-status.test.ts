import { AgentError } from '@weir/agent';
import { StoreError, type StoreErrorCode } from '@weir/datastore';
import { IpamError } from '@weir/ipam';
import { ValidationError } from '@weir/resources';
import test from 'ava';
import { CliError } from './cli-error.ts';
import { EXIT, exitStatusOf } from './exit-status.ts';

test('a store that cannot be used is told apart from one that refuses', (t) => {
  const status = (code: StoreErrorCode) => exitStatusOf(new StoreError(code, ''));
  for (const code of ['EUNAVAILABLE', 'ETLS', 'EAUTH', 'EFULL'] as const) t.is(status(code), EXIT.unavailable, code);
  t.is(exitStatusOf(new CliError('ENOSTORE', '')), EXIT.unavailable);
  for (const code of ['ECONFLICT', 'EINVAL', 'ECLOSED'] as const) t.is(status(code), EXIT.refused, code);
});

test('objects that are refused, and what nobody foresaw, are 1; the command line is 2', (t) => {
  t.is(exitStatusOf(ValidationError.of(1, 'is wrong', 'expected 2')), EXIT.refused);
  t.is(exitStatusOf(new IpamError('EOVERLAP', '')), EXIT.refused);
  t.is(exitStatusOf(new CliError('ENOTFOUND', '')), EXIT.refused);
  t.is(exitStatusOf(new TypeError('a bug')), EXIT.refused);
  t.is(exitStatusOf('thrown text'), EXIT.refused);
  t.is(exitStatusOf(new CliError('EUSAGE', '')), EXIT.usage);
  t.is(exitStatusOf(new AgentError('ECONFIG', '')), EXIT.usage);
  t.is(exitStatusOf(new AgentError('EALREADY', '')), EXIT.refused);
});
