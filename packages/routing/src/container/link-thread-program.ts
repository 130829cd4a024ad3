/** What the thread of link-thread.ts runs. */
import { type MessagePort, workerData } from 'node:worker_threads';
import { Netlink } from '@weir/kernel';
import { type Attaching, beginAttach } from './attach.ts';
import { sentError } from './error-between-threads.ts';
import type { Answer, Order, ThreadRequest } from './link-thread.ts';

const port = workerData as MessagePort;
/** One for all attachments in the namespace that the thread is in. */
const hostSocket = Netlink.open();
const attaching = new Map<number, Attaching>();

port.on('message', async (order: Order) => {
  if ('begin' in order) attaching.set(order.id, begin(order.begin));
  else port.postMessage({ id: order.id, ...(await end(order)) } satisfies Answer);
});

function begin(request: ThreadRequest): Attaching {
  return beginAttach(request.hostNamespace === undefined ? { ...request, hostSocket } : request);
}

async function end(order: Exclude<Order, { begin: unknown }>): Promise<Omit<Answer, 'id'>> {
  const { finish, abandon } = attaching.get(order.id)!;
  attaching.delete(order.id);
  try {
    await ('finish' in order ? finish(order.finish) : abandon());
    return {};
  } catch (error) {
    return { error: sentError(error) };
  }
}
