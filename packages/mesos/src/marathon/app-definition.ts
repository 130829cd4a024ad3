/** Pure: what Weir reads of an app's or a pod's definition, in every form that Marathon has had. */
import { cleanLabelText, type TaskPort } from '@weir/cni';
import { DEFAULT_NAMESPACE } from '@weir/resources';
import { z } from 'zod';
import { namedPorts, readAppLabels } from '../mesos-agent/container-task.ts';
import type { App } from './app-objects.ts';
import { namespaceOfApp } from './marathon-task.ts';

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
