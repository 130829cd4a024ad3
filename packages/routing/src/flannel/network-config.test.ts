import { addressToNumber } from '@weir/resources';
import test from 'ava';
import { parseFlannelNetwork } from './network-config.ts';

const parse = (config: object) => parseFlannelNetwork(JSON.stringify(config));
const range = (first: string, last: string) => ({
  family: first.includes(':') ? ('IPv6' as const) : ('IPv4' as const),
  first: addressToNumber(first),
  last: addressToNumber(last),
});

test("flannel's defaults", (t) => {
  t.deepEqual(parse({ Network: '10.5.0.0/16', Backend: { Type: 'vxlan' } }), {
    plans: { IPv4: { network: '10.5.0.0/16', length: 24, range: range('10.5.1.0', '10.5.255.255') } },
    backend: { type: 'vxlan', vni: 1, port: 8472, directRouting: false },
  });
  // A small network is cut into four.
  t.like(parse({ Network: '10.5.0.0/25', Backend: { Type: 'host-gw' } }), {
    plans: { IPv4: { length: 27, range: range('10.5.0.32', '10.5.0.127') } },
    backend: { type: 'host-gw' },
  });
});

test('all that can be set, in any case of the keys', (t) => {
  const config = {
    network: '10.0.0.0/8',
    SubnetLen: 20,
    SubnetMin: '10.10.0.0',
    SubnetMax: '10.99.0.0',
    EnableIPv6: true,
    IPv6Network: 'fc00::/48',
    Backend: { Type: 'vxlan', VNI: 4097, Port: 8473, DirectRouting: true, MTU: 9000 },
  };
  t.deepEqual(parse(config), {
    plans: {
      IPv4: { network: '10.0.0.0/8', length: 20, range: range('10.10.0.0', '10.99.15.255') },
      IPv6: { network: 'fc00::/48', length: 64, range: range('fc00:0:0:1::', 'fc00:0:0:ffff:ffff:ffff:ffff:ffff') },
    },
    backend: { type: 'vxlan', vni: 4097, port: 8473, directRouting: true, mtu: 9000 },
  });
});

test('what cannot be joined is said', (t) => {
  const vxlan = { Network: '10.5.0.0/16', Backend: { Type: 'vxlan' } };
  const bad: [object | string, RegExp][] = [
    ['{', /^flannel's configuration: .*JSON/],
    ['[]', /it is no JSON object/],
    [{ Backend: { Type: 'vxlan' } }, /: Network: /],
    [{ ...vxlan, Network: 'fc00::/48' }, /Network: fc00::\/48 is no IPv4 network/],
    [{ ...vxlan, SubnetLen: 17 }, /SubnetLen: 17 does not cut 10\.5\.0\.0\/16 into four subnets/],
    [{ ...vxlan, SubnetMin: '10.5.7.9' }, /SubnetMin: 10\.5\.7\.9 is no \/24 of 10\.5\.0\.0\/16/],
    [{ ...vxlan, SubnetMax: '10.6.0.0' }, /SubnetMax: 10\.6\.0\.0 is no \/24/],
    [{ ...vxlan, EnableIPv4: false }, /EnableIPv4: false is not possible with etcd/],
    [{ ...vxlan, EnableIPv6: true }, /IPv6Network: /],
    [{ Network: '10.5.0.0/16' }, /"udp" cannot be joined: Weir speaks vxlan and host-gw/],
    [{ ...vxlan, Backend: { Type: 'wireguard' } }, /"wireguard" cannot be joined/],
    [{ ...vxlan, Backend: { Type: 'vxlan', GBP: true } }, /GBP: true cannot be joined/],
    [{ ...vxlan, Backend: { Type: 'vxlan', VNI: 0 } }, /Backend: vni: /],
  ];
  for (const [config, message] of bad)
    t.throws(() => parseFlannelNetwork(typeof config === 'string' ? config : JSON.stringify(config)), { code: 'EFLANNEL', message });
});
