import { type Pool, parseObject, type RemoteCluster } from '@weir/resources';
import test from 'ava';
import { admitPool } from './admission.ts';
import { admitRemoteCluster } from './remote-cluster.ts';
import { FakeStore } from './testing/fake-store.ts';

const object = (kind: string, name: string, spec: object) => parseObject({ apiVersion: 'weir/v1', kind, metadata: { name }, spec });
const cluster = (name: string, ...cidrs: string[]) => object('RemoteCluster', name, { cidrs }) as RemoteCluster;
const pool = (name: string, cidr: string, rest: object = {}) => object('Pool', name, { cidr, ...rest }) as Pool;

test('an address is of one cluster: neither pools nor two RemoteClusters share any', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('own', '10.64.0.0/16'));
  await admitPool(store, pool('tenant', '10.9.0.0/16', { network: 'tenant' })).catch(() => {}); // its own space needs its Network, and is nobody's business
  const admit = (made: RemoteCluster, revision = 0) => admitRemoteCluster(store, made, { revision });
  await t.throwsAsync(admit(cluster('east', '10.9.0.0/16', '10.64.4.0/24')), {
    code: 'EOVERLAP',
    message: /remote cluster "east" \(10\.64\.4\.0\/24\) overlaps pool "own" \(10\.64\.0\.0\/16\)/,
  });
  const revision = await admit(cluster('east', '10.9.0.0/16'));
  await t.throwsAsync(admit(cluster('west', '10.9.9.0/24')), { code: 'EOVERLAP', message: /overlaps remote cluster "east"/ });
  await t.throwsAsync(admit(cluster('west', '11.0.0.0/16')), { code: 'EOVERLAP', message: /overlaps a service range/ });
  await t.throwsAsync(admitPool(store, pool('late', '10.9.128.0/17')), {
    code: 'EOVERLAP',
    message: /pool "late" \(10\.9\.128\.0\/17\) overlaps remote cluster "east" \(10\.9\.0\.0\/16\)/,
  });
  await t.throwsAsync(admit(cluster('east', '10.9.0.0/17')), { code: 'ECONFLICT' });
  await admit(cluster('east', '10.9.0.0/17'), revision);
  await admitPool(store, pool('late', '10.9.128.0/17'));
});
