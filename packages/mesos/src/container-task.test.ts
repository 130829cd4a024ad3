import test from 'ava';
import { readAppLabels, taskOf } from './container-task.ts';
import { appOfTask, nameOfApp, namespaceOfApp } from './marathon-task.ts';
import { containersOf, getTasksSchema, stateSchema } from './mesos-state.ts';

const UUID = '0a1b2c3d-1111-2222-3333-444455556666';

/** A Mesos agent with a queued task of Marathon, a pod of two containers, one with a network of its own, and a task of another framework. */
const state = stateSchema.parse({
  frameworks: [
    {
      id: 'f1',
      name: 'marathon',
      executors: [
        { id: `shop_web.instance-${UUID}._app.1`, container: 'c-web', role: 'prod', queued_tasks: [{ id: 'x' }] },
        {
          id: `instance-shop_pod.${UUID}`,
          container: 'c-pod',
          type: 'DEFAULT',
          labels: [{ key: 'tier', value: 'pod' }],
        },
      ],
    },
    { id: 'f2', name: 'chronos', executors: [{ id: 'ct:1', container: 'c-job' }] },
  ],
});
const label = (key: string, value?: string) => ({ key, ...(value !== undefined && { value }) });
const task = (framework: string, id: string, more: object = {}) => ({
  name: id,
  task_id: { value: id },
  framework_id: { value: framework },
  ...more,
});
const { queued_tasks, launched_tasks } = getTasksSchema.parse({
  get_tasks: {
    queued_tasks: [
      task('f1', `shop_web.instance-${UUID}._app.1`, {
        labels: { labels: [label('run', 'web'), label('bare'), label('WEIR_POOL', 'gold')] },
        discovery: {
          visibility: 'FRAMEWORK',
          ports: {
            ports: [
              { number: 80, name: 'http', protocol: 'tcp', labels: { labels: [label('network-scope', 'container')] } },
              { number: 31000, name: 'dns', protocol: 'udp', labels: { labels: [label('network-scope', 'host')] } },
            ],
          },
        },
      }),
    ],
    launched_tasks: [
      task('f1', `shop_pod.instance-${UUID}.two`, {
        executor_id: { value: `instance-shop_pod.${UUID}` },
        labels: { labels: [label('tier', 'two'), label('of', 'two')] },
        statuses: [
          { healthy: true },
          { healthy: false, container_status: { container_id: { value: 'nested', parent: { value: 'c-pod' } } } },
        ],
      }),
      task('f1', `shop_pod.instance-${UUID}.one`, { executor_id: { value: `instance-shop_pod.${UUID}` }, statuses: [{ healthy: true }] }),
      task('f2', 'ct:1', { labels: { labels: [label('run', 'job')] } }),
    ],
  },
}).get_tasks;
const containers = containersOf(state, [...queued_tasks, ...launched_tasks]);

test('a queued task is known before its container runs', (t) => {
  const web = taskOf(containers.get('c-web')!)!;
  t.deepEqual(web.facts, { task: `shop_web.instance-${UUID}._app.1`, framework: 'marathon', role: 'prod', app: '/shop/web' });
  t.deepEqual(web.labels, [
    { key: 'app', value: 'web' },
    { key: 'run', value: 'web' },
    { key: 'bare', value: '' },
    { key: 'weir/pool', value: 'gold' },
  ]);
  t.deepEqual(web.identity, { 'weir/app': '/shop/web', 'weir/framework': 'marathon', 'weir/role': 'prod' });
  t.is(web.namespace, 'shop');
  t.deepEqual(web.ports, [
    { name: 'http', protocol: 'TCP', port: 80 },
    { name: 'dns', protocol: 'UDP', port: 31000, onHost: true },
  ]);
});

test("a pod's container has the labels of all its tasks, and the pod's own win", (t) => {
  const pod = taskOf(containers.get('c-pod')!)!;
  t.deepEqual(Object.fromEntries(pod.labels.map(({ key, value }) => [key, value])), { app: 'pod', tier: 'pod', of: 'two' });
  t.is(pod.facts.healthy, false, 'one sick container makes a sick pod');
  t.is(pod.facts.executor, `instance-shop_pod.${UUID}`);
  t.is(taskOf(containers.get('c-pod.nested')!)!.facts.task, `shop_pod.instance-${UUID}.two`);
});

test('tasks of other frameworks have labels, and no app', (t) => {
  const job = taskOf(containers.get('c-job')!)!;
  t.deepEqual(job.labels, [{ key: 'run', value: 'job' }]);
  t.is(job.facts.app, undefined);
  t.is(job.namespace, undefined);
});

test("Marathon's ids", (t) => {
  t.is(appOfTask(`web.${UUID}`), '/web');
  t.is(appOfTask(`a_b_c.instance-${UUID}.side-car.3`), '/a/b/c');
  t.is(appOfTask('ct:1400:0:job:'), undefined);
  t.is(appOfTask(`${'a_'.repeat(50_000)}!`), undefined, 'and in no time');
  t.deepEqual(['/web', '/shop/web', '/shop/api/v1'].map(namespaceOfApp), [undefined, 'shop', 'shop']);
  t.deepEqual(['/web', '/shop/web', '/shop/api/v1'].map(nameOfApp), ['web', 'web', 'api.v1']);
});

test('labels to Weir that are wrong are told', (t) => {
  const { labels, warnings } = readAppLabels(
    [label('WEIR_POLCY', 'x'), label('WEIR_NAMESPACE', 'No Such'), label('run', 'x')].map((one) => ({ value: '', ...one })),
  );
  t.deepEqual(
    labels.map(({ key }) => key),
    ['WEIR_POLCY', 'run'],
  );
  t.regex(warnings[0]!, /did you mean WEIR_POLICY/);
  t.regex(warnings[1]!, /^weir\/namespace: "No Such"/);
});
