import { appStatusSchema, type MarathonAppStatus } from '@weir/mesos';
import test from 'ava';
import { makeHealthChecks } from './health-checks.ts';

const TASK = {
  id: 't1',
  appId: '/web',
  host: 'h1',
  state: 'TASK_RUNNING',
  ipAddresses: [{ ipAddress: '10.0.0.1', protocol: 'IPv4' }],
};

const app = (changes: object): MarathonAppStatus =>
  appStatusSchema.parse({
    id: '/web',
    container: { portMappings: [{ containerPort: 8080 }] },
    healthChecks: [{ protocol: 'HTTP', path: '/health', portIndex: 0 }],
    tasks: [TASK],
    ...changes,
  });

/** What one round tells of, and what it asked. */
async function round(of: MarathonAppStatus, ok: boolean): Promise<{ told: [string, boolean][]; asked: string[] }> {
  const [told, asked, stop]: [[string, boolean][], string[], AbortController] = [[], [], new AbortController()];
  const scheduler = { list: () => [of], setHealth: (id: string, alive: boolean) => void told.push([id, alive]) };
  const http = async (url: string) => {
    asked.push(url);
    return { ok, status: ok ? 200 : 503, body: '', start: 0, took: 0 };
  };
  const done = makeHealthChecks(scheduler, new Map([['h1', { http }]]), stop.signal);
  stop.abort();
  await done;
  return { told, asked };
}

test('a check is made at the port and path that it says; what passes is alive', async (t) => {
  t.deepEqual(await round(app({}), true), { told: [['t1', true]], asked: ['http://10.0.0.1:8080/health'] });
});

test('one that fails tells of those alone that had passed; without checks nothing is told', async (t) => {
  t.deepEqual((await round(app({}), false)).told, []);
  const tasks = [{ ...TASK, healthCheckResults: [{ alive: true }] }];
  t.deepEqual((await round(app({ tasks }), false)).told, [['t1', false]]);
  t.deepEqual(await round(app({ healthChecks: [] }), true), { told: [], asked: [] });
});
