import type { HostPort } from '@weir/resources';
import { z } from 'zod';

const port = z.int().min(1).max(65535);

/** The capability `portMappings` (CNI CONVENTIONS.md, "Well-known Capabilities"). Kubernetes' runtimes send an empty `hostIP` for every address. */
export const portMappingsSchema = z
  .array(
    z
      .looseObject({
        hostPort: port,
        containerPort: port,
        protocol: z
          .string()
          .default('tcp')
          .transform(upperCase)
          .pipe(z.enum(['TCP', 'UDP', 'SCTP'])),
        hostIP: z.string().optional(),
      })
      .transform(
        ({ hostPort, containerPort, protocol, hostIP }): HostPort => ({
          ...(hostIP ? { hostIP } : {}),
          hostPort,
          containerPort,
          protocol,
        }),
      ),
  )
  .nullish();

function upperCase(text: string): string {
  return text.toUpperCase();
}
