import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { HostResolvers, nameServers } from './host-resolvers.ts';

test("the first three name servers, without this host's own; the local one when none is named", (t) => {
  const text =
    '# comment\nsearch example.com\nnameserver 169.254.1.53\nnameserver\t10.0.0.1\n nameserver 10.0.0.9\nnameserver fd00::1\nnameserver 10.0.0.2\n';
  t.deepEqual(nameServers(text), ['10.0.0.1', 'fd00::1']);
  t.deepEqual(nameServers('nameserver 127.0.0.53\noptions edns0\n'), ['127.0.0.53']);
  t.deepEqual(nameServers('nameserver ns.example.com\n'), []);
  t.deepEqual(nameServers(''), ['127.0.0.1']);
});

test('a file that is written anew is read anew, and one that is gone for a moment is remembered', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-resolv-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'resolv.conf');
  const resolvers = new HostResolvers(path);
  t.deepEqual(resolvers.servers, []);
  writeFileSync(path, 'nameserver 10.0.0.1\n');
  t.deepEqual(resolvers.servers, ['10.0.0.1']);
  writeFileSync(path, 'nameserver 10.0.0.2\n');
  utimesSync(path, 1, 1);
  t.deepEqual(resolvers.servers, ['10.0.0.2']);
  rmSync(path);
  t.deepEqual(resolvers.servers, ['10.0.0.2']);
});
