import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { EchoProbes } from './echo-probes.ts';
import { openNamespace } from './namespace.ts';
import { runWithin, temporaryNamespace } from './testing/index.ts';

const FAR = { IPv4: '10.2.0.2', IPv6: '2001:db8:2::2' } as const;

/** Two hosts with a router between them; what it reaches the far one by has the given MTU, the far one itself 1500. */
function path(t: ExecutionContext, routerMtu: number): { near: string; router: string } {
  const [near, router, far] = [temporaryNamespace(t), temporaryNamespace(t), temporaryNamespace(t)];
  const name = (path: string) => path.slice(path.lastIndexOf('/') + 1);
  const within = (namespace: string, ...lines: string[]) => {
    for (const line of lines) runWithin(namespace, 'ip', ...line.split(' '));
  };
  within(
    router,
    `link add near0 type veth peer name eth0 netns ${name(near)}`,
    `link add far0 type veth peer name eth0 netns ${name(far)}`,
  );
  runWithin(router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding');
  within(router, 'addr add 10.1.0.254/24 dev near0', '-6 addr add 2001:db8:1::254/64 dev near0 nodad', 'link set near0 up');
  within(
    router,
    `link set far0 mtu ${routerMtu}`,
    'addr add 10.2.0.254/24 dev far0',
    '-6 addr add 2001:db8:2::254/64 dev far0 nodad',
    'link set far0 up',
  );
  for (const [host, number] of [
    [near, 1],
    [far, 2],
  ] as const) {
    within(host, 'link set lo up', `addr add 10.${number}.0.2/24 dev eth0`, `-6 addr add 2001:db8:${number}::2/64 dev eth0 nodad`);
    within(host, 'link set eth0 up', `route add default via 10.${number}.0.254`, `-6 route add default via 2001:db8:${number}::254`);
  }
  return { near, router };
}

/** Sends until the one that has to come has come, and with it what was sent before. */
async function probe(
  near: string,
  family: keyof typeof FAR,
  sizes: number[],
): Promise<{ answered: number[]; pathMtu: number; sent: boolean[] }> {
  using namespace = openNamespace(near);
  using probes = EchoProbes.open({ destination: FAR[family], namespace });
  for (;;) {
    const sent = sizes.map((size) => probes.send(size));
    await delay(50);
    const { answered } = probes;
    if (answered.has(sizes.at(-1)!)) return { answered: [...answered].sort((left, right) => left - right), pathMtu: probes.pathMtu, sent };
  }
}

for (const family of ['IPv4', 'IPv6'] as const) {
  test(`${family}: what the path carries is answered; what the interface does not take is not sent`, async (t) => {
    const { near } = path(t, 1500);
    t.deepEqual(await probe(near, family, [1501, 1500, 1400]), { answered: [1400, 1500], pathMtu: 1500, sent: [false, true, true] });
  });

  test(`${family}: a router that says what fits is heard`, async (t) => {
    const { near } = path(t, 1400);
    t.deepEqual(await probe(near, family, [1500, 1401, 1400]), { answered: [1400], pathMtu: 1400, sent: [true, true, true] });
  });

  test(`${family}: where nobody says so, large packets are lost`, async (t) => {
    const { near, router } = path(t, 1500);
    const rule = 'table inet t { chain c { type filter hook forward priority 0; meta length > 1400 drop; }; }';
    runWithin(router, 'nft', rule);
    t.deepEqual(await probe(near, family, [1500, 1401, 1400]), { answered: [1400], pathMtu: 1500, sent: [true, true, true] });
  });
}
