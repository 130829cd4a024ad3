import { joinLabels } from '@weir/cni';
import { type Endpoint, parseObject, wantsObject } from '@weir/resources';
import { type DockerContainer, mesosContainerId, ownLabels } from './container.ts';

/**
 * Pure: the endpoint of a container of Docker's whose labels became known. One that Mesos started goes by the labels of its app, and waits on for
 * these.
 *
 * @param options.asksMesos whether somebody asks the Mesos agent for them
 */
export function joinContainer(endpoint: Endpoint, container: DockerContainer, { asksMesos }: { asksMesos: boolean }): Endpoint {
  const { docker, ...spec } = endpoint.spec;
  const { namespaceGiven } = docker!;
  const known = { ...endpoint, spec: { ...spec, docker: { ...docker!, container: container.id, name: container.name } } };
  const inMesos = mesosContainerId(container);
  if (inMesos !== undefined && asksMesos) {
    const mesos = { ...spec.mesos, container: inMesos, ...(namespaceGiven && { namespaceGiven }) };
    return parseObject({ ...known, spec: { ...known.spec, mesos } }) as Endpoint;
  }
  const { labels, warnings } = ownLabels(container);
  const unfollowed = labels.filter(({ key }) => wantsObject(key)).map(({ key }) => `${key}: not followed, it is for apps of Marathon`);
  const unasked = inMesos === undefined ? [] : ["the labels of its app are not known: the agent's configuration has no section mesos"];
  return joinLabels(known, { labels, warnings: [...unasked, ...warnings, ...unfollowed], ...(namespaceGiven && { namespaceGiven }) });
}
