import { z } from 'zod';

/** Shapes of Marathon's /v2 API (docs/rest-api/public/api/v2/types), as far as they are used here; other fields pass through. */

const labels = z.record(z.string(), z.string());

export const networkSchema = z.looseObject({
  mode: z.enum(['container', 'container/bridge', 'host']).default('container'),
  name: z.string().optional(),
  labels: labels.default({}),
});

const portMappingSchema = z.looseObject({
  containerPort: z.int().min(0).max(65535).default(0),
  /** Absent: the port is not mapped to the host. 0: any free one. */
  hostPort: z.int().min(0).max(65535).optional(),
  servicePort: z.int().min(0).max(65535).optional(),
  name: z.string().optional(),
  protocol: z.enum(['tcp', 'udp', 'udp,tcp']).default('tcp'),
  labels: labels.default({}),
  networkNames: z.array(z.string()).default([]),
});

const containerSchema = z.looseObject({
  type: z.enum(['MESOS', 'DOCKER']).default('MESOS'),
  portMappings: z.array(portMappingSchema).optional(),
});

/** Marathon makes an absolute path of it. */
export const appIdSchema = z
  .string()
  .regex(
    /^\/?(?:(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\/?)+$/,
    'must fully match regular expression: path elements of lower-case letters, digits and hyphens',
  )
  .transform((id) => (id.startsWith('/') ? id : `/${id}`));

/** An app as it is posted. */
export const appSchema = z.looseObject({
  id: appIdSchema,
  cmd: z.string().optional(),
  args: z.array(z.string()).optional(),
  env: labels.default({}),
  instances: z.int().min(0).default(1),
  cpus: z.number().min(0).default(1),
  mem: z.number().min(0).default(128),
  disk: z.number().min(0).default(0),
  labels: labels.default({}),
  networks: z.array(networkSchema).default([]),
  container: containerSchema.optional(),
});

export type MarathonApp = z.output<typeof appSchema>;
/** An app as one writes it: defaults may be left out. */
export type MarathonAppDefinition = z.input<typeof appSchema>;
export type MarathonNetwork = z.output<typeof networkSchema>;
export type MarathonPortMapping = z.output<typeof portMappingSchema>;

export const taskSchema = z.looseObject({
  id: z.string(),
  appId: z.string(),
  /** Host name or address of the Mesos agent. */
  host: z.string().optional(),
  state: z.string(),
  ipAddresses: z.array(z.object({ ipAddress: z.string(), protocol: z.string() })).default([]),
  ports: z.array(z.int()).default([]),
  /** Of the health checks that Marathon makes, and those that it has Mesos make. */
  healthCheckResults: z.array(z.looseObject({ alive: z.boolean() })).optional(),
  stagedAt: z.string().nullish(),
  startedAt: z.string().nullish(),
});
export type MarathonTask = z.output<typeof taskSchema>;

/** What GET gives back beside the definition. */
export const appStatusSchema = appSchema.extend({
  tasksStaged: z.int().default(0),
  tasksRunning: z.int().default(0),
  deployments: z.array(z.object({ id: z.string() })).default([]),
  tasks: z.array(taskSchema).optional(),
  lastTaskFailure: z.looseObject({ message: z.string(), taskId: z.string(), state: z.string() }).optional(),
});
export type MarathonAppStatus = z.output<typeof appStatusSchema>;
