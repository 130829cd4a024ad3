import { setTimeout as delay } from 'node:timers/promises';
import { type MesosContainer, MesosError } from '@weir/mesos';
import test from 'ava';
import pino from 'pino';
import { createMetrics } from '../metrics.ts';
import { MesosTasks } from './mesos-tasks.ts';

const CONTAINER: MesosContainer = {
  containerId: 'c1',
  framework: 'x',
  role: undefined,
  executorId: 't',
  labels: [],
  tasks: [{ task_id: { value: 't' }, framework_id: { value: 'f' }, labels: { labels: [] }, statuses: [] }],
};

function setUp(answer: () => Promise<Map<string, MesosContainer>>, patience?: number) {
  const lines: string[] = [];
  const asked = { times: 0 };
  const client = {
    containers: () => {
      asked.times++;
      return answer();
    },
  };
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  return { tasks: new MesosTasks({ client, log, metrics: createMetrics(), ...(patience && { patience }) }), lines, asked };
}

test('questions that come together share one answer, and none is answered with an older one', async (t) => {
  const { tasks, asked } = setUp(async () => {
    await delay(20);
    return new Map([['c1', CONTAINER]]);
  });
  const found = await Promise.all(Array.from({ length: 50 }, () => tasks.find('c1')));
  t.true(found.every((task) => task?.facts.task === 't'));
  t.is(asked.times, 2, 'the first one, and one for all that came while it was under way');
});

test('a launch goes on without a Mesos agent, and an outage is told once', async (t) => {
  let away = true;
  const { tasks, lines } = setUp(async () => {
    if (away) throw new MesosError('EUNAVAILABLE', 'nobody there');
    return new Map();
  });
  const awaited = tasks.awaited;
  for (let times = 0; times < 5; times++) t.is(await tasks.find('c1'), undefined);
  await awaited;
  t.is(tasks.failure, 'nobody there');
  away = false;
  await tasks.find('c1');
  t.is(tasks.failure, undefined);
  t.deepEqual(lines, ['the Mesos agent cannot be asked; what it said last holds', 'the Mesos agent answers again']);
});

test('a Mesos agent that does not answer holds an ADD for a moment alone', async (t) => {
  const { tasks } = setUp(() => new Promise(() => {}), 30);
  t.is(await tasks.find('c1'), undefined);
});
