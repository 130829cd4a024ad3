/** The netlink messages of an ADD, sent as fast as koffi sends them: no store, no policy, no process. See cni-calls.ts. */
import { Netlink } from '@weir/kernel';
import { monotonicMs, serveLines } from '@weir/lab';
import { attach } from '@weir/routing';

/** Its code is compiled, as an agent's is, before the first answer. */
const WARM_UP = 100;

let isWarm = false;

await serveLines(async (request) => {
  const where = { ...(request as { namespace: string; hostInterface: string }), interfaceName: 'eth0', addresses: ['10.97.0.1'] };
  for (let times = 0; !isWarm && times < WARM_UP; times++) {
    attach(where);
    using netlink = Netlink.open();
    netlink.deleteLink(where.hostInterface);
  }
  isWarm = true;
  const start = monotonicMs();
  attach(where);
  const took = monotonicMs() - start;
  using netlink = Netlink.open();
  netlink.deleteLink(where.hostInterface);
  return took;
});
