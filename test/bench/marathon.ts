/**
 * `npm run bench:marathon`: what a look at Marathon costs the agent that follows it, with 10,000 apps of which each has a policy: the first look, which
 * writes all of them, one that finds nothing new, and one that finds one app changed; and how long the agent does nothing else at a stretch.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ObjectStore, openStore } from '@weir/datastore';
import pino from 'pino';
import { createMetrics } from '../../packages/agent/src/metrics.ts';
import { MarathonFollower } from '../../packages/agent/src/tasks/marathon-follower.ts';
import { medianRow, type Row, report } from './table.ts';

const APPS = 10_000;
const ROUNDS = 5;

const app = (index: number, tier = 'front') => ({
  id: `/group-${index % 100}/app-${index}`,
  cmd: 'exec ./serve'.padEnd(500),
  labels: { tier, WEIR_POLICY: 'allow from app=lb port http' },
  networks: [{ mode: 'container', name: 'weir' }],
  container: { portMappings: [{ containerPort: 80, name: 'http' }] },
  healthChecks: [{ protocol: 'HTTP' }],
  tasks: [{ id: `group-${index % 100}_app-${index}.instance-1._app.1`, state: 'TASK_RUNNING', healthCheckResults: [{ alive: true }] }],
});

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
const store = await openStore({ backend: 'embedded', path: join(folder, 'weir.db'), timeoutMilliseconds: 5000 });
let answer = JSON.stringify(Array.from({ length: APPS }, (_, index) => app(index)));
const client = {
  listDefinitions: async () => ({ apps: JSON.parse(answer), pods: [], podStatuses: [] }),
  followEvents: async () => {},
  getInfo: async () => ({ name: 'marathon', version: '1.8.0' }),
};
const follower = new MarathonFollower({
  store,
  objects: new ObjectStore(store),
  client,
  log: pino({ level: 'silent' }),
  metrics: createMetrics(),
  endpoints: () => [],
});

/** @returns milliseconds of one look, and of the longest stretch within it in which nothing else had its turn */
async function look(): Promise<{ took: number; held: number }> {
  let held = 0;
  let last = performance.now();
  const clock = setInterval(() => {
    const now = performance.now();
    held = Math.max(held, now - last);
    last = now;
  }, 1);
  const began = performance.now();
  await follower.sync();
  const took = performance.now() - began;
  clearInterval(clock);
  return { took, held: Math.max(held, performance.now() - last) };
}

const rows: Row[] = [];
const add = (name: string, looks: { took: number; held: number }[]) => {
  rows.push(medianRow({ name, unit: 'ms', samples: looks.map(({ took }) => took) }));
  rows.push(medianRow({ name: `${name}: longest stretch`, unit: 'ms', samples: looks.map(({ held }) => held) }));
};
add(`the first look at ${APPS} apps`, [await look()]);
const same = [];
for (let round = 0; round < ROUNDS; round++) same.push(await look());
add('a look that finds nothing new', same);
const changed = [];
for (let round = 0; round < ROUNDS; round++) {
  answer = JSON.stringify(Array.from({ length: APPS }, (_, index) => app(index, index === round ? `changed-${round}` : 'front')));
  changed.push(await look());
}
add('a look that finds one app changed', changed);
await store.close();
rmSync(folder, { recursive: true });
report('marathon', rows);
