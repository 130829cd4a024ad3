import { type AnyObject, parseObject } from '@weir/resources';
import test from 'ava';
import { PolicyCalculator } from '../calculator.ts';
import type { Statement } from '../statements/statement.ts';
import { listing } from '../test-support/listing.ts';

const object = (kind: string, name: string, spec: object, labels: Record<string, string> = {}): AnyObject =>
  parseObject({ apiVersion: 'weir/v1', kind, metadata: { name, namespace: 'shop', labels }, spec });

const WEB = object('Endpoint', 'web', {
  host: 'here',
  containerId: 'web',
  network: 'weir',
  interfaceName: 'eth0',
  hostInterface: 'weirweb',
  addresses: ['10.9.0.1'],
});
const refuse = (...rules: object[]) =>
  object('Policy', 'refuse', {
    selector: 'all()',
    ingress: [...rules, { action: 'Deny', source: { selector: "list == 'refused'" } }, { action: 'Allow' }],
  });
const list = (name: string, ...nets: string[]) => object('NetworkSet', name, { nets }, { list: name });

const NETS = ['10.0.0.0/30', '10.0.0.8/30', '192.0.2.0/24', '200.0.0.0/8'];

function started(...objects: AnyObject[]): { calculator: PolicyCalculator; table: Map<string, Statement> } {
  const calculator = new PolicyCalculator({ host: 'here', manyPeers: 2, netsPerSet: 2 });
  for (const one of [WEB, ...objects]) calculator.upsert(one);
  return { calculator, table: calculator.flush().set };
}

/** Everything that a packet meets, but for where it comes in. */
const shown = (statements: Iterable<Statement>) =>
  listing(statements)
    .split('\n')
    .filter((line) => !/_(endpoint|mac)|source4|local4/.test(line))
    .map((line) => line.replace('_n_denied', '_n').replace(/_n_c_[0-9a-f]+/, '_n_c'));

test('a list as long as a set is one, and a longer one is in parts that know what comes behind it', (t) => {
  const short = started(refuse(), list('refused', ...NETS.slice(0, 2)));
  t.deepEqual(shown(short.table.values()), [
    'map p_1_a { type ipv4_addr : verdict; }',
    'set p_1_n { type ipv4_addr; flags interval; }',
    'element p_1_n { 10.0.0.0-10.0.0.3 }',
    'element p_1_n { 10.0.0.8-10.0.0.11 }',
    'chain g_1',
    '  ip saddr vmap @p_1_a comment "peers by address"',
    '  ip saddr @p_1_n goto denied comment "peers by net"',
    '  meta protocol { 2048 } return',
    '  goto denied comment "everybody else"',
  ]);
  const long = started(refuse(), list('refused', ...NETS));
  t.deepEqual(shown(long.table.values()), [
    'map p_1_a { type ipv4_addr : verdict; }',
    'set p_1_n_0_1 { type ipv4_addr; flags interval; }',
    'element p_1_n_0_1 { 10.0.0.0-10.0.0.3 }',
    'element p_1_n_0_1 { 10.0.0.8-10.0.0.11 }',
    'set p_1_n_80000000_1 { type ipv4_addr; flags interval; }',
    'element p_1_n_80000000_1 { 192.0.2.0-192.0.2.255 }',
    'element p_1_n_80000000_1 { 200.0.0.0-200.255.255.255 }',
    'map p_1_n_parts { type ipv4_addr : verdict; flags interval; }',
    'chain n_1',
    '  ip saddr @p_1_n_0_1 goto denied comment "peers by net"',
    '  return',
    'chain n_2',
    '  ip saddr @p_1_n_80000000_1 goto denied comment "peers by net"',
    '  return',
    'element p_1_n_parts { 0.0.0.0-127.255.255.255 : goto n_1 }',
    'element p_1_n_parts { 128.0.0.0-255.255.255.255 : goto n_2 }',
    'chain g_1',
    '  ip saddr vmap @p_1_a comment "peers by address"',
    '  ip saddr vmap @p_1_n_parts comment "peers by net, in parts"',
    '  meta protocol { 2048 } return',
    '  goto denied comment "everybody else"',
  ]);
});

test('behind a list in parts there may be another one, and sets of many peers', (t) => {
  const client = (index: number) =>
    object(
      'Endpoint',
      `client${index}`,
      {
        host: 'there',
        containerId: `c${index}`,
        network: 'weir',
        interfaceName: 'eth0',
        hostInterface: `weirc${index}`,
        addresses: [`10.9.1.${index}`],
      },
      { app: 'client' },
    );
  const rules = [
    { action: 'Deny', source: { selector: "app == 'client'" } },
    { action: 'Deny', protocol: 'TCP', source: { selector: "list == 'half'" }, destination: { ports: [22] } },
  ];
  const half = list('half', '20.0.0.0/30', '20.0.0.8/30', '220.0.0.0/30', '220.0.0.8/30');
  const { table } = started(refuse(...rules), list('refused', ...NETS), half, client(1), client(2));
  t.deepEqual(shown([...table.values()].filter(({ kind }) => kind === 'chain' || kind === 'map')), [
    'map p_1_a { type ipv4_addr : verdict; }',
    'set m_1 { type ipv4_addr; }',
    'chain c_1',
    '  tcp dport { 22 } goto denied',
    '  return',
    'set p_1_n_0_1 { type ipv4_addr; flags interval; }',
    'set p_1_n_80000000_1 { type ipv4_addr; flags interval; }',
    'set p_1_n_c_0_1 { type ipv4_addr; flags interval; }',
    'set p_1_n_c_80000000_1 { type ipv4_addr; flags interval; }',
    'map p_1_n_parts { type ipv4_addr : verdict; flags interval; }',
    'chain m_2',
    '  ip saddr @m_1 goto denied comment "peers in a set of many"',
    '  return',
    'chain n_1',
    '  ip saddr @p_1_n_0_1 goto denied comment "peers by net"',
    '  goto m_2',
    'chain n_2',
    '  ip saddr @p_1_n_80000000_1 goto denied comment "peers by net"',
    '  goto m_2',
    'map p_1_n_c_parts { type ipv4_addr : verdict; flags interval; }',
    'chain m_3',
    '  ip saddr vmap @p_1_n_parts comment "peers by net, in parts"',
    '  ip saddr @m_1 goto denied comment "peers in a set of many"',
    '  return',
    'chain n_3',
    '  ip saddr @p_1_n_c_0_1 goto c_1 comment "peers by net"',
    '  goto m_3',
    'chain n_4',
    '  ip saddr @p_1_n_c_80000000_1 goto c_1 comment "peers by net"',
    '  goto m_3',
    'chain g_1',
    '  ip saddr vmap @p_1_a comment "peers by address"',
    '  ip saddr vmap @p_1_n_c_parts comment "peers by net, in parts"',
    '  ip saddr vmap @p_1_n_parts comment "peers by net, in parts"',
    '  ip saddr @m_1 goto denied comment "peers in a set of many"',
    '  meta protocol { 2048 } return',
    '  goto denied comment "everybody else"',
  ]);
});
