import { StoreError } from '@weir/datastore';
import { type Endpoint, parseObject } from '@weir/resources';
import test from 'ava';
import pino from 'pino';
import { Attachments } from '../calls/attachments.ts';
import type { Enforcement } from '../calls/enforcement.ts';
import { createMetrics } from '../metrics.ts';
import { followOnce } from './follow-tasks.ts';
import type { MesosTasks } from './mesos-tasks.ts';
import { UnknownContainers } from './unknown-containers.ts';

function endpoint(containerId: string): Endpoint {
  const spec = { host: 'h1', containerId, network: 'weir', interfaceName: 'eth0', hostInterface: `weir${containerId}`, addresses: [] };
  const metadata = { name: `${containerId}-eth0`, namespace: 'shop' };
  return parseObject({ apiVersion: 'weir/v1', kind: 'Endpoint', metadata, spec: { ...spec, mesos: { task: 't' } } }) as Endpoint;
}

test('one that cannot be collected, since the store is away, ends nothing and holds up nobody', async (t) => {
  const collected: string[] = [];
  const lines: { error?: string }[] = [];
  const follower = {
    tasks: { containers: async () => new Map() } as unknown as MesosTasks,
    enforcement: { stored: [endpoint('a'), endpoint('b')] } as unknown as Enforcement,
    attachments: new Attachments(),
    unknown: new UnknownContainers({ graceSeconds: 0 }),
    prepare: () => t.fail() as never,
    collect: async ({ spec }: Endpoint) => {
      if (spec.containerId === 'a') throw new StoreError('EUNAVAILABLE', 'the store is away');
      collected.push(spec.containerId);
    },
    log: pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    metrics: createMetrics(),
  };
  t.false(await followOnce(follower, new Set()));
  t.deepEqual(collected, ['b']);
  t.deepEqual(
    lines.map(({ error }) => error),
    ['the store is away'],
  );
});
