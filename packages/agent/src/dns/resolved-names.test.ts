import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ResolvedNames } from './resolved-names.ts';

const WEB = 'endpoint';

function open(t: ExecutionContext, path = join(temporaryFolder(t), 'names.json')) {
  const clock = { now: 0, sinceBoot: 0 };
  const known = new Map<string, string[]>();
  const names = new ResolvedNames({
    path,
    now: () => clock.now,
    wallClock: () => clock.now + clock.sinceBoot,
    onChange: (endpoint, name, addresses) => known.set(`${endpoint} ${name}`, addresses),
  });
  return { names, known, clock, path };
}

function temporaryFolder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'weir-names-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

const told = (name: string, address: string, ttl: number) => ({ names: [name], addresses: [{ address, ttl }] });
const unused = () => false;

test('an address stays for its TTL, within bounds, and longer when it is told again', (t) => {
  const { names, known, clock } = open(t);
  t.true(names.learn(WEB, told('a.test', '10.0.0.1', 5)));
  t.true(names.learn(WEB, told('a.test', '10.0.0.2', 100)));
  t.false(names.learn(WEB, told('a.test', '10.0.0.2', 120)), 'nothing new');
  t.true(names.learn(WEB, told('b.test', '10.0.0.3', 1e9)));
  clock.now = 59_999;
  t.false(names.isAnythingOver);
  clock.now = 60_000;
  t.true(names.isAnythingOver);
  t.true(names.expire(unused));
  t.deepEqual(known.get('endpoint a.test'), ['10.0.0.2']);
  clock.now = 119_999;
  t.false(names.expire(unused));
  clock.now = 120_000;
  t.true(names.expire(unused));
  t.deepEqual(known.get('endpoint a.test'), []);
  t.deepEqual(known.get('endpoint b.test'), ['10.0.0.3']);
  clock.now = 86_400_000;
  t.true(names.expire(unused), 'a day is the longest');
});

test('an address that is in use stays until it is not', (t) => {
  const { names, known, clock } = open(t);
  names.learn(WEB, told('a.test', '10.0.0.1', 60));
  clock.now = 60_000;
  t.false(names.expire((endpoint, address) => endpoint === WEB && address === '10.0.0.1'));
  t.deepEqual(known.get('endpoint a.test'), ['10.0.0.1']);
  t.false(names.isAnythingOver, 'it is looked at again later');
  clock.now = 120_000;
  t.true(names.expire(unused));
});

test('what was saved is there after a restart, and what cannot be read is nothing', (t) => {
  const { names, path } = open(t);
  names.learn(WEB, told('a.test', '10.0.0.1', 60));
  names.learn('gone', told('a.test', '10.0.0.1', 60));
  names.forget('gone');
  names.save();
  const after = open(t, path);
  after.names.load();
  t.deepEqual([...after.known], [['endpoint a.test', ['10.0.0.1']]]);
  after.clock.now = 60_000;
  t.true(after.names.expire(unused), 'with the time that it had');
  writeFileSync(path, '{"endpoint": 1}');
  const broken = open(t, path);
  t.notThrows(() => broken.names.load());
  t.is(broken.known.size, 0);
});

test('a wall clock that somebody sets makes no name older or younger, and what was saved by one far ahead stays for a day', (t) => {
  const { names, clock, path } = open(t);
  names.learn(WEB, told('a.test', '10.0.0.1', 60));
  clock.sinceBoot = 10 * 86_400_000;
  t.false(names.isAnythingOver);
  names.save();
  clock.sinceBoot = 0;
  clock.now = 60_000;
  t.true(names.expire(unused));
  const after = open(t, path);
  after.names.load();
  after.clock.now = 86_399_999;
  t.false(after.names.isAnythingOver);
  after.clock.now = 86_400_000;
  t.true(after.names.expire(unused));
});

test('one endpoint that asks for ever more names forgets its own oldest', (t) => {
  const { names, known } = open(t);
  names.learn('other', told('x.test', '10.0.0.1', 60));
  for (let number = 0; number <= 4096; number += 1) names.learn(WEB, told(`${number}.test`, '10.0.0.1', 60));
  t.deepEqual(known.get('endpoint 0.test'), []);
  t.deepEqual(known.get('endpoint 1.test'), ['10.0.0.1']);
  t.deepEqual(known.get('other x.test'), ['10.0.0.1']);
});

test('a name server that gives other addresses each time fills neither a name nor an endpoint without end', (t) => {
  const { names, known } = open(t);
  const address = (number: number) => `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
  const answer = (name: string, from: number, count: number) => ({
    names: [name],
    addresses: Array.from({ length: count }, (_, index) => ({ address: address(from + index), ttl: 86_400 })),
  });
  for (let from = 0; from < 5000; from += 50) {
    names.learn(WEB, answer('a.test', from, 50));
    // Whoever is asked for all the time stays.
    names.learn(WEB, answer('a.test', 1_000_000, 1));
  }
  const addresses = known.get('endpoint a.test')!;
  t.is(addresses.length, 1024);
  t.true(addresses.includes(address(4999)) && addresses.includes(address(1_000_000)));
  t.false(addresses.includes(address(0)));
  for (let name = 0; name < 40; name++) names.learn(WEB, answer(`n${name}.test`, name * 1000, 1000));
  const all = [...known.values()].reduce((sum, some) => sum + some.length, 0);
  t.true(all <= 16_384, `${all}`);
  t.deepEqual(known.get('endpoint a.test'), []);
  t.is(known.get('endpoint n39.test')?.length, 1000);
});
