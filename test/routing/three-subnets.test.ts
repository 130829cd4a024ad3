/** Each host has a subnet of its own. */
import { THREE_SUBNETS } from '@weir/lab';
import test from 'ava';
import { testMatrix } from '../testbed/routing-matrix.ts';

testMatrix(test, { topology: THREE_SUBNETS });
