/** The agent's configuration file (YAML), usually /etc/weir/agent.yaml. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { type EtcdOptions, resolveStoreOptions, StoreError, type StoreOptions } from '@weir/datastore';
import { connectionFields } from '@weir/mesos';
import { parseWith, ValidationError } from '@weir/resources';
import { parse } from 'yaml';
import { z } from 'zod';
import { AgentError } from './agent-error.ts';

const schema = z.strictObject({
  /** Name of this host in the cluster; every other host and the CLI know it by this name. */
  host: z
    .string()
    .regex(
      /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/,
      "lower-case letters, digits, - and .; where the file does not say it, the machine's name in lower case, which then has to be such",
    )
    // Not `default`, which would go unchecked.
    .prefault(() => hostname().toLowerCase()),
  /** Addresses by which other hosts reach this one, one per family. Found from the default route when absent. */
  addresses: z.array(z.union([z.ipv4(), z.ipv6()])).optional(),
  /** Where the objects are; the same keys as the CLI's configuration file. */
  store: z.record(z.string(), z.unknown()).default({}),
  /** Folder of the agent's socket and locks; a tmpfs, gone after a reboot. */
  runDir: z.string().startsWith('/').default('/run/weir'),
  /** Address and port of /healthz, /readyz and /metrics. */
  http: z
    .string()
    .regex(/^(\[[0-9a-f:]+\]|[0-9.]+):\d+$/, 'address:port, such as 127.0.0.1:9480')
    .default('127.0.0.1:9480'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  /** How the hosts' tunnels look on the wire; the same on all hosts. */
  vxlan: z
    .strictObject({
      port: z.int().min(1).max(65535).default(4789),
      vni: z.int().min(1).max(0xffffff).default(4096),
      /** Family of the outer packets. IPv4, where the host has an IPv4 address, when absent. */
      underlay: z.enum(['IPv4', 'IPv6']).optional(),
    })
    .prefault({}),
  /** Path of the routing daemon, BIRD 2, which runs where there is somebody to speak BGP with. Found in PATH and sbin when absent. */
  bird: z.string().startsWith('/').optional(),
  /** The flannel network that this host joins. Absent: none. */
  flannel: z
    .strictObject({
      /** flannel's etcd, with the keys of `store.etcd`. Absent: the one in `store`. */
      etcd: z.record(z.string(), z.unknown()).optional(),
      /** Of flannel's keys. */
      prefix: z
        .string()
        .regex(/^\/.*[^/]$/, 'begins with / and does not end with it')
        .default('/coreos.com/network'),
      /** Where flannel's CNI plugin finds the lease, whose addresses are then its. Absent: they are Weir's containers'. */
      subnetFile: z.string().startsWith('/').optional(),
    })
    .optional(),
  /** The Mesos agent of this host. Absent: only what Mesos gives with each call is known of tasks. */
  mesos: z
    .strictObject({
      url: z.url({ protocol: /^https?$/ }).default('http://127.0.0.1:5051'),
      /** Seconds between two looks while nothing is awaited. */
      interval: z.int().min(1).max(3600).default(10),
      /** Seconds for which the Mesos agent has to deny knowing a container before what it left behind is collected. */
      orphanGrace: z.int().min(10).max(86_400).default(300),
      ...connectionFields,
    })
    .optional(),
  /** The Docker engine of this host, whose networks `weir` are served. Absent: none. */
  docker: z
    .strictObject({
      /** Of the engine's API, which tells labels of containers. */
      socket: z.string().startsWith('/').default('/var/run/docker.sock'),
      /** Folder where the engine looks for the sockets of its plugins. */
      plugins: z.string().startsWith('/').default('/run/docker/plugins'),
      /** Seconds between two looks while nothing is awaited. */
      interval: z.int().min(1).max(3600).default(10),
      /** Seconds for which the engine has to deny an endpoint before what it left behind is collected. */
      orphanGrace: z.int().min(5).max(86_400).default(60),
    })
    .optional(),
  /** Where labels of apps become objects. One agent of those with this section does it, the others stand by. */
  marathon: z
    .strictObject({
      urls: z.array(z.url({ protocol: /^https?$/ })).min(1),
      /** Seconds between two looks at everything, whatever the events say. */
      interval: z.int().min(1).max(3600).default(60),
      ...connectionFields,
    })
    .optional(),
  /** Other clusters whose endpoints become peers here, by the name of their RemoteCluster. One agent of those with the entry reads each, the others stand by. */
  remoteClusters: z
    .record(
      z.string(),
      z.strictObject({
        /** The other cluster's etcd, with the keys of `store.etcd`. It is only read. */
        etcd: z.record(z.string(), z.unknown()),
      }),
    )
    .optional(),
  /** The DNS server of this host for its containers. Absent: there is none. */
  dns: z
    .strictObject({
      /** Name servers that are asked for all other names; those of /etc/resolv.conf when absent. */
      resolvers: z
        .array(z.union([z.ipv4(), z.ipv6()]))
        .min(1)
        .optional(),
      /** Of answers about the cluster's names, and of those that are not there, in seconds. */
      ttl: z.int().min(0).max(3600).default(5),
      /** Milliseconds that one of the other name servers has to answer. */
      timeout: z.int().min(100).max(10_000).default(1500),
    })
    .optional(),
  /** Seconds without a sign of life after which other hosts take this one for gone. */
  presenceTtl: z.number().int().min(2).max(3600).default(15),
  /** Seconds after the end of another host's last sign of life until its containers are unreachable. */
  hostDeadAfter: z.number().int().min(1).max(86_400).default(300),
});

export interface AgentConfig extends Omit<z.infer<typeof schema>, 'store' | 'flannel' | 'remoteClusters'> {
  store: StoreOptions;
  flannel?: FlannelConfig;
  /** How the store of each is reached, by its name. */
  remoteClusters?: ReadonlyMap<string, StoreOptions>;
}

export interface FlannelConfig {
  store: EtcdOptions;
  /** Of flannel's keys, without a slash at its end. */
  prefix: string;
  subnetFile?: string;
}

/** @throws AgentError ECONFIG naming the file, the field and what is allowed. */
export function readConfig(file: string, env: NodeJS.ProcessEnv = process.env): AgentConfig {
  let content: unknown;
  try {
    content = parse(readFileSync(file, 'utf8')) ?? {};
  } catch (error) {
    throw new AgentError('ECONFIG', `cannot read the agent's configuration ${file}: ${(error as Error).message}`, { cause: error });
  }
  const { store: section, flannel, remoteClusters, ...rest } = parsed(content, file);
  try {
    const store = resolveStoreOptions({ env, configFile: { path: file, store: section } });
    return {
      ...rest,
      store,
      ...(flannel && { flannel: flannelConfig(flannel, store, file) }),
      ...(remoteClusters && { remoteClusters: remoteStores(remoteClusters, file) }),
    };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new AgentError('ECONFIG', error.message, { cause: error });
  }
}

function parsed(content: unknown, file: string): z.infer<typeof schema> {
  try {
    return parseWith(schema, content);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    throw new AgentError('ECONFIG', `${file}: ${error.message.replaceAll('\n', '; ')}`, { cause: error });
  }
}

/** @throws AgentError ECONFIG, StoreError */
function flannelConfig(
  { etcd, prefix, subnetFile }: NonNullable<z.infer<typeof schema>['flannel']>,
  own: StoreOptions,
  file: string,
): FlannelConfig {
  // The environment is about Weir's own store.
  const store = etcd === undefined ? own : otherEtcd(etcd, 'flannel.etcd', file);
  if (store.backend !== 'etcd')
    throw new AgentError('ECONFIG', `${file}: flannel.etcd: is missing: flannel's network is in etcd, and the store of this agent is not`);
  return { store, prefix, ...(subnetFile !== undefined && { subnetFile }) };
}

/** @throws StoreError */
function remoteStores(clusters: Record<string, { etcd: Record<string, unknown> }>, file: string): Map<string, StoreOptions> {
  return new Map(Object.entries(clusters).map(([name, { etcd }]) => [name, otherEtcd(etcd, `remoteClusters.${name}.etcd`, file)]));
}

/** @param section as the file has it, for errors */
function otherEtcd(etcd: Record<string, unknown>, section: string, file: string): StoreOptions {
  try {
    return resolveStoreOptions({ env: {}, configFile: { path: file, store: { backend: 'etcd', etcd } } });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new StoreError(error.code, error.message.replaceAll('store.etcd', section), { cause: error });
  }
}
