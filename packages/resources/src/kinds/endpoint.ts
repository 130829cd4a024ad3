import { z } from 'zod';
import { parseAddress } from '../address/address.ts';
import { hostSockets, socketsOverlap, socketText } from '../address/host-socket.ts';
import { parsePortNumber } from '../rule/port.ts';
import { field, oneOf, text } from '../validation/field.ts';
import { ValidationError } from '../validation/validation-error.ts';
import { type HostPort, hostPortSchema } from './host-port.ts';

/** One interface of one container. Its labels, in the metadata, are what policy selects by. Written by the CNI tools. */
export interface EndpointSpec {
  /** Name of the Host that the container runs on. */
  host: string;
  /** CNI_CONTAINERID: for Mesos the container id, `parent.child` when nested. */
  containerId: string;
  /** Name in the network file. */
  network: string;
  /** `Own`: its addresses are of its network's own space, and mean nothing outside of it. Absent: of the shared one. */
  addressSpace?: 'Own';
  /** The interface in the container, `eth0`. */
  interfaceName: string;
  /** Its other end on the host. */
  hostInterface: string;
  /** The bridge that the other end is a port of, when it is one. */
  bridge?: string;
  /** Plain IP addresses, canonical text. */
  addresses: string[];
  /** The container's hardware address, lower case. */
  mac?: string;
  /** Ports that rules may call by name. */
  ports: NamedPort[];
  /** Ports of the host that lead to the container. */
  hostPorts?: HostPort[];
  /** Names besides those of its app or labels, as its runtime asked for them, in its namespace. */
  aliases?: string[];
  /** What its network says of a direction in which no policy selects it. Deny here or in its namespace closes it. */
  defaultAction?: 'Allow' | 'Deny';
  /** Present when Mesos asked for it; filled in once the Mesos agent told which task it is. */
  mesos?: MesosFacts;
  /** Present when Docker asked for it; filled in once Docker told which container it is. */
  docker?: DockerFacts;
  /** False: no new flow of a service comes to it, as its health checks say or because it is about to end. Absent: see {@link isReady}. */
  ready?: boolean;
  /** Closed whatever policy says, and in nobody's selectors, until the labels of its task are known. */
  waitsForLabels?: true;
}

/** What the Mesos agent says of the container. */
export interface MesosFacts {
  /** Id of the task; of the first one by id in a container of several (a pod). Absent: not known yet. */
  task?: string;
  /** Id of the executor, where it is not the task's. */
  executor?: string;
  /** Name of the framework. */
  framework?: string;
  role?: string;
  /** Id of the Marathon app or pod: `/shop/web`. */
  app?: string;
  /** By the health checks of its tasks; absent when they have none. */
  healthy?: boolean;
  /** A label says the namespace: the app's path is not asked. */
  namespaceGiven?: true;
  /** Its id to the Mesos agent, where Docker runs the container for it: the endpoint's own is another one then. */
  container?: string;
}

/** What Docker says of the container. */
export interface DockerFacts {
  /** Ids of its endpoint and network. */
  endpoint: string;
  network: string;
  /** Id and name of the container. Absent: not known yet. */
  container?: string;
  name?: string;
  /** A label of its network says the namespace: those of the container are not asked. */
  namespaceGiven?: true;
}

export interface NamedPort {
  name: string;
  protocol: 'TCP' | 'UDP' | 'SCTP';
  port: number;
}

/** IFNAMSIZ of linux/if.h, less the final NUL; characters as the CNI specification allows them. */
export const INTERFACE_NAME = {
  what: 'interface name',
  pattern: /^(?!\.{1,2}$)[^\s/:]{1,15}$/,
  allowed: '1 to 15 characters without blanks, "/" and ":"',
};
const ANY = { pattern: /^[^\s].*$/s, allowed: 'a string that is not empty' };
export const CONTAINER_ID = { what: 'container id', ...ANY };

export const namedPortsSchema = z
  .array(
    z.strictObject({
      name: text({ what: 'port name', pattern: /^[a-zA-Z0-9_.-]{1,128}$/, allowed: '1 to 128 letters, digits, "_", "." and "-"' }),
      protocol: oneOf('TCP', 'UDP', 'SCTP'),
      port: field(parsePortNumber),
    }),
  )
  .prefault([]);

const schema = z.strictObject({
  host: text({ what: 'host name', ...ANY }),
  containerId: text(CONTAINER_ID),
  network: text({ what: 'network name', ...ANY }),
  addressSpace: oneOf('Own').optional(),
  interfaceName: text(INTERFACE_NAME),
  hostInterface: text(INTERFACE_NAME),
  bridge: text(INTERFACE_NAME).optional(),
  addresses: z.array(field(parseAddress)),
  mac: field(parseMac, { type: 'string' }).optional(),
  ports: namedPortsSchema,
  hostPorts: z.array(hostPortSchema).optional(),
  aliases: z.array(text({ what: 'alias', ...ANY })).optional(),
  defaultAction: oneOf('Allow', 'Deny').optional(),
  mesos: z
    .strictObject({
      task: z.string().optional(),
      executor: z.string().optional(),
      framework: z.string().optional(),
      role: z.string().optional(),
      app: z.string().optional(),
      healthy: z.boolean().optional(),
      namespaceGiven: z.literal(true).optional(),
      container: z.string().optional(),
    })
    .optional(),
  docker: z
    .strictObject({
      endpoint: z.string(),
      network: z.string(),
      container: z.string().optional(),
      name: z.string().optional(),
      namespaceGiven: z.literal(true).optional(),
    })
    .optional(),
  ready: z.boolean().optional(),
  waitsForLabels: z.literal(true).optional(),
});

export const endpointSpecSchema: z.ZodType<EndpointSpec> = schema.superRefine(({ addresses, addressSpace, hostPorts = [] }, context) => {
  const refuse = (index: number, message: string) => context.addIssue({ code: 'custom', path: ['hostPorts', index], message });
  if (addressSpace === 'Own' && hostPorts.length > 0)
    refuse(0, 'leads nowhere: the host has no way into a network with its own address space');
  for (const [index, hostPort] of hostPorts.entries()) {
    const sockets = hostSockets({ addresses, hostPorts: [hostPort] });
    if (sockets.length === 0) refuse(index, `leads nowhere: the endpoint has no address of the family of ${hostPort.hostIP ?? 'any'}`);
    const taken = hostSockets({ addresses, hostPorts: hostPorts.slice(0, index) });
    const twice = sockets.find((socket) => taken.some((other) => socketsOverlap(socket, other)));
    if (twice !== undefined) refuse(index, `${socketText(twice)} is mapped by an earlier entry already`);
  }
});

/** Of a hardware address in any case. Throws ValidationError. */
export function parseMac(value: unknown): string {
  if (typeof value === 'string' && /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(value)) return value.toLowerCase();
  throw ValidationError.of(value, 'is no hardware address', 'expected one such as "02:00:5e:10:00:01"');
}

/** The network whose own address space the endpoint's addresses are of; undefined: the shared one. */
export function spaceOf({ addressSpace, network }: EndpointSpec): string | undefined {
  return addressSpace === 'Own' ? network : undefined;
}

/** What people call the container: by Docker's name for it where it has one, else by its id. */
export function containerTitle({ containerId, docker }: EndpointSpec): string {
  return docker?.name ?? containerId;
}

/** Letters of a container's id that Docker shows, and takes for all of it. */
const SHORT_ID = 12;

/** Whether the text names the container: its id, or the name or id that Docker has for it. */
export function isContainer({ containerId, docker }: EndpointSpec, text: string): boolean {
  if (text === containerId || text === docker?.name) return true;
  return text.length >= SHORT_ID && docker?.container?.startsWith(text) === true;
}

/** Whether services lead new flows to it. Who has no health checks is ready as soon as it is there. */
export function isReady({ ready, mesos, waitsForLabels }: Pick<EndpointSpec, 'ready' | 'mesos' | 'waitsForLabels'>): boolean {
  return waitsForLabels !== true && (ready ?? mesos?.healthy ?? true);
}
