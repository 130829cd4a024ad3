import { z } from 'zod';
import { parseProtocolPort } from '../rule/protocol-port.ts';
import { field } from '../validation/field.ts';
import { ValidationError } from '../validation/validation-error.ts';

/** Ports of this host and of others that stay open whatever the policies of host endpoints say; `tcp/22`, lower case. */
export interface FailsafePorts {
  /** Ports of this host. */
  inbound: string[];
  /** Ports of others that this host reaches. */
  outbound: string[];
}

/** BGP, ZooKeeper, etcd, Mesos master and agent; BFD to peers on a link and further away, VXLAN. */
const CLUSTER = ['tcp/179', 'tcp/2181', 'tcp/2379', 'tcp/2380', 'tcp/5050', 'tcp/5051', 'udp/3784', 'udp/4784', 'udp/4789'];

/** Who locks himself out of these cannot undo it: logins, leases of the host's own address, names, and what the cluster is held together by. */
export const DEFAULT_FAILSAFE_PORTS: FailsafePorts = {
  inbound: ['tcp/22', 'udp/68', 'udp/546', 'tcp/9480', ...CLUSTER],
  outbound: ['tcp/53', 'udp/53', 'udp/67', 'udp/547', ...CLUSTER],
};

const portsSchema = z.array(field(parsePort, { type: 'string' })).optional();

/** A list that is left out is the default; an empty one opens nothing. */
export const failsafePortsSchema: z.ZodType<Partial<FailsafePorts>> = z.strictObject({ inbound: portsSchema, outbound: portsSchema });

/** Those of a host. */
export function failsafePorts({ failsafePorts: given }: { failsafePorts?: Partial<FailsafePorts> }): FailsafePorts {
  return { ...DEFAULT_FAILSAFE_PORTS, ...given };
}

function parsePort(value: unknown): string {
  const { protocol, port } = parseProtocolPort(value);
  if ((protocol === 'TCP' || protocol === 'UDP') && typeof port === 'number') return `${protocol.toLowerCase()}/${port}`;
  throw ValidationError.of(value, 'is no failsafe port', 'expected tcp/22, udp/68 and the like');
}
