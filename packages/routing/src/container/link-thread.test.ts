import { KernelError } from '@weir/kernel';
import test, { type ExecutionContext } from 'ava';
import { RoutingError } from '../routing-error.ts';
import { makeNamespace, ping, type TestNamespace } from '../testing/namespaces.ts';
import { LinkThread, type ThreadRequest } from './link-thread.ts';

/** A thread that lives in the host's namespace, as an agent's does. */
function setUp(t: ExecutionContext) {
  const host = makeNamespace(t, 'host');
  host.netlink.addAddress('lo', '192.0.2.1/32');
  const thread = host.run(() => new LinkThread());
  t.teardown(() => thread.close());
  return { host, thread };
}

const requestFor = (container: TestNamespace, number = 0): ThreadRequest => ({
  namespace: container.path,
  interfaceName: 'eth0',
  hostInterface: `weirtest${number}`,
});

test('links are made where the thread lives, several at a time, and packets flow as soon as they are done', async (t) => {
  const { host, thread } = setUp(t);
  const containers = [0, 1, 2].map(() => makeNamespace(t, 'container'));
  const begun = containers.map((container, number) => thread.attach(requestFor(container, number)));
  const settingsOf = (number: number) => ({ addresses: [`10.65.0.${number + 1}`, `fd00:65::${number + 1}`], mtu: 1400 });
  await Promise.all(begun.map(({ finish }, number) => finish(settingsOf(number))));
  for (const [number, { attachmentWith }] of begun.entries()) {
    const attachment = attachmentWith(settingsOf(number));
    for (const address of settingsOf(number).addresses) ping(host, address);
    t.like(containers[number]!.netlink.link('eth0'), { mac: attachment.containerMac, mtu: 1400, up: true });
    t.like(host.netlink.link(`weirtest${number}`), { mac: attachment.hostMac, mtu: 1400, up: true });
    t.like(attachment, { gateway4: '169.254.1.1', gateway6: 'fe80::1' });
  }
});

test('what has ended is heard of without a turn of the event loop', async (t) => {
  const { host, thread } = setUp(t);
  const finished = thread.attach(requestFor(makeNamespace(t, 'container'))).finish({ addresses: ['10.65.0.1'] });
  let isHeard = false;
  void finished.then(() => {
    isHeard = true;
  });
  for (const limit = performance.now() + 10_000; !isHeard && performance.now() < limit; await Promise.resolve()) thread.hearNow();
  t.true(isHeard);
  ping(host, '10.65.0.1');
});

test("the host's end is in another namespace where one is named", async (t) => {
  const { host, thread } = setUp(t);
  const [network, container] = [makeNamespace(t, 'network'), makeNamespace(t, 'container')];
  await thread.attach({ ...requestFor(container), hostNamespace: network.path }).finish({ addresses: ['10.65.0.1'] });
  t.true(network.netlink.link('weirtest0')?.up);
  t.is(host.netlink.link('weirtest0'), undefined);
});

test('what is abandoned leaves nothing', async (t) => {
  const { host, thread } = setUp(t);
  await thread.attach(requestFor(makeNamespace(t, 'container'))).abandon();
  t.is(host.netlink.link('weirtest0'), undefined);
});

test('failures arrive as what they were, and the next attachment does not suffer', async (t) => {
  const { host, thread } = setUp(t);
  const container = makeNamespace(t, 'container');
  const failure = async (request: ThreadRequest) =>
    thread
      .attach(request)
      .finish({ addresses: ['10.65.0.1'] })
      .then(
        () => undefined,
        (error: unknown) => error,
      );
  t.is(await failure(requestFor(container)), undefined);
  const taken = await failure(requestFor(container));
  t.true(taken instanceof RoutingError, String(taken));
  t.like(taken, { code: 'EEXIST', message: 'there is an interface weirtest0 on this host already: detach it first' });
  t.like((taken as Error).cause, { code: 'EEXIST', name: 'KernelError' });
  const gone = await failure({ ...requestFor(container, 1), namespace: '/no/such' });
  t.true(gone instanceof KernelError, String(gone));
  t.like(gone, { code: 'ENOENT', operation: 'open network namespace /no/such' });
  ping(host, '10.65.0.1');
  await thread.attach(requestFor(makeNamespace(t, 'container'), 2)).finish({ addresses: ['10.65.0.2'] });
  ping(host, '10.65.0.2');
});
