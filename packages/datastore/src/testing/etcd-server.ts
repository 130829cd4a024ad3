import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

export interface EtcdServerOptions {
  /** The server's certificate; makes it speak https. */
  tls?: { certFile: string; keyFile: string /** Wants client certificates signed by this authority. */; clientCaFile?: string };
  /** Further command line flags. */
  arguments?: string[];
  /** In a network namespace, by its file, and there at an address of its own. */
  within?: { namespace: string; address: string };
}

/** Of the members of a cluster, the ports that they talk to each other by, and which of them this one is. */
interface Membership {
  peerPorts: readonly number[];
  index: number;
}

/** An etcd of one member on 127.0.0.1 or where it is told to be, with its data in a temporary folder. */
export interface EtcdServer {
  endpoint: string;
  /** SIGKILL; the data and the endpoint stay for `start()`. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Of one that is killed. Gives what puts the data back, as somebody would who had nothing but a copy of the folder: of one that is killed, too. */
  backUp(): Promise<() => Promise<void>>;
  /** Ends the process and removes the data. May be called twice. */
  stop(): Promise<void>;
}

const READY_MILLISECONDS = 20_000;

/**
 * Starts the `etcd` found in PATH (Debian: etcd-server) on free ports and waits until it serves clients.
 * Whatever fails to start, no process and no folder is left. The caller calls `stop()`; should this process be killed before, the kernel kills etcd with it.
 */
export async function startEtcdServer(options: EtcdServerOptions = {}): Promise<EtcdServer> {
  const [clientPort, peerPort] = await freePorts(2);
  return startMember(clientPort!, { peerPorts: [peerPort!], index: 0 }, options);
}

/** As `startEtcdServer`, with so many members. The caller calls `stop()` of each. */
export async function startEtcdCluster(size: number): Promise<EtcdServer[]> {
  const ports = await freePorts(2 * size);
  const peerPorts = ports.slice(size);
  // Together: none of them serves anybody before most of them are there.
  const started = await Promise.allSettled(peerPorts.map((_, index) => startMember(ports[index]!, { peerPorts, index }, {})));
  const members = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = started.find((one) => one.status === 'rejected');
  if (failed === undefined) return members;
  await Promise.all(members.map((member) => member.stop()));
  throw failed.reason;
}

async function startMember(clientPort: number, { peerPorts, index }: Membership, options: EtcdServerOptions): Promise<EtcdServer> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-etcd-'));
  const { namespace, address } = { address: '127.0.0.1', namespace: undefined, ...options.within };
  const endpoint = `${options.tls ? 'https' : 'http'}://${address}:${clientPort}`;
  const peers = peerPorts.map((port) => `http://127.0.0.1:${port}`);
  const command = [
    ...['--data-dir', join(folder, 'data'), '--name', `test${index}`],
    ...['--initial-cluster', peers.map((peer, at) => `test${at}=${peer}`).join(',')],
    ...['--listen-client-urls', endpoint, '--advertise-client-urls', endpoint],
    ...['--listen-peer-urls', peers[index]!, '--initial-advertise-peer-urls', peers[index]!],
    // Short elections let leases be as short as one second (etcd grants no less than 1.5 elections).
    ...['--heartbeat-interval', '50', '--election-timeout', '500', '--log-level', 'info', '--logger', 'zap', '--log-outputs', 'stderr'],
    ...tlsArguments(options.tls),
    ...(options.arguments ?? []),
  ];
  let running: ChildProcess | undefined;
  const kill = async () => {
    const child = running;
    running = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  };
  const stop = async () => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  };
  const start = async () => {
    // setpriv and nsenter (util-linux) become etcd, with the same process id.
    const enter = namespace === undefined ? [] : ['nsenter', `--net=${namespace}`];
    running = spawn('setpriv', ['--pdeathsig', 'KILL', ...enter, 'etcd', ...command], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH },
    });
    await ready(running);
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  const backUp = async () => {
    const [data, copy] = [join(folder, 'data'), join(folder, 'backup')];
    await cp(data, copy, { recursive: true });
    return async () => {
      await rm(data, { recursive: true });
      await cp(copy, data, { recursive: true });
    };
  };
  return { endpoint, start, backUp, kill, stop };
}

function tlsArguments(tls: EtcdServerOptions['tls']): string[] {
  if (!tls) return [];
  const client = tls.clientCaFile ? ['--client-cert-auth', '--trusted-ca-file', tls.clientCaFile] : [];
  return ['--cert-file', tls.certFile, '--key-file', tls.keyFile, ...client];
}

/** Resolves on etcd's own log line; rejects with the end of its log. The log goes on being read, so that a full pipe never stops etcd. */
async function ready(child: ChildProcess): Promise<void> {
  let log = '';
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-20_000);
    if (/serving client traffic|ready to serve client requests/.test(log)) resolve();
  });
  child.once('error', (error) => reject(new Error(`etcd did not start: ${error.message}; install Debian's etcd-server`, { cause: error })));
  child.once('exit', (code, signal) => reject(new Error(`etcd ended (${code ?? signal}):\n${log.slice(-2000)}`)));
  const timer = new AbortController();
  setTimeout(READY_MILLISECONDS, undefined, { signal: timer.signal }).then(
    () => reject(new Error(`etcd was not ready in ${READY_MILLISECONDS / 1000} s:\n${log.slice(-2000)}`)),
    () => {},
  );
  try {
    await promise;
  } finally {
    timer.abort();
  }
}

/** Held open together, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
