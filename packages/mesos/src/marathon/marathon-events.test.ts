import { getEventListeners, once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { MarathonClient } from './marathon-client.ts';
import { isChange, readEvents } from './marathon-events.ts';

test('types of events, however they are cut; comments, half events and other lines are skipped', async (t) => {
  const text =
    ': hello\r\n\r\nevent: api_post_event\r\ndata: {"a":"ä"}\r\n\r\nevent: new_in_2099\ndata: x\n\nnonsense\n\ndata: no type\n\nevent: half';
  const bytes = Buffer.from(text);
  for (const size of [1, 7, bytes.length]) {
    const stream = new PassThrough();
    for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
    stream.end();
    const seen: string[] = [];
    await readEvents(stream, (type) => seen.push(type), 1000);
    t.deepEqual(seen, ['api_post_event', 'new_in_2099']);
  }
  t.deepEqual(['api_post_event', 'new_in_2099', 'scheduler_registered_event'].map(isChange), [true, false, false]);
});

async function serve(t: ExecutionContext, listener: RequestListener): Promise<string> {
  const server = createServer({ keepAliveTimeout: 0 }, listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a stream that stalls ends with an error, one that is closed without, and the signal ends both', async (t) => {
  const url = await serve(
    t,
    (_, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: x\ndata: {}\n\n'),
  );
  const seen: string[] = [];
  const client = new MarathonClient({ url });
  const { signal } = new AbortController();
  await t.throwsAsync(
    client.followEvents((type) => seen.push(type), { silence: 200, signal }),
    { message: /silent for 0.2 seconds/ },
  );
  t.deepEqual(seen, ['event_stream_attached', 'x']);
  const stop = new AbortController();
  const following = client.followEvents(() => stop.abort(), { silence: 10_000, signal: stop.signal });
  await t.notThrowsAsync(following);
});

test('another master is asked where one is away or knows no leader, and the leader from then on', async (t) => {
  const asked: string[] = [];
  const apps = (response: Parameters<RequestListener>[1]) => response.end(JSON.stringify({ apps: [] }));
  const leader = await serve(t, (_, response) => {
    asked.push('leader');
    apps(response);
  });
  const proxy = await serve(t, (_, response) => {
    asked.push('proxy');
    response.setHeader('X-Marathon-Leader', leader);
    apps(response);
  });
  const leaderless = await serve(t, (_, response) => {
    asked.push('leaderless');
    response.writeHead(503).end(JSON.stringify({ message: 'Could not determine the current leader' }));
  });
  const client = new MarathonClient({ urls: ['http://127.0.0.1:1', leaderless, proxy, leader] });
  await client.listApps();
  await client.listApps();
  t.deepEqual(asked, ['leaderless', 'proxy', 'leader']);
  const stranger = new MarathonClient({ urls: [proxy] });
  await stranger.listApps();
  await stranger.listApps();
  t.is(asked.at(-1), 'proxy', 'one that the configuration does not name gets no password');
});

test('a master that takes the connection and says nothing is as silent as a stream that stalls', async (t) => {
  const dumb = await serve(t, () => {});
  const leader = await serve(t, (_, response) => void response.end('event: x\ndata: {}\n\n'));
  const { signal } = new AbortController();
  const seen: string[] = [];
  await new MarathonClient({ urls: [dumb, leader] }).followEvents((type) => seen.push(type), { silence: 200, signal });
  t.deepEqual(seen, ['event_stream_attached', 'x']);
  await t.throwsAsync(
    new MarathonClient({ url: dumb }).followEvents(() => {}, { silence: 200, signal }),
    { code: 'EUNAVAILABLE' },
  );
});

test('what was followed, or refused, leaves nothing behind', async (t) => {
  const { signal } = new AbortController();
  const leader = await serve(t, (_, response) => void response.end('event: x\ndata: {}\n\n'));
  await new MarathonClient({ url: leader }).followEvents(() => {}, { silence: 1000, signal });
  t.deepEqual(getEventListeners(signal, 'abort'), []);
  let open = 0;
  const closed = Promise.withResolvers<void>();
  const url = await serve(t, ({ socket }, response) => {
    open += 1;
    socket.once('close', () => --open === 0 && closed.resolve());
    response.writeHead(503).end('no leader');
  });
  const client = new MarathonClient({ url });
  const refused = () =>
    t.throwsAsync(
      client.followEvents(() => {}, { silence: 1000, signal }),
      { code: 'EHTTP' },
    );
  await Promise.all([refused(), refused(), refused()]);
  await closed.promise;
  t.pass();
});
