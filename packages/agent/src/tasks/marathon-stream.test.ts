import { setTimeout as delay } from 'node:timers/promises';
import { MarathonError } from '@weir/mesos';
import test, { type ExecutionContext } from 'ava';
import pino from 'pino';
import { createMetrics } from '../metrics.ts';
import { followMarathonStream } from './marathon-stream.ts';

type Stream = (onEvent: (type: string) => void, signal: AbortSignal) => Promise<void>;

/** Follows one stream after the other, the last one again and again, for some milliseconds. */
async function follow(_: ExecutionContext, streams: Stream[], milliseconds: number) {
  const lines: { msg: string; error?: string }[] = [];
  const seen = { opened: 0, changes: 0 };
  const metrics = createMetrics();
  const stop = new AbortController();
  const client = {
    followEvents: (onEvent: (type: string) => void, { signal }: { signal: AbortSignal }) =>
      streams[Math.min(seen.opened++, streams.length - 1)]!(onEvent, signal),
  };
  const following = followMarathonStream(
    {
      client,
      onChange: () => seen.changes++,
      log: pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }),
      metrics,
      retry: 10,
      longestRetry: 1000,
    },
    stop.signal,
  );
  await delay(milliseconds);
  stop.abort();
  await following;
  const failures = (await metrics.registry.getSingleMetric('weir_marathon_failures_total')?.get())?.values[0]?.value ?? 0;
  return { ...seen, lines, failures };
}

const refused: Stream = async () => {
  throw new MarathonError('EHTTP', 'Marathon refused GET /v2/events: HTTP status 503', { status: 503 });
};
const endless: Stream = (onEvent, signal) => {
  onEvent('event_stream_attached');
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
};

test('a storm of refusals is told once, counted, and asked ever more seldom', async (t) => {
  const { opened, lines, failures } = await follow(t, [refused], 400);
  t.true(opened >= 3 && opened <= 7, `${opened} tries of 10, 20, 40 … ms`);
  t.is(failures, opened);
  t.is(lines.length, 1);
  t.regex(lines[0]!.error!, /503/);
});

test('a stream that ends at once again and again is no error, and no hammering either; each beginning is a reason to look', async (t) => {
  const brief: Stream = async (onEvent) => onEvent('event_stream_attached');
  const { opened, changes, lines, failures } = await follow(t, [brief], 400);
  t.true(opened >= 3 && opened <= 7, String(opened));
  t.is(changes, opened);
  t.is(lines.length + Number(failures), 0);
});

test('after an outage the stream is there again, and what was missed is looked for', async (t) => {
  const { opened, changes } = await follow(t, [refused, refused, endless], 200);
  t.is(opened, 3);
  t.is(changes, 1);
});
