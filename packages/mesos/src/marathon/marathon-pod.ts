import { z } from 'zod';
import { appIdSchema, networkSchema } from './marathon-app.ts';

/** Pods of Marathon's /v2/pods (docs/rest-api/public/api/v2/types/pod.raml, podContainer.raml, podStatus.raml), as far as they are used here. */

const labels = z.record(z.string(), z.string());

const endpointSchema = z.looseObject({
  name: z.string(),
  containerPort: z.int().min(0).max(65535).optional(),
  /** Absent: the port is not mapped to the host. 0: any free one. */
  hostPort: z.int().min(0).max(65535).optional(),
  protocol: z.array(z.enum(['tcp', 'udp'])).default(['tcp']),
  labels: labels.default({}),
  networkNames: z.array(z.string()).default([]),
});

const podContainerSchema = z.looseObject({
  name: z.string().regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'must be lower-case letters, digits and hyphens'),
  exec: z
    .looseObject({ command: z.union([z.looseObject({ shell: z.string() }), z.looseObject({ argv: z.array(z.string()).min(1) })]) })
    .optional(),
  endpoints: z.array(endpointSchema).default([]),
  environment: labels.default({}),
  labels: labels.default({}),
});

export const podSchema = z.looseObject({
  id: appIdSchema,
  labels: labels.default({}),
  environment: labels.default({}),
  containers: z.array(podContainerSchema).min(1),
  networks: z.array(networkSchema).default([]),
  scaling: z.looseObject({ kind: z.literal('fixed').default('fixed'), instances: z.int().min(0).default(1) }).prefault({}),
});

export type MarathonPod = z.output<typeof podSchema>;
/** A pod as one writes it: defaults may be left out. */
export type MarathonPodDefinition = z.input<typeof podSchema>;

export const podStatusSchema = z.looseObject({
  id: z.string(),
  status: z.enum(['DEGRADED', 'STABLE', 'TERMINAL']),
  message: z.string().optional(),
  instances: z
    .array(
      z.looseObject({
        id: z.string(),
        /** PENDING, STAGING, STABLE, DEGRADED or TERMINAL. */
        status: z.string(),
        agentHostname: z.string().optional(),
        networks: z.array(z.looseObject({ name: z.string().optional(), addresses: z.array(z.string()).default([]) })).default([]),
        containers: z
          .array(
            z.looseObject({
              name: z.string(),
              status: z.string(),
              /** Its Mesos task. */
              containerId: z.string().optional(),
              endpoints: z.array(z.looseObject({ name: z.string(), healthy: z.boolean().optional() })).default([]),
            }),
          )
          .default([]),
      }),
    )
    .default([]),
});

export type MarathonPodStatus = z.output<typeof podStatusSchema>;
