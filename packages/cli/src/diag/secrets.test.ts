import test from 'ava';
import { maskSecrets, withoutSecrets } from './secrets.ts';

test('passwords and tokens are masked where they stand; files that hold them are named', (t) => {
  const { value, secrets } = maskSecrets({
    store: { etcd: { endpoints: ['https://admin:sesame@10.0.0.1:2379'], user: 'root:open', password: 'wide', passwordFile: '/etc/p' } },
    marathon: { user: 'weir', tokenFile: '/etc/t', tokenScheme: 'token=', urls: ['http://10.0.0.1:8080'] },
    spec: { password: { text: 'bgp-secret' }, meshPassword: { file: '/etc/weir/mesh' } },
    token: 12345,
  });
  t.deepEqual(value, {
    store: {
      etcd: { endpoints: ['https://admin:********@10.0.0.1:2379'], user: 'root:********', password: '********', passwordFile: '/etc/p' },
    },
    marathon: { user: 'weir', tokenFile: '/etc/t', tokenScheme: 'token=', urls: ['http://10.0.0.1:8080'] },
    spec: { password: { text: '********' }, meshPassword: { file: '/etc/weir/mesh' } },
    token: '********',
  });
  t.deepEqual(secrets.sort(), ['12345', 'bgp-secret', 'open', 'sesame', 'wide']);
});

test('what is known for a secret is taken out of any text', (t) => {
  t.is(withoutSecrets('refused "sesame-open" and sesame; ab', ['sesame', 'sesame-open', 'ab']), 'refused "********" and ********; ab');
});
