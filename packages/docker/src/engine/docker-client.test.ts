/** Answers as Docker 20.10 gives them. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { DockerClient } from './docker-client.ts';

/** @param answers by path without its query; what has none is not found */
async function engine(t: ExecutionContext, answers: Record<string, unknown>) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-engine-'));
  const socketPath = join(folder, 'docker.sock');
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(decodeURIComponent(request.url!));
    const answer = answers[request.url!.split('?', 1)[0]!];
    response.statusCode = answer === undefined ? 404 : 200;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer ?? { message: 'not found' }));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });
  return { client: new DockerClient({ socketPath }), asked };
}

test("a network with endpoints, of which one is no container's; and an empty one, as Go writes it", async (t) => {
  const { client } = await engine(t, {
    '/networks/n1': {
      Name: 'shop',
      Options: { namespace: 'store' },
      Containers: { c1: { Name: 'web', EndpointID: 'e1' }, 'ep-e2': { Name: 'x', EndpointID: 'e2' } },
    },
    '/networks/n2': { Name: 'empty', Options: null, Containers: null },
  });
  const endpoints = new Map([
    ['e1', 'c1'],
    ['e2', undefined],
  ]);
  t.deepEqual(await client.network('n1'), { name: 'shop', options: { namespace: 'store' }, endpoints });
  t.deepEqual(await client.network('n2'), { name: 'empty', options: {}, endpoints: new Map() });
  t.is(await client.network('n3'), undefined);
});

// `GET /containers/<id>/json` waits until the container has started: its labels would come after its first packets.
test('a container is asked for in the list, and its image for the labels that are not its own', async (t) => {
  const { client, asked } = await engine(t, {
    '/containers/json': [{ Id: 'c1', Names: ['/other/alias', '/web'], ImageID: 'sha256:1', Labels: { app: 'web' } }],
    '/images/sha256%3A1/json': { Config: { Labels: { maintainer: 'x' } } },
  });
  t.deepEqual(await client.container('c1'), { id: 'c1', name: 'web', labels: { app: 'web' }, imageLabels: { maintainer: 'x' } });
  t.deepEqual(asked, ['/containers/json?all=1&filters={"id":["c1"]}', '/images/sha256:1/json']);
});

test('a container that is gone is none; one whose image is gone is not known well enough', async (t) => {
  const gone = await engine(t, { '/containers/json': [] });
  t.is(await gone.client.container('c1'), undefined);
  const { client } = await engine(t, { '/containers/json': [{ Id: 'c1', Names: null, ImageID: 'sha256:1', Labels: null }] });
  await t.throwsAsync(client.container('c1'), { code: 'EANSWER', message: /no image sha256:1/ });
});

test('an engine that does not answer, or something else that does', async (t) => {
  const nobody = new DockerClient({ socketPath: '/nowhere/docker.sock' });
  await t.throwsAsync(nobody.network('n1'), { code: 'EUNAVAILABLE', message: /Docker does not answer at \/nowhere\/docker.sock/ });
  const { client } = await engine(t, { '/networks/n1': { hello: 'world' } });
  await t.throwsAsync(client.network('n1'), { code: 'EANSWER', message: /GET \/networks\/n1: .*Name/s });
});
