/** Pure: what Weir would make of apps before they are posted. */
import { appLabels, containerPorts } from '@weir/cni';
import type { Claim, Labels, NamedPort, Policy, Service } from '@weir/resources';
import { z } from 'zod';
import { identityOf } from '../mesos-agent/container-task.ts';
import { readDefinition } from './app-definition.ts';
import { objectsOfApp } from './app-objects.ts';
import { nameOfApp } from './marathon-task.ts';
import { vipServices } from './vip-services.ts';

export interface AppCheck {
  id: string;
  namespace?: string;
  /** Networks of containers that it joins. */
  networks: string[];
  /** That selectors see. */
  labels: Labels;
  /** What it asks for of addresses: the values of weir/ip, weir/pool and weir/claim. */
  addresses: Labels;
  /** That rules can name. */
  ports: NamedPort[];
  objects: (Policy | Claim | Service)[];
  /** Labels that cannot be followed as they are. */
  errors: string[];
  /** What may be meant otherwise. */
  warnings: string[];
}

export function checkApp(definition: unknown): AppCheck {
  const none = { networks: [], labels: {}, addresses: {}, ports: [], objects: [], warnings: [] };
  let app: ReturnType<typeof readDefinition>;
  try {
    app = readDefinition(definition);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const id = z.looseObject({ id: z.string() }).safeParse(definition).data?.id ?? '(without an id)';
    return { id, ...none, errors: error.issues.map(({ path, message }) => `${path.join('.') || '(top level)'}: ${message}`) };
  }
  const own = appLabels(app);
  const { objects, claim, errors } = objectsOfApp(app);
  const ports = containerPorts(app.ports);
  const { services, faults } = vipServices([app]);
  const said = app.labels.filter(({ key }) => ['weir/ip', 'weir/pool', 'weir/claim'].includes(key)).map(({ key, value }) => [key, value]);
  return {
    id: app.id,
    namespace: app.namespace,
    networks: app.networks,
    labels: { app: nameOfApp(app.id), ...own.labels, ...identityOf({ app: app.id }) },
    addresses: { ...Object.fromEntries(said), ...(claim !== undefined && { 'weir/claim': claim }) },
    ports,
    objects: [...objects, ...services],
    errors: [...app.warnings, ...errors, ...(faults.get(app.id) ?? [])],
    warnings: [
      ...(app.networks.length === 0
        ? ['it joins no network of containers, so Weir has no part in it: add "networks": [{"mode": "container", "name": "weir"}]']
        : []),
      ...own.refused,
      ...strangePorts(objects, ports),
      ...crowded(
        app.instances,
        said.some(([key]) => key === 'weir/ip'),
      ),
    ],
  };
}

/** A rule that lets in to a port of no such name matches nothing. */
function strangePorts(objects: readonly (Policy | Claim)[], ports: readonly NamedPort[]): string[] {
  const policies = objects.filter((object) => object.kind === 'Policy');
  const named = policies.flatMap(({ spec }) =>
    spec.ingress.flatMap(({ protocol, destination }) =>
      (destination?.ports ?? []).flatMap((port) => (typeof port === 'string' && /[a-z]/i.test(port) ? [{ protocol, port }] : [])),
    ),
  );
  const strange = named.filter(({ protocol, port }) => !ports.some((own) => own.name === port && own.protocol === protocol));
  const own = ports.map(({ name, protocol }) => `${name} (${protocol})`).join(', ') || 'no named ports';
  return strange.map(
    ({ protocol, port }) => `weir/policy: the app has no ${protocol} port ${port}, so that rule matches nothing; it has ${own}`,
  );
}

function crowded(instances: number | undefined, hasAddress: boolean): string[] {
  return hasAddress && (instances ?? 1) > 1 ? [`weir/ip: ${instances} instances cannot have one address; the second one fails`] : [];
}

/** The apps and pods of a file: one, a list, an answer of /v2/apps, or a group with groups. Ids within a group may be relative to it. */
export function definitionsOf(file: unknown, base = '/'): unknown[] {
  if (Array.isArray(file)) return file.flatMap((one) => definitionsOf(one, base));
  const group = z
    .looseObject({ id: z.string(), apps: z.array(z.unknown()), pods: z.array(z.unknown()), groups: z.array(z.unknown()) })
    .partial()
    .safeParse(file);
  const { id = '', apps, pods, groups } = group.data ?? {};
  if (apps === undefined && pods === undefined && groups === undefined) return [withPath(file, base)];
  const path = pathIn(base, id);
  const own = [...(apps ?? []), ...(pods ?? [])].map((one) => withPath(one, path));
  return [...own, ...(groups ?? []).flatMap((one) => definitionsOf(one, path))];
}

/** Marathon's answer to /v2/groups has status objects for pods, whose definition is in `spec`. */
function withPath(given: unknown, base: string): unknown {
  const status = z.looseObject({ spec: z.looseObject({ containers: z.array(z.unknown()) }) }).safeParse(given);
  const definition = status.data?.spec ?? given;
  const parsed = z.looseObject({ id: z.string().min(1) }).safeParse(definition);
  return parsed.success && base !== '/' ? { ...parsed.data, id: pathIn(base, parsed.data.id) } : definition;
}

/** `web` in `/shop` is `/shop/web`; what begins with `/` is whole already. */
function pathIn(base: string, id: string): string {
  const path = id.startsWith('/') ? id : `${base}/${id}`;
  return `/${path.split('/').filter(Boolean).join('/')}`;
}
