import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { measureMatrix, type Source, type Target, unexpectedCells } from './matrix.ts';
import { formatMatrix, summarizeMatrix } from './matrix-table.ts';

/** A probe that reaches these addresses only. */
function reaching(label: string, addresses: string[], body = (address: string) => `at ${address}`): Source {
  return {
    label,
    probe: {
      http: async (url) => {
        const address = new URL(url).hostname.replace(/[[\]]/g, '');
        const ok = addresses.includes(address);
        return ok ? { ok, status: 200, body: body(address), start: 0, took: 1 } : { ok: false, error: 'silence', start: 0, took: 1000 };
      },
      ping: async (address) => addresses.includes(address),
    },
  };
}

const target = (label: string, address: string): Target => ({ label, addresses: [address], body: `at ${address}` });

test('each source asks each target but itself; what differs from the policy is found', async (t) => {
  const cells = await measureMatrix([reaching('a', ['10.0.0.2']), reaching('b', [])], [target('a', '10.0.0.1'), target('b', '10.0.0.2')]);
  t.deepEqual(
    cells.map(({ source, target, http, ping }) => [source, target, http.length, ping.length]),
    [
      ['a', 'b', 1, 1],
      ['b', 'a', 0, 0],
    ],
  );
  t.deepEqual(
    unexpectedCells(cells, () => true).map(({ source }) => source),
    ['b'],
  );
  t.deepEqual(
    unexpectedCells(cells, (source) => source === 'a'),
    [],
  );
});

test('an answer from another container is none', async (t) => {
  const [cell] = await measureMatrix([reaching('a', ['10.0.0.2'], () => 'somebody else')], [target('b', '10.0.0.2')]);
  t.deepEqual(cell?.http, []);
});

test('a family that is cut off shows, and is not what was expected', async (t) => {
  const both: Target = { label: 'b', addresses: ['10.0.0.2', 'fd00::2'], body: 'b' };
  const cells = await measureMatrix([reaching('a', ['10.0.0.2'], () => 'b')], [both]);
  t.regex(stripVTControlCharacters(formatMatrix(cells)), /│ a +│ v4 v4 +│/);
  t.is(unexpectedCells(cells, () => true).length, 1);
  t.is(unexpectedCells(cells, () => false).length, 1);
});

test('seven by seven fits in 100 columns', async (t) => {
  const labels = ['nginx-1', 'nginx-2', 'access-1', 'access-2', 'access-3', 'other-1', 'other-2'];
  const cells = await measureMatrix(
    labels.map((label) => reaching(label, [])),
    labels.map((label, index) => target(label, `10.0.0.${index}`)),
  );
  const lines = stripVTControlCharacters(formatMatrix(cells)).split('\n');
  t.true(Math.max(...lines.map((line) => line.length)) <= 97, lines[0]);
  t.is(lines.length, 1 + 1 + 1 + 7 + 1);
  t.regex(summarizeMatrix(cells), /HTTP: 0 of 42 pairs, ping: 0 of 42/);
});
