import { z } from 'zod';
import { parseAddress } from '../address/address.ts';
import { parsePortNumber } from '../rule/port.ts';
import { field, oneOf } from '../validation/field.ts';

/** As the `portMappings` of the CNI conventions. */
export interface HostPort {
  /** The one address of the host whose port it is; absent: each. `0.0.0.0` and `::` are each of their family. */
  hostIP?: string;
  hostPort: number;
  containerPort: number;
  protocol: 'TCP' | 'UDP' | 'SCTP';
}

export const hostPortSchema: z.ZodType<HostPort> = z.strictObject({
  hostIP: field(parseAddress).optional(),
  hostPort: field(parsePortNumber),
  containerPort: field(parsePortNumber),
  protocol: oneOf('TCP', 'UDP', 'SCTP'),
});
