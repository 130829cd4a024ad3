import test from 'ava';
import fc from 'fast-check';
import { AppPlanner, planApps } from './app-plan.ts';

test('an app that cannot be read, or is told twice, leaves what it has; the others are read', (t) => {
  const plan = planApps([
    { id: '/good', labels: { WEIR_POLICY: 'allow from any' } },
    { id: '/bad', labels: { WEIR_POLICY: 7 } },
    { id: '/twice', labels: { WEIR_POLICY: 'allow from any' } },
    { id: '/twice', labels: { WEIR_POLICY: 'allow from a=b' } },
    { id: '/same', labels: {} },
    { id: '/same', labels: {} },
  ]);
  t.deepEqual([...plan.apps.keys()], ['/good', '/same']);
  t.deepEqual([...plan.unsure], ['/bad', '/twice']);
  t.true(plan.isComplete);
  t.regex(plan.faults.get('/twice')![0]!, /told twice/);
});

test('half an app hides who is there: nothing counts as gone', (t) => {
  for (const half of [{}, null, 7, [], { id: '' }, { id: 3 }]) t.false(planApps([half, { id: '/good' }]).isComplete);
});

test('whatever Marathon tells, a plan comes of it', (t) => {
  const value = fc.oneof(
    fc.anything(),
    fc.record({ id: fc.oneof(fc.string(), fc.constant('/a')), labels: fc.dictionary(fc.string(), fc.anything()) }),
  );
  fc.assert(
    fc.property(fc.array(value), (apps) => {
      planApps(apps);
    }),
  );
  t.pass();
});

test('a planner that has seen apps before comes to the same plan as one that has not', async (t) => {
  const planner = new AppPlanner();
  const labels = fc.constantFrom({ WEIR_POLICY: 'allow from any' }, { WEIR_POLICY: 'alow' }, { WEIR_STICKY_IP: 'true' }, {}, 7);
  const app = fc.record({ id: fc.constantFrom('/a', '/b', 'c', 'NO', 7), labels, tasks: fc.array(fc.integer()) });
  await fc.assert(
    fc.asyncProperty(fc.array(app), async (apps) => {
      t.deepEqual(await planner.plan(apps), planApps(apps));
    }),
  );
});

test('a plan lets the process do other things', async (t) => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const apps = Array.from({ length: 2000 }, (_, index) => ({ id: `/a${index}`, labels: { WEIR_POLICY: 'allow from app=lb port http' } }));
  await new AppPlanner().plan(apps);
  clearInterval(timer);
  t.true(turns > 2, String(turns));
});
