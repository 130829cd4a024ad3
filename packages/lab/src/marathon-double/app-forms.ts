/**
 * Pure: apps as Marathon takes them in any of its forms, in the form that it keeps and gives back (AppNormalization.scala): `ipAddress` becomes
 * `networks`, `ipAddress.discovery.ports` and `container.docker.portMappings` become `container.portMappings`.
 */
import { appSchema, type MarathonApp } from '@weir/mesos';
import { z } from 'zod';

const labels = z.record(z.string(), z.string());

const oldFields = z.looseObject({
  ipAddress: z
    .looseObject({
      groups: z.array(z.string()).optional(),
      labels: labels.default({}),
      networkName: z.string().optional(),
      discovery: z
        .looseObject({
          ports: z
            .array(
              z.looseObject({
                number: z.int().min(0).max(65535),
                name: z.string(),
                protocol: z.enum(['tcp', 'udp', 'udp,tcp']).default('tcp'),
                labels: labels.default({}),
              }),
            )
            .default([]),
        })
        .optional(),
    })
    .nullish(),
  networks: z.array(z.unknown()).optional(),
  container: z.looseObject({ type: z.string().default('MESOS'), portMappings: z.array(z.unknown()).optional() }).nullish(),
  portDefinitions: z.array(z.unknown()).optional(),
});

/** What is wrong with an app that Marathon would refuse, and where. */
export class AppFault extends Error {
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** @throws z.ZodError, AppFault */
export function readApp(value: unknown): MarathonApp {
  const { ipAddress, ...given } = oldFields.parse(value);
  if (ipAddress != null && (given.networks?.length ?? 0) > 0) throw new AppFault('/', 'cannot specify both networks and ipAddress');
  const networks = ipAddress == null ? (given.networks ?? []) : [migratedNetwork(ipAddress)];
  const container = given.container ?? (ipAddress == null ? undefined : { type: 'MESOS' });
  const { docker, ...rest } = (container ?? {}) as { docker?: { portMappings?: unknown[]; network?: string }; portMappings?: unknown[] };
  const { portMappings: dockerMappings, network: _, ...image } = docker ?? {};
  const discovered = ipAddress?.discovery?.ports ?? [];
  if (discovered.length > 0 && rest.portMappings !== undefined)
    throw new AppFault('/', 'container.portMappings and ipAddress.discovery.ports must not both be set');
  const mappings =
    discovered.length > 0
      ? discovered.map(({ number, name, protocol, labels: own }) => ({ containerPort: number, name, protocol, labels: own }))
      : (rest.portMappings ?? dockerMappings);
  const app = appSchema.parse({
    ...given,
    networks,
    container:
      container === undefined
        ? undefined
        : { ...rest, ...(docker !== undefined && { docker: image }), ...(mappings !== undefined && { portMappings: mappings }) },
  });
  if (app.networks.some(({ mode, name }) => mode === 'container' && name === undefined))
    throw new AppFault('/networks', 'a network of mode container must have a name');
  return app;
}

function migratedNetwork({ networkName, labels: own }: { networkName?: string | undefined; labels: Record<string, string> }): object {
  return { mode: 'container', ...(networkName !== undefined && { name: networkName }), labels: own };
}
