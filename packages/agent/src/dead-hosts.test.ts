import { type Block, parseObject } from '@weir/resources';
import test from 'ava';
import { reclaimable } from './dead-hosts.ts';

const block = (cidr: string, host: string, holders: string[] = []): Block =>
  parseObject({
    apiVersion: 'weir/v1',
    kind: 'Block',
    metadata: { name: cidr.replace('/', '-') },
    spec: {
      cidr,
      pool: 'p',
      host,
      allocations: Object.fromEntries(
        holders.map((holder, index) => [
          cidr.replace(/\d+\/\d+$/, String(index)),
          { containerId: 'c', interfaceName: 'eth0', host: holder },
        ]),
      ),
    },
  }) as Block;

const seen = (blocks: Block[], more: object = {}) => ({
  self: 'me',
  blocks,
  present: new Set(['me', 'alive']),
  known: new Set(['me', 'alive', 'silent']),
  withEndpoints: new Set<string>(),
  ...more,
});

test('a silent host gives back empty blocks; what it holds only when its Host object and its endpoints are gone', (t) => {
  const blocks = [block('10.0.0.0/30', 'silent'), block('10.0.1.0/30', 'silent', ['silent'])];
  t.deepEqual(reclaimable(seen(blocks)), [{ host: 'silent', all: false }]);
  t.deepEqual(reclaimable(seen(blocks.slice(1))), [], 'its containers may be alive');
  const deleted = { known: new Set(['me', 'alive']) };
  t.deepEqual(reclaimable(seen(blocks, deleted)), [{ host: 'silent', all: true }]);
  t.deepEqual(reclaimable(seen(blocks, { ...deleted, withEndpoints: new Set(['silent']) })), [{ host: 'silent', all: false }]);
});

test('nothing is taken from this host, or from one that lives; what a gone host borrowed comes back too', (t) => {
  t.deepEqual(reclaimable(seen([block('10.0.0.0/30', 'me'), block('10.0.1.0/30', 'alive')], { known: new Set() })), []);
  t.deepEqual(reclaimable(seen([block('10.0.1.0/30', 'alive', ['alive', 'lost'])])), [{ host: 'lost', all: true }]);
});
