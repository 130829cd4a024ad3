import { connect } from 'node:net';
import { join } from 'node:path';
import { GUARDED_PREFIX, OPEN_PREFIX } from '@weir/cni';
import { Netlink } from '@weir/kernel';
import type { Obstacle } from './host-file.ts';

/** What still needs the tools: a container whose DEL finds no plugin keeps its Mesos agent from starting. */
export async function findUsers(runDir: string): Promise<Obstacle[]> {
  const socket = join(runDir, 'agent.sock');
  const bird = join(runDir, 'bgp', 'bird.ctl');
  const links = hostEnds();
  return [
    ...(links.length === 0
      ? []
      : [
          {
            path: links.join(', '),
            reason: `${links.length === 1 ? 'belongs to a container: end its task' : 'belong to containers: end their tasks'} first`,
          },
        ]),
    ...((await answers(socket)) ? [{ path: socket, reason: 'is served by an agent: systemctl disable --now weir-agent' }] : []),
    ...((await answers(bird))
      ? [{ path: bird, reason: `is served by BIRD, which announces this host's containers: birdc -s ${bird} down` }]
      : []),
  ];
}

function hostEnds(): string[] {
  using netlink = Netlink.open();
  const ours = netlink
    .links()
    .filter(({ kind, name }) => kind === 'veth' && [GUARDED_PREFIX, OPEN_PREFIX].some((prefix) => name.startsWith(prefix)));
  return ours.map(({ name }) => name);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
