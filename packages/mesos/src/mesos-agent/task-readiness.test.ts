import test from 'ava';
import fc from 'fast-check';
import { readinessOf } from './task-readiness.ts';

const app = (more: object, tasks: object[] = [{ id: 'a.instance-1._app.1' }]) => ({ id: '/a', tasks, ...more });
const of = (...apps: object[]) => Object.fromEntries(readinessOf({ apps, pods: [] }));
const ID = 'a.instance-1._app.1';

test('health checks: all have to be passed, and before the first result nothing is known', (t) => {
  const checked = (healthCheckResults: object[] | undefined) =>
    of(app({ healthChecks: [{}, {}] }, [{ id: ID, ...(healthCheckResults && { healthCheckResults }) }]));
  t.deepEqual(checked([{ alive: true }, { alive: true }]), { [ID]: 'ready' });
  t.deepEqual(checked([{ alive: true }, { alive: false }]), { [ID]: 'not-ready' });
  t.deepEqual(checked([]), { [ID]: 'unknown' });
  t.deepEqual(checked(undefined), { [ID]: 'unknown' });
  t.deepEqual(of(app({})), { [ID]: 'unchecked' });
});

test('readiness checks count while Marathon deploys, by task or by instance', (t) => {
  const deploying = { readinessChecks: [{}], deployments: [{ id: 'd' }] };
  t.deepEqual(of(app(deploying)), { [ID]: 'unknown' });
  t.deepEqual(of(app({ ...deploying, readinessCheckResults: [{ taskId: ID, ready: false }] })), { [ID]: 'not-ready' });
  t.deepEqual(of(app({ ...deploying, readinessCheckResults: [{ taskId: 'a.instance-1', ready: true }] })), { [ID]: 'ready' });
  t.deepEqual(of(app({ ...deploying, readinessCheckResults: [{ taskId: 'a.instance-11', ready: true }] })), { [ID]: 'unknown' });
  t.deepEqual(of(app({ readinessChecks: [{}], deployments: [] })), { [ID]: 'unchecked' });
  const both = { ...deploying, healthChecks: [{}], readinessCheckResults: [{ taskId: ID, ready: true }] };
  t.deepEqual(of(app(both)), { [ID]: 'unknown' }, 'health is not known yet');
});

test('a task that is being killed takes nothing new, checked or not', (t) => {
  t.deepEqual(of(app({}, [{ id: ID, state: 'TASK_KILLING', healthCheckResults: [{ alive: true }] }])), { [ID]: 'not-ready' });
});

test('pods, by the state of their instance', (t) => {
  const pod = (status: string, healthCheck?: object) => ({
    id: '/p',
    spec: { containers: [{ name: 'x', ...(healthCheck && { healthCheck }) }, { name: 'y' }] },
    instances: [{ id: 'i', status, containers: [{ containerId: 'i.x' }, { containerId: 'i.y' }, {}] }],
  });
  const all = (status: string, check?: object) => Object.fromEntries(readinessOf({ apps: [], pods: [pod(status, check)] }));
  t.deepEqual(all('STABLE', {}), { 'i.x': 'ready', 'i.y': 'ready' });
  t.deepEqual(all('DEGRADED', {}), { 'i.x': 'not-ready', 'i.y': 'not-ready' });
  t.deepEqual(all('STAGING', {}), { 'i.x': 'unknown', 'i.y': 'unknown' });
  t.deepEqual(all('DEGRADED'), { 'i.x': 'unchecked', 'i.y': 'unchecked' });
  t.deepEqual(all('TERMINAL'), { 'i.x': 'not-ready', 'i.y': 'not-ready' });
});

test('whatever Marathon tells, an answer comes of it', (t) => {
  fc.assert(fc.property(fc.array(fc.anything()), fc.array(fc.anything()), (apps, pods) => readinessOf({ apps, pods }) instanceof Map));
  t.pass();
});
