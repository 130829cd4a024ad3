import test from 'ava';
import { appOfTask, nameOfApp, namespaceOfApp } from '../marathon/marathon-task.ts';
import { readAppLabels, taskOf } from './container-task.ts';
import { containersOf, healthOf, taskSchema } from './mesos-state.ts';
import { getContainersSchema, getStateSchema, readOperatorApi } from './operator-api.ts';
import { readState, stateSchema } from './state-endpoint.ts';

const UUID = '0a1b2c3d-1111-2222-3333-444455556666';

const label = (key: string, value?: string) => ({ key, ...(value !== undefined && { value }) });
const task = (framework: string, id: string, more: object = {}) => ({
  name: id,
  task_id: { value: id },
  framework_id: { value: framework },
  ...more,
});
const executor = (framework: string, id: string, labels: object[] = []) => ({
  executor_info: { executor_id: { value: id }, framework_id: { value: framework }, ...(labels.length > 0 && { labels: { labels } }) },
});
const framework = (id: string, name: string) => ({ framework_info: { id: { value: id }, name, user: 'root' } });
const container = (frameworkId: string, executorId: string, id: string) => ({
  framework_id: { value: frameworkId },
  executor_id: { value: executorId },
  container_id: { value: id },
});
/** A Mesos agent with a queued task of Marathon, a pod of two containers, one with a network of its own, and a task of another framework. */
const get_containers = {
  containers: [
    container('f1', `shop_web.instance-${UUID}._app.1`, 'c-web'),
    container('f1', `instance-shop_pod.${UUID}`, 'c-pod'),
    container('f2', 'ct:1', 'c-job'),
    { container_id: { value: 'standalone' } },
  ],
};
const get_state = {
  get_frameworks: { frameworks: [framework('f1', 'marathon'), framework('f2', 'chronos')] },
  get_executors: {
    executors: [
      executor('f1', `shop_web.instance-${UUID}._app.1`),
      executor('f1', `instance-shop_pod.${UUID}`, [label('tier', 'pod')]),
      executor('f2', 'ct:1'),
    ],
  },
  get_tasks: {
    queued_tasks: [
      task('f1', `shop_web.instance-${UUID}._app.1`, {
        resources: [{ name: 'cpus', allocation_info: { role: 'prod' } }],
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
};
const read = readOperatorApi(getContainersSchema.parse({ get_containers }), getStateSchema.parse({ get_state }));
const containers = containersOf(read.executors, read.tasks);

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

test('a container whose executor has not been told of, or that is of no framework', (t) => {
  const half = readOperatorApi(getContainersSchema.parse({ get_containers }), getStateSchema.parse({ get_state: {} }));
  const known = containersOf(half.executors, half.tasks);
  t.deepEqual([...known.keys()], ['c-web', 'c-pod', 'c-job']);
  t.is(taskOf(known.get('c-web')!), undefined, 'it is there, and nothing is known of it');
});

test('/state tells of running tasks; one that waits for its executor would seem to have no labels, so it is not known yet', (t) => {
  const running = {
    id: `shop_web.instance-${UUID}._app.1`,
    executor_id: '',
    labels: [label('run', 'web')],
    discovery: { visibility: 'FRAMEWORK', ports: { ports: [{ number: 80, name: 'http', protocol: 'tcp' }] } },
    statuses: [{ state: 'TASK_RUNNING', healthy: true }],
  };
  const told = readState(
    stateSchema.parse({
      frameworks: [
        {
          id: 'f1',
          name: 'marathon',
          executors: [
            { id: running.id, container: 'c-web', role: 'prod', tasks: [running] },
            { id: `shop_next.instance-${UUID}._app.1`, container: 'c-next', queued_tasks: [{ id: 'x' }] },
          ],
        },
      ],
    }),
  );
  const known = containersOf(told.executors, told.tasks);
  const web = taskOf(known.get('c-web')!)!;
  t.like(web, { namespace: 'shop', ports: [{ name: 'http', port: 80 }], facts: { app: '/shop/web', role: 'prod', healthy: true } });
  t.is(web.labels.find(({ key }) => key === 'run')?.value, 'web');
  t.is(taskOf(known.get('c-next')!), undefined);
});

test('health: the last result counts, and a task that is checked is not healthy before its first', (t) => {
  const checked = (...statuses: object[]) => healthOf([taskSchema.parse(task('f', 't', { health_check: { type: 'TCP' }, statuses }))]);
  t.is(checked(), false);
  t.is(checked({ state: 'TASK_RUNNING' }), false);
  t.is(checked({ healthy: false }, { healthy: true }, { state: 'TASK_RUNNING' }), true);
  t.is(healthOf([taskSchema.parse(task('f', 't'))]), undefined);
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

test("the labels of a network are the task's where Docker runs its container: nobody else tells of them", (t) => {
  const labelsWith = (type: string) => {
    const network_infos = [{ name: 'shop', labels: { labels: [label('tier', 'front'), label('weir/namespace', 'store')] } }];
    const one = taskSchema.parse(task('f1', 'one', { labels: { labels: [label('tier', 'back')] }, container: { type, network_infos } }));
    return taskOf({ containerId: 'c', framework: 'marathon', role: undefined, executorId: 'one', labels: [], tasks: [one] })!.labels;
  };
  t.deepEqual(labelsWith('DOCKER'), [label('tier', 'front'), label('weir/namespace', 'store')]);
  t.deepEqual(labelsWith('MESOS'), [label('tier', 'back')]);
});
