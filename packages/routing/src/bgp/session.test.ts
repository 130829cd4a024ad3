import test from 'ava';
import { bgpHost, bgpState, object } from '../testing/bgp.ts';
import { bgpSessions } from './session.ts';

const a = bgpHost('a', ['192.0.2.11'], undefined, { rack: 'a' });
const b = bgpHost('b', ['192.0.2.12'], { clusterId: '10.0.0.1' }, { reflector: '' });
const c = bgpHost('c', ['192.0.2.13']);
const byBgp = object('Pool', 'p', { cidr: '10.64.0.0/16', routes: 'Bgp' });
const router = (name: string, spec: object = {}) => object('BgpPeer', name, { address: '192.0.2.1', asNumber: 65001, ...spec });

const namesOf = (state: Parameters<typeof bgpState>[0]) => bgpSessions(bgpState(state)).sessions.map(({ name }) => name);

test('a BgpPeer is for one host, those of a selector, or all', (t) => {
  const peers = [
    router('one', { host: 'a', address: '192.0.2.2' }),
    router('rack', { hostSelector: "rack == 'a'", address: '192.0.2.3' }),
    router('all'),
  ];
  t.deepEqual(namesOf({ self: a, peers }), ['peer.all', 'peer.one', 'peer.rack']);
  t.deepEqual(namesOf({ self: c, peers }), ['peer.all']);
});

test('the mesh is of all hosts with an address of the family, while a pool has its routes by BGP', (t) => {
  const hosts = [c, a, b, bgpHost('six', ['2001:db8::1'])];
  t.deepEqual(namesOf({ self: a, hosts, pools: [byBgp] }), ['host.b.4', 'host.c.4']);
  t.deepEqual(namesOf({ self: a, hosts, pools: [] }), []);
  t.deepEqual(namesOf({ self: a, hosts, pools: [byBgp], config: { nodeMesh: false } }), []);
});

test('route reflectors by a selector: both ends have the session; the reflector has its clients, and no other reflector of its cluster', (t) => {
  const twin = bgpHost('twin', ['192.0.2.14'], { clusterId: '10.0.0.1' }, { reflector: '' });
  const state = {
    hosts: [a, b, c, twin],
    peers: [object('BgpPeer', 'reflectors', { peerSelector: 'has(reflector)' })],
    config: { nodeMesh: false },
  };
  t.deepEqual(namesOf({ self: a, ...state }), ['host.b.4', 'host.twin.4']);
  const ofReflector = bgpSessions(bgpState({ self: b, ...state })).sessions;
  t.deepEqual(
    ofReflector.map(({ peer, reflects }) => [peer, reflects]),
    [
      ['a', true],
      ['c', true],
      ['twin', false],
    ],
  );
  t.false(bgpSessions(bgpState({ self: a, ...state })).sessions.some(({ reflects }) => reflects));
});

test('two hosts that mesh and reflectors join have one session; two BgpPeers of one address are a mistake', (t) => {
  const peers = [object('BgpPeer', 'reflectors', { peerSelector: 'has(reflector)', holdSeconds: 9 })];
  const { sessions, refused } = bgpSessions(bgpState({ self: a, hosts: [a, b], pools: [byBgp], peers }));
  t.deepEqual([sessions.map(({ holdSeconds }) => holdSeconds), refused], [[9], []]);
  const twice = bgpSessions(bgpState({ self: a, peers: [router('tor'), router('tor-again')] }));
  t.is(twice.sessions.length, 1);
  t.like(twice.refused, [
    { peer: 'tor-again', address: '192.0.2.1', problem: 'BgpPeer "tor" has this address already: remove one of the two' },
  ]);
});

test('fail closed: without its filter or password a session is not made, and the others are', (t) => {
  const peers = [
    router('tor-a', { filters: ['edge'] }),
    router('tor-b', { address: '192.0.2.2', password: { file: '/none' } }),
    router('tor-c', { address: '192.0.2.3' }),
  ];
  const password = () => {
    throw new Error('cannot read the password in /none: ENOENT');
  };
  const { sessions, refused } = bgpSessions(bgpState({ self: a, peers, password }));
  t.deepEqual(
    sessions.map(({ peer }) => peer),
    ['tor-c'],
  );
  t.deepEqual(
    refused.map(({ peer, problem }) => `${peer}: ${problem}`),
    ['tor-a: there is no BgpFilter "edge": nothing is exchanged without it', 'tor-b: cannot read the password in /none: ENOENT'],
  );
});

test('names that are longer than BIRD takes stay apart', (t) => {
  const peers = ['x', 'y'].map((end, index) => router(`${'a'.repeat(80)}${end}`, { address: `192.0.2.${index + 1}` }));
  const names = namesOf({ self: a, peers });
  t.is(new Set(names).size, 2);
  t.true(names.every((name) => name.length <= 63));
});
