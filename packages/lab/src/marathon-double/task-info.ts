/** What a framework says of a task, as far as the Mesos agent tells of it (`TaskInfo` in mesos.proto). */
export interface TaskInfo {
  id: string;
  labels: { key: string; value: string }[];
  /** `ContainerInfo`, where Docker runs it. */
  container?: { type: 'DOCKER'; network_infos: { name: string; labels: { labels: { key: string; value: string }[] } }[] };
  ports: { number: number; name?: string; protocol: string; labels: { labels: { key: string; value: string }[] } }[];
}
