import { type Host, parseObject } from '@weir/resources';
import test from 'ava';
import { withMtuProblems } from './mtu-problems.ts';
import type { AgentPresence } from './presence.ts';

const host = (name: string, ...subnets: string[]) =>
  parseObject({ apiVersion: 'weir/v1', kind: 'Host', metadata: { name }, spec: { addresses: [], subnets } }) as Host;
const agent = (mtu?: number): AgentPresence => ({ version: '1', since: '', problems: ['other'], ...(mtu !== undefined && { mtu }) });

function problems(hosts: Host[], sizes: Record<string, number | undefined>): Record<string, string[]> {
  const agents = new Map(Object.entries(sizes).map(([name, mtu]) => [name, agent(mtu)]));
  const found = [...withMtuProblems(agents, hosts)].map(([name, { problems: told = [] }]) => [name, told.slice(1)] as const);
  return Object.fromEntries(found.filter(([, told]) => told.length > 0));
}

test('the host with another MTU than the others of its subnet is told of, and what is lost', (t) => {
  const hosts = ['h1', 'h2', 'h3'].map((name) => host(name, '192.0.2.0/24', '2001:db8::/64'));
  t.deepEqual(problems(hosts, { h1: 1500, h2: 1500, h3: 1500 }), {});
  const told = problems(hosts, { h1: 1500, h2: 1500, h3: 1400 });
  t.deepEqual(Object.keys(told), ['h3']);
  t.is(
    told.h3![0],
    'the MTU of its interface is 1400, that of others in 192.0.2.0/24 is 1500, and packets to it of more than 1400 bytes are lost: give all the same',
  );
  t.regex(problems(hosts, { h1: 1500, h2: 9000, h3: 1500 }).h2![0]!, /packets of it of more than 1500 bytes are lost/);
  t.deepEqual(
    Object.keys(problems(hosts, { h1: 1500, h2: 9000, h3: undefined })),
    ['h1'],
    'of two the larger is meant; an older agent tells none',
  );
});

test('hosts of other subnets, between which routers say what fits, may differ', (t) => {
  t.deepEqual(problems([host('h1', '192.0.2.0/24'), host('h2', '198.51.100.0/24'), host('h3')], { h1: 1500, h2: 9000, h3: 1400 }), {});
});
