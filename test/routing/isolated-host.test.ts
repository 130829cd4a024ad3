/** No router leads to one of the hosts: the others go on without it. */
import { ISOLATED_HOST } from '@weir/lab';
import test from 'ava';
import { testMatrix } from '../testbed/routing-matrix.ts';

testMatrix(test, { topology: ISOLATED_HOST });
