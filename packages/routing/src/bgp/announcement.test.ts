import test from 'ava';
import { object } from '../testing/bgp.ts';
import { block } from '../testing/objects.ts';
import { poolRoutes } from './announcement.ts';

const pool = (name: string, cidr: string, spec: object = {}) => object('Pool', name, { cidr, ...spec });

test('told are own blocks and borrowed addresses, of pools that are exported or by BGP; nothing of a tenant, nor of another family', (t) => {
  const { own, ...sets } = poolRoutes('IPv4', {
    self: 'a',
    pools: [
      pool('exported', '10.64.0.0/16', { visibility: 'Exported' }),
      pool('by-bgp', '10.65.0.0/16', { routes: 'Bgp', visibility: 'Private' }),
      pool('plain', '10.66.0.0/16'),
      pool('link', '10.67.0.0/16', { routes: 'None' }),
      pool('tenant', '10.64.0.0/16', { network: 'tenant' }),
      pool('six', 'fd00::/112', { visibility: 'Exported' }),
    ],
    blocks: [
      block('10.65.0.0/26', 'a'),
      block('10.64.0.0/26', 'a', { '10.64.0.5': 'b' }),
      block('10.64.0.64/26', 'b', { '10.64.0.70': 'a', '10.64.0.71': 'b' }),
      block('10.66.0.0/26', 'a'),
      block('fd00::/122', 'a'),
      { ...block('10.64.1.0/26', 'a'), spec: { ...block('10.64.1.0/26', 'a').spec, network: 'tenant' } },
    ],
  });
  t.deepEqual(own, ['10.64.0.0/26', '10.64.0.70/32', '10.65.0.0/26']);
  t.deepEqual(sets, {
    pools: ['10.64.0.0/16', '10.65.0.0/16', '10.66.0.0/16'],
    byBgp: ['10.65.0.0/16'],
    exported: ['10.64.0.0/16'],
  });
});
