/** What a user says of a Docker network with `-o`, in the words of a network file. Pure. */
import { z } from 'zod';
import { DockerError } from '../docker-error.ts';
import { NETLABEL } from './remote-api.ts';

const schema = z.strictObject({
  /** Of containers that name none by a label. */
  namespace: z.string().min(1).optional(),
  /** What happens to a flow of its containers that no policy speaks of. */
  defaultAction: z.enum(['Allow', 'Deny']).optional(),
  /** False: a container has its network's labels alone until its own are known, instead of being closed. */
  waitForLabels: z.stringbool({ truthy: ['true'], falsy: ['false'] }).default(true),
  /** Of both ends of the link, in bytes; what the pool's routes leave room for when absent. */
  mtu: z.coerce.number().int().min(68).max(65535).optional(),
});

export type NetworkOptions = z.output<typeof schema>;

/** Throws DockerError EREQUEST that names each wrong one. */
export function readNetworkOptions(given: Record<string, string>): NetworkOptions {
  const { [NETLABEL.mtu]: mtu, ...own } = given;
  const parsed = schema.safeParse({ ...(mtu !== undefined && { mtu }), ...own });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
  throw new DockerError('EREQUEST', `-o: ${problems.join('; ')}; there are ${Object.keys(schema.shape).join(', ')}`);
}
