/** Hosts and containers with IPv6 alone: there is no IPv4 address anywhere. */
import { IPV6_ONLY } from '@weir/lab';
import test from 'ava';
import { testMatrix } from '../testbed/routing-matrix.ts';

testMatrix(test, { topology: IPV6_ONLY, families: ['ipv6'] });
