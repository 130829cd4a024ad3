import test from 'ava';
import { Attachments } from './attachments.ts';

const owner = { containerId: 'c', interfaceName: 'eth0' };

test('a DEL that overtakes its ADD waits for it', async (t) => {
  const attachments = new Attachments();
  const order: string[] = [];
  const { promise: added, resolve } = Promise.withResolvers<void>();
  const add = attachments.run(owner, async () => {
    await added;
    order.push('ADD');
  });
  const del = attachments.run(owner, async () => {
    order.push('DEL');
  });
  resolve();
  await Promise.all([add, del]);
  t.deepEqual(order, ['ADD', 'DEL']);
  await attachments.idle();
  t.is(attachments.busy, 0);
});

test('a DEL answers before its later work is done, an ADD after it waits for that work', async (t) => {
  const attachments = new Attachments();
  const { promise: linkGone, resolve } = Promise.withResolvers<void>();
  let gone = false;
  await attachments.run(owner, async (later) => later(linkGone.then(() => (gone = true))));
  t.false(gone, 'DEL has answered');
  t.true(attachments.isBusy(owner));
  const add = attachments.run(owner, async () => gone);
  resolve();
  t.true(await add);
});

test('a failed call does not hold up the next, and its failure is its own', async (t) => {
  const attachments = new Attachments();
  const add = attachments.run(owner, () => Promise.reject(new Error('no address')));
  const del = attachments.run(owner, () => Promise.resolve('done'));
  await t.throwsAsync(add, { message: 'no address' });
  t.is(await del, 'done');
});

test('interfaces of one container run side by side', async (t) => {
  const attachments = new Attachments();
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = attachments.run(owner, () => promise);
  await attachments.run({ ...owner, interfaceName: 'eth1' }, async () => resolve());
  await first;
  t.pass();
});
