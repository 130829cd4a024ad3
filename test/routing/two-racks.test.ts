/** Two hosts share a subnet, a third is behind a router. */
import { TWO_RACKS } from '@weir/lab';
import test from 'ava';
import { testMatrix } from '../testbed/routing-matrix.ts';

testMatrix(test, { topology: TWO_RACKS });
