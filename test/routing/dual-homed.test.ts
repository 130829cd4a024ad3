/** Each host has a link to either of two routers: what the hosts know of each other is by the first link, whatever else there is. */
import { DUAL_HOMED } from '@weir/lab';
import test from 'ava';
import { testMatrix } from '../testbed/routing-matrix.ts';

testMatrix(test, { topology: DUAL_HOMED });
