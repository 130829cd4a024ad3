/** Pure: what Weir reads of an app's or a pod's definition, in every form that Marathon has had. */
import { cleanLabelText, type TaskPort } from '@weir/cni';
import { DEFAULT_NAMESPACE, type Service } from '@weir/resources';
import { z } from 'zod';
import { type App, objectsOfApp } from './app-objects.ts';
import { namedPorts, readAppLabels } from './container-task.ts';
import { namespaceOfApp } from './marathon-task.ts';
import { vipServices } from './vip-services.ts';

const labels = z.record(z.string(), z.string()).nullish();
const networks = z.array(z.looseObject({ mode: z.string().optional(), name: z.string().nullish(), labels })).nullish();
/** The fields by which a port is a number differ; its name and protocol (in pods a list) do not. */
const portNumber = z.int().min(0).max(65535).nullish();
const portSchema = z.looseObject({
  number: portNumber,
  port: portNumber,
  containerPort: portNumber,
  hostPort: portNumber,
  name: z.string().nullish(),
  protocol: z.union([z.string(), z.array(z.string())]).nullish(),
  labels,
});
const ports = z.array(portSchema).nullish();

const definitionSchema = z.looseObject({
  id: z.string().regex(/^\/?[a-z0-9.-]+(\/[a-z0-9.-]+)*$/, 'is no path of lower-case letters, digits, "-" and "."'),
  labels,
  instances: z.int().min(0).nullish(),
  /** Of pods. */
  scaling: z.looseObject({ instances: z.int().min(0).nullish() }).nullish(),
  networks,
  /** Before Marathon 1.5. */
  ipAddress: z.looseObject({ networkName: z.string().nullish(), labels, discovery: z.looseObject({ ports: ports }).nullish() }).nullish(),
  container: z
    .looseObject({
      portMappings: ports,
      docker: z.looseObject({ portMappings: ports }).nullish(),
    })
    .nullish(),
  portDefinitions: ports,
  /** Of pods. */
  containers: z.array(z.looseObject({ endpoints: ports, labels })).nullish(),
});

export interface AppReading extends App {
  /** Names of the container networks that it joins. */
  networks: string[];
  /** Its own labels and those of its networks, which win, those to Weir in one spelling. */
  labels: App['labels'];
  /** Those with a name, once a protocol. */
  ports: TaskPort[];
  /** All, with the labels that each carries, such as `VIP_0`. */
  portDefinitions: AppPort[];
  warnings: string[];
}

/** A port as an app or a pod defines it. */
export interface AppPort {
  name?: string;
  protocols: ('TCP' | 'UDP')[];
  /** Of the container; 0: any that Marathon chooses. */
  port: number;
  /** Present where a port of the host leads to it; 0: any free one. */
  hostPort?: number;
  labels: { key: string; value: string }[];
}

/** @throws z.ZodError when it is no app */
export function readDefinition(value: unknown): AppReading {
  const app = definitionSchema.parse(value);
  const id = app.id.startsWith('/') ? app.id : `/${app.id}`;
  const given = [
    ...(app.containers ?? []).toReversed().map((container) => container.labels),
    app.labels,
    app.ipAddress?.labels,
    // The first of several networks wins, as its interface is the first.
    ...(app.networks ?? []).toReversed().map((network) => network.labels),
  ];
  const read = readAppLabels(given.flatMap((map) => Object.entries(map ?? {}).map(([key, text]) => ({ key, value: text }))));
  const said = read.labels.find(({ key }) => key === 'weir/namespace')?.value;
  return {
    ...read,
    id,
    namespace: (said && cleanLabelText(said)) || namespaceOfApp(id) || DEFAULT_NAMESPACE,
    instances: app.scaling?.instances ?? app.instances ?? undefined,
    networks: networkNames(app),
    ports: portsOf(app),
    portDefinitions: givenPorts(app).map(appPort),
  };
}

type Definition = z.output<typeof definitionSchema>;

/** A network without a mode is one of containers; one without a name is Marathon's default. */
function networkNames({ networks: given, ipAddress }: Definition): string[] {
  const modern = (given ?? []).filter(({ mode }) => mode === undefined || mode === 'container').map(({ name }) => name ?? '(default)');
  return [...modern, ...(ipAddress == null ? [] : [ipAddress.networkName ?? '(default)'])];
}

function givenPorts({ container, portDefinitions, ipAddress, containers }: Definition): z.output<typeof portSchema>[] {
  const mappings = container?.portMappings ?? container?.docker?.portMappings;
  return [
    ...(mappings ?? portDefinitions ?? []),
    ...(containers ?? []).flatMap(({ endpoints }) => endpoints ?? []),
    ...(ipAddress?.discovery?.ports ?? []),
  ];
}

function portsOf(app: Definition): TaskPort[] {
  return namedPorts(
    givenPorts(app).map((port) => ({ name: port.name ?? undefined, number: numberOf(port), protocol: protocolText(port) })),
  );
}

function appPort(port: z.output<typeof portSchema>): AppPort {
  const protocols = (protocolText(port) ?? 'tcp').split(',').map((one) => one.trim().toUpperCase());
  return {
    ...(port.name != null && { name: port.name }),
    protocols: protocols.filter((one) => one === 'TCP' || one === 'UDP'),
    port: numberOf(port),
    ...(port.hostPort != null && { hostPort: port.hostPort }),
    labels: Object.entries(port.labels ?? {}).map(([key, value]) => ({ key, value })),
  };
}

function numberOf({ number, port, containerPort }: z.output<typeof portSchema>): number {
  return containerPort ?? port ?? number ?? 0;
}

function protocolText({ protocol }: z.output<typeof portSchema>): string | undefined {
  return Array.isArray(protocol) ? protocol.join(',') : (protocol ?? undefined);
}

export interface Plan {
  /** Objects of each app that could be read, by its id. */
  apps: Map<string, ReturnType<typeof objectsOfApp>>;
  /** Of all of them together: several apps may be behind one. */
  services: Service[];
  /** Apps that are there, and about which nothing else is sure: what they have stays as it is. */
  unsure: Set<string>;
  /** False when there is an entry without an id: then nobody knows which apps are not there. */
  isComplete: boolean;
  /** By app: what is wrong, for people. */
  faults: Map<string, string[]>;
}

/** What a Marathon's apps and pods ask for. One that is told twice and differs is left as it is. */
export function planApps(definitions: readonly unknown[]): Plan {
  const plan: Plan = { apps: new Map(), services: [], unsure: new Set(), isComplete: true, faults: new Map() };
  const seen = new Map<string, string>();
  const readings = new Map<string, AppReading>();
  for (const definition of definitions) {
    const id = z.looseObject({ id: z.string().min(1) }).safeParse(definition).data?.id;
    if (id === undefined) {
      plan.isComplete = false;
      plan.faults.set('(without an id)', ['an app without an id']);
      continue;
    }
    const path = id.startsWith('/') ? id : `/${id}`;
    try {
      const app = readDefinition(definition);
      const text = JSON.stringify([app.namespace, app.labels, app.portDefinitions]);
      if ((seen.get(path) ?? text) !== text) throw new TypeError('told twice, with different labels');
      seen.set(path, text);
      const made = objectsOfApp(app);
      const problems = [...app.warnings, ...made.errors];
      plan.apps.set(path, made);
      readings.set(path, app);
      if (problems.length > 0) plan.faults.set(path, problems);
    } catch (error) {
      plan.unsure.add(path);
      plan.faults.set(path, [error instanceof z.ZodError ? z.prettifyError(error).slice(0, 500) : (error as Error).message]);
    }
  }
  for (const id of plan.unsure) {
    plan.apps.delete(id);
    readings.delete(id);
  }
  const { services, faults } = vipServices(readings.values());
  for (const [id, problems] of faults) plan.faults.set(id, [...(plan.faults.get(id) ?? []), ...problems]);
  return { ...plan, services };
}
