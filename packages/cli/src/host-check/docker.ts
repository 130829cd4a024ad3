/** The Docker engine of this host, where the agent is to serve it. */
import { type AgentConfig, dockerNetworks } from '@weir/agent';
import { type Check, failed, ok, warning } from './check.ts';

const TITLE = 'Docker';
const CREATE = 'docker network create -d weir --ipam-driver weir-ipam NAME';

export async function checkDocker({ docker }: Pick<AgentConfig, 'docker'>): Promise<Check[]> {
  if (docker === undefined) return [];
  try {
    const names = await dockerNetworks(docker);
    if (names.length === 0) return [warning(TITLE, 'it has no network of Weir', CREATE)];
    return [ok(TITLE, `answers at ${docker.socket}; networks of Weir: ${names.toSorted().join(', ')}`)];
  } catch (error) {
    return [
      failed(TITLE, (error as Error).message, 'start Docker, or correct docker.socket in agent.yaml; without Docker, take the section out'),
    ];
  }
}
