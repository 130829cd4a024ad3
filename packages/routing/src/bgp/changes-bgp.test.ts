import test from 'ava';
import { bgpHost, object } from '../testing/bgp.ts';
import { block } from '../testing/objects.ts';
import { changesBgp } from './changes-bgp.ts';

test('what is spoken of, and of whom', (t) => {
  const plain = block('10.0.0.0/26', 'a');
  t.true(changesBgp(undefined, plain));
  t.true(changesBgp(plain, block('10.0.0.0/26', 'b')));
  t.true(changesBgp(plain, block('10.0.0.0/26', 'a', { '10.0.0.5': 'b' })));
  t.false(changesBgp(plain, block('10.0.0.0/26', 'a', { '10.0.0.5': 'a' })), 'a container of its own host');
  const host = bgpHost('a', ['192.0.2.1']);
  t.true(changesBgp(host, bgpHost('a', ['192.0.2.1'], { clusterId: '10.0.0.1' })));
  t.true(changesBgp(host, bgpHost('a', ['192.0.2.1'], undefined, { rack: 'a' })));
  t.false(changesBgp(host, { ...host, spec: { ...host.spec, subnets: ['192.0.2.0/24'] } }));
  const pool = (spec: object) => object('Pool', 'p', { cidr: '10.0.0.0/16', ...spec });
  t.true(changesBgp(pool({}), pool({ visibility: 'Exported' })));
  t.false(changesBgp(pool({}), pool({ natOutgoing: true })));
  t.true(changesBgp(object('BgpFilter', 'f', {}), object('BgpFilter', 'f', { import: [{ action: 'Reject' }] })));
  t.false(changesBgp(undefined, object('Tier', 't', {})));
});
