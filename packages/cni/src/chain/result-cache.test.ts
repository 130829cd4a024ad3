import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Result } from '../protocol/result.ts';
import { environment, NETWORK, parseCall } from '../testing/cni-call.ts';
import { ResultCache } from './result-cache.ts';

const RESULT: Result = {
  interfaces: [
    { name: 'veth1', mtu: 1450 },
    { name: 'eth0', sandbox: '/ns' },
  ],
  ips: [{ address: '10.9.0.1/24', interface: 1 }],
  routes: [{ dst: '0.0.0.0/0', priority: 7 }],
  dns: { nameservers: ['192.0.2.53'] },
};

test('a result is found again as it was, by another process too, until it is forgotten', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'weir-results-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  const folder = join(root, 'results');
  const cache = new ResultCache(folder);
  const call = (CNI_CONTAINERID: string, name = 'weir') => parseCall(environment('ADD', { CNI_CONTAINERID }), { ...NETWORK, name });
  t.is(cache.find(call('a')), undefined);
  t.deepEqual(cache.attachments('weir'), []);
  const long = `redis@1:2.${'x'.repeat(500)}`;
  for (const id of ['a', long]) cache.keep(call(id), { ...RESULT, dns: {} });
  cache.keep(call('a'), RESULT);
  cache.keep(call('a', 'other'), RESULT);
  const again = new ResultCache(folder);
  t.deepEqual(again.find(call('a')), RESULT);
  t.deepEqual(
    again
      .attachments('weir')
      .map(({ containerId }) => containerId)
      .sort(),
    ['a', long],
  );
  again.forget(call('a'));
  again.forget(call('a'));
  t.is(cache.find(call('a')), undefined);
  t.deepEqual(cache.find(call('a', 'other')), RESULT);

  // What kill -9 left of a file that was being written counts for nothing.
  for (const name of readdirSync(folder)) writeFileSync(join(folder, name), '{"network": "we');
  t.is(cache.find(call(long)), undefined);
  t.deepEqual(cache.attachments('weir'), []);
});
