/** Several masters: redirects, TLS, and who gets the password. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestAuthority } from '@weir/datastore/testing';
import test, { type ExecutionContext } from 'ava';
import { MarathonClient } from './marathon-client.ts';

async function listen(t: ExecutionContext, server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function serve(t: ExecutionContext, listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(t, createServer(listener))}`;
}

/** A leader that notes who asked with what, and a master beside it that sends everybody there, as Marathon does with its event stream. */
async function pair(t: ExecutionContext) {
  const asked: { url: string; authorization: string | undefined }[] = [];
  const leader = await serve(t, ({ url = '', headers }, response) => {
    asked.push({ url, authorization: headers.authorization });
    if (url === '/v2/events') response.writeHead(200, { 'content-type': 'text/event-stream' }).end('event: api_post_event\ndata: {}\n\n');
    else response.end(JSON.stringify({ apps: [] }));
  });
  const follower = await serve(t, ({ url }, response) => void response.writeHead(302, { location: leader + url }).end('see there'));
  return { asked, leader, follower };
}

function secret(t: ExecutionContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-marathon-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'secret');
  writeFileSync(file, `${text}\n`);
  return file;
}

const types = async (client: MarathonClient) => {
  const seen: string[] = [];
  await client.followEvents((type) => seen.push(type), { silence: 1000, signal: new AbortController().signal });
  return seen;
};

test('the event stream is followed to the leader, with the password where the configuration names it', async (t) => {
  const { asked, leader, follower } = await pair(t);
  const client = new MarathonClient({ urls: [follower, leader], user: 'weir', passwordFile: secret(t, 'pass') });
  t.deepEqual(await types(client), ['event_stream_attached', 'api_post_event']);
  t.deepEqual(asked, [{ url: '/v2/events', authorization: `Basic ${btoa('weir:pass')}` }]);
  await client.listApps();
  t.is(asked.at(-1)?.url, '/v2/apps', 'and the leader is asked first from then on');
});

test('a leader that the configuration does not name is asked without password and token', async (t) => {
  const { asked, follower } = await pair(t);
  for (const how of [
    { user: 'weir', passwordFile: secret(t, 'pass') },
    { tokenFile: secret(t, 'tok'), tokenScheme: 'token' },
  ]) {
    t.deepEqual(await types(new MarathonClient({ url: follower, ...how })), ['event_stream_attached', 'api_post_event']);
    t.deepEqual(asked.pop(), { url: '/v2/events', authorization: undefined });
  }
});

test("DC/OS' token is sent in its form", async (t) => {
  const { asked, leader } = await pair(t);
  await new MarathonClient({ url: leader, tokenFile: secret(t, 'eyJ'), tokenScheme: 'token' }).listApps();
  await new MarathonClient({ url: leader, tokenFile: secret(t, 'eyJ'), tokenScheme: 'token=' }).listApps();
  await new MarathonClient({ url: leader, tokenFile: secret(t, 'eyJ') }).listApps();
  t.deepEqual(
    asked.map(({ authorization }) => authorization),
    ['token eyJ', 'token=eyJ', 'Bearer eyJ'],
  );
});

test('masters that send to each other for ever are told of', async (t) => {
  const urls: string[] = [];
  for (const other of [1, 0])
    urls.push(await serve(t, ({ url }, response) => void response.writeHead(307, { location: urls[other]! + url }).end()));
  await t.throwsAsync(new MarathonClient({ urls }).listApps(), { code: 'EUNAVAILABLE', message: /agree on who leads/ });
});

test('a redirect to something else than HTTP is not followed', async (t) => {
  const url = await serve(t, (_, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end());
  await t.throwsAsync(new MarathonClient({ url }).listApps(), { code: 'EUNAVAILABLE' });
});

test('TLS: only a server of the given authority is talked to, and it gets our certificate when it asks', async (t) => {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const [server, own] = [await authority.issue('marathon'), await authority.issue('weir')];
  const { caFile } = authority;
  const peers: string[] = [];
  const tls = createTlsServer(
    {
      key: readFileSync(server.keyFile),
      cert: readFileSync(server.certFile),
      ca: readFileSync(caFile),
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      const { subject } = (request.socket as import('node:tls').TLSSocket).getPeerCertificate();
      peers.push(String(subject?.CN ?? ''));
      response.end(JSON.stringify({ apps: [] }));
    },
  );
  const url = `https://127.0.0.1:${await listen(t, tls as unknown as ReturnType<typeof createServer>)}`;
  await t.throwsAsync(new MarathonClient({ url }).listApps(), { code: 'EUNAVAILABLE', message: /certificate/ });
  await new MarathonClient({ url, caFile, ...own }).listApps();
  await new MarathonClient({ url, caFile }).listApps();
  t.deepEqual(peers, ['weir', '']);
  const plain = await serve(t, ({ url: path }, response) => void response.writeHead(302, { location: url + path }).end());
  await new MarathonClient({ url: plain, caFile, ...own }).listApps();
  t.is(peers.pop(), '', 'a server that the configuration does not name does not see our certificate');
});
