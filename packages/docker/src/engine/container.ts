/** What Docker says of a container that Weir goes by. Pure. */
import { readAppLabels } from '@weir/mesos';

export interface DockerContainer {
  id: string;
  /** Without the slash that Docker's API has in front. */
  name: string;
  /** All of them: its image's too. */
  labels: Record<string, string>;
  imageLabels: Record<string, string>;
}

/**
 * Those that whoever runs it gave it. What its image says counts for nothing: who builds an image is not to say whom it may talk to.
 * Docker adds both up, and where they are equal nobody can tell whose it is.
 */
export function ownLabels({ labels, imageLabels }: DockerContainer): ReturnType<typeof readAppLabels> {
  const own = Object.entries(labels).filter(([key, value]) => imageLabels[key] !== value);
  return readAppLabels(own.map(([key, value]) => ({ key: key.startsWith(CALICO_PREFIX) ? key.slice(CALICO_PREFIX.length) : key, value })));
}

/** What Calico's driver takes for a label of the endpoint, and all that it takes. */
const CALICO_PREFIX = 'org.projectcalico.label.';

/** `mesos-<id>`; from Mesos 0.23 to 1.2 with the agent's id between; of a task with an executor of its own, `.executor` follows. */
const MESOS_NAME = /^mesos-(?:[^.]+\.)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\.executor)?$/;

/** The container's id to the Mesos agent (`DOCKER_NAME_PREFIX` of its Docker containerizer); undefined: Mesos did not start it. */
export function mesosContainerId({ name }: Pick<DockerContainer, 'name'>): string | undefined {
  return MESOS_NAME.exec(name)?.[1];
}
