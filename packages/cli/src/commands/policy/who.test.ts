import test from 'ava';
import { endpoint, lines, Weir } from '../../testing/weir.ts';

const DB = `apiVersion: weir/v1
kind: Policy
metadata: {name: db, namespace: shop}
spec:
  selector: run == 'db'
  ingress:
    - {action: Allow, protocol: TCP, source: {selector: run == 'web'}, destination: {ports: [5432]}}
`;

async function shop(t: Parameters<typeof Weir.in>[0]): Promise<Weir> {
  const weir = await Weir.in(t);
  await weir.seed(
    endpoint('web1', { run: 'web' }, { on: 'h1', address: '10.77.0.1' }),
    endpoint('web2', { run: 'web', canary: 'yes' }, { on: 'h2', address: '10.77.0.65' }),
    endpoint('db1', { run: 'db' }, { on: 'h2', address: '10.77.0.67' }),
  );
  return weir;
}

test('who may talk to whom, by app', async (t) => {
  const weir = await shop(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: DB });
  t.is(
    await weir.ok(t, ['policy', 'who', '--to', 'run=db']),
    lines(
      'FROM                      TO            MAY-SEND',
      'shop/canary=yes,run=web   shop/run=db   TCP 5432',
      'shop/run=web              shop/run=db   TCP 5432',
    ),
  );
  t.is(
    await weir.ok(t, ['policy', 'who', '--by', 'run', '--to', 'run=db', '--all']),
    lines('FROM           TO            MAY-SEND', 'outside        shop/run=db   nothing', 'shop/run=web   shop/run=db   TCP 5432'),
  );
  t.deepEqual(JSON.parse(await weir.ok(t, ['policy', 'who', '--from', 'run=web,!canary', '--to', 'run=db', '-o', 'json'])), [
    { from: 'shop/run=web', to: 'shop/run=db', pairs: 1, of: 1, families: ['IPv4'], maySend: 'TCP 5432' },
  ]);
});

test('instances of one group that policy tells apart are told', async (t) => {
  const weir = await shop(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: DB.replace("run == 'web'", 'has(canary)') });
  t.is(
    await weir.ok(t, ['policy', 'who', '--by', 'run', '--from', 'run=web', '--to', 'run=db']),
    lines('FROM           TO            MAY-SEND   FOR', 'shop/run=web   shop/run=db   TCP 5432   1 of 2 pairs (IPv4)'),
  );
});

test('what a policy would change, before it is applied; and what its end would', async (t) => {
  const weir = await shop(t);
  const expected = (before: string, after: string) => {
    const rows = [
      ['outside', 'shop/run=db'],
      ['shop/run=web', 'shop/run=db'],
    ] as const;
    return rows.map(([from, to]) => ({ from, to, before, after: from === 'outside' && after !== 'everything' ? 'nothing' : after }));
  };
  const simulate = async (...flags: string[]) =>
    JSON.parse(await weir.ok(t, ['policy', 'simulate', '--by', 'run', '-o', 'json', '-f', '-', ...flags], { stdin: DB })).map(
      ({ from, to, before, after }: Record<string, string>) => ({ from, to, before, after }),
    );
  t.deepEqual(await simulate(), expected('everything', 'TCP 5432'));
  t.is(await weir.ok(t, ['get', 'policies', '-A', '-o', 'name']), '', 'nothing was written');
  await weir.ok(t, ['apply', '-f', '-'], { stdin: DB });
  t.deepEqual(await simulate(), []);
  t.deepEqual(await simulate('--delete'), [
    { from: 'outside', to: 'shop/run=db', before: 'nothing', after: 'everything' },
    { from: 'shop/run=web', to: 'shop/run=db', before: 'TCP 5432', after: 'everything' },
  ]);
  t.regex(await weir.ok(t, ['policy', 'simulate', '--delete', '-f', '-'], { stdin: DB }), /^FROM +TO +BEFORE +AFTER$/m);
});

test('a simulation refuses what apply and delete refuse', async (t) => {
  const weir = await shop(t);
  const simulate = (stdin: string, ...flags: string[]) => weir.fails(t, 1, ['policy', 'simulate', '-f', '-', ...flags], { stdin });
  t.regex(await simulate(DB, '--delete'), /^error: policy\/db is not there$/m);
  t.regex(await simulate(DB.replace('spec:', 'spec:\n  tier: gone')), /there would be no tier "gone"/);
  t.regex(await simulate(DB.replace('selector', 'selecter')), /did you mean "selector"\?/);
});
