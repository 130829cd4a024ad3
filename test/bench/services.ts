/**
 * `npm run bench:services`: what services cost, with 10,000 of ten backends each. New connections a second (connections.c) from a container to
 * another host's ten servers, by the virtual address and direct, in turn; without other services and with all of them. And a backend that is
 * no longer ready, or comes back, from its object to the kernel: as an agent does it, without store, in a network namespace of its own.
 */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { Nftables, NftSocket, sysctl } from '@weir/kernel';
import { type Cluster, type Container, type LabHost, nsenterArguments } from '@weir/lab';
import { baseTable, PolicyCalculator } from '@weir/policy';
import { type AnyObject, addressFromNumber, parseObject } from '@weir/resources';
import { NftablesTable } from '../../packages/agent/src/dataplane/nftables-table.ts';
import { withCluster } from './cluster.ts';
import { compile } from './compile.ts';
import { type Manifest, StoreWriter } from './store-writer.ts';
import { median, medianRow, progress, type Row, report, spread } from './table.ts';
import { until } from './until.ts';

const SERVICES = 10_000;
const BACKENDS = 10;
const ROUNDS = 60;
/** Short and many: what else the machine does meets both ways alike. */
const SECONDS = '0.25';
const PORT = 7000;
const CHANGES = 200;
const INSIDE = '--inside';
const VIRTUAL = '11.255.0.1';
const IN_11 = 0x0b000001n;
const IN_10 = 0x0a000001n;
const IN_198_18 = 0xc6120001n;

const run = promisify(execFile);
if (process.argv.includes(INSIDE)) process.stdout.write(JSON.stringify(measureChanges()));
else report('services', [...changesInNamespace(), ...(await withCluster({ bench: 'services', hosts: 2 }, measureConnections))]);

/** A process that unshares its network has a namespace without anything, which goes with it. */
function changesInNamespace(): Row[] {
  progress('changes');
  return JSON.parse(execFileSync('unshare', ['--net', process.execPath, import.meta.filename, INSIDE], { encoding: 'utf8' })) as Row[];
}

function measureChanges(): Row[] {
  const calculator = new PolicyCalculator({ host: 'here' });
  for (let index = 0; index < SERVICES; index++) {
    calculator.upsert(selecting(index));
    for (let backend = 0; backend < BACKENDS; backend++) calculator.upsert(backendAt(index, backend));
  }
  const base = baseTable({ agentPorts: [5051], healthChecks: 'Always', vxlan: { port: 4789, vni: 4096 } });
  using nftables = Nftables.open();
  using socket = NftSocket.open();
  const table = new NftablesTable({ family: 'inet', table: 'weir' }, { nftables, socket });
  const bringInStep = () => {
    const change = calculator.flush();
    table.desire(change);
    table.bringInStep(base);
    return change;
  };
  const [first, { set }] = timed(bringInStep);
  const elements: number[] = [];
  const changes = Array.from({ length: CHANGES }, (_, round) => {
    const object = backendAt((round * 37) % SERVICES, round % BACKENDS, false);
    return timed(() => {
      calculator.upsert(object);
      const change = bringInStep();
      elements.push(change.set.size + change.delete.size);
    })[0];
  });
  return [
    { name: `all, ${set.size.toLocaleString('en')} statements: calculation and transaction`, value: first, unit: 'ms' },
    { name: `a backend less, p50 of ${CHANGES}`, value: median(changes), unit: 'ms', spread: spread(changes) },
    { name: 'a backend less, longest', value: Math.max(...changes), unit: 'ms' },
    { name: 'a backend less: statements', value: median(elements), unit: '' },
  ];
}

function addressAt(base: bigint, index: number): string {
  return addressFromNumber(base + BigInt(index), 'IPv4');
}

function service(index: number, spec: object): AnyObject {
  const object = {
    apiVersion: 'weir/v1',
    kind: 'Service',
    metadata: { name: `service-${index}` },
    spec: { ports: [{ port: PORT }], ...spec },
  };
  return { ...parseObject(object), status: { addresses: [addressAt(IN_11, index)] } };
}

function selecting(index: number): AnyObject {
  return service(index, { selector: `app == 'app-${index}'` });
}

function backendAt(index: number, backend: number, ready = true): AnyObject {
  const id = `${index}-${backend}`;
  return parseObject({
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name: id, namespace: 'default', labels: { app: `app-${index}` } },
    spec: {
      host: 'there',
      containerId: id,
      network: 'weir',
      interfaceName: 'eth0',
      hostInterface: 'weirx',
      addresses: [addressAt(IN_10, index * BACKENDS + backend)],
      ready,
    },
  });
}

async function measureConnections(cluster: Cluster): Promise<Row[]> {
  const program = compile('connections.c', cluster.folder);
  const writer = new StoreWriter(cluster);
  await writer.load([{ kind: 'Pool', metadata: { name: 'bench' }, spec: { cidr: '10.100.0.0/16' } }]);
  const [near, far] = cluster.hosts as [LabHost, LabHost];
  // Of the tens of thousands of connections that were reset, none is to be there any more when the next ones are made.
  for (const { namespace } of cluster.hosts) sysctl('net/netfilter/nf_conntrack_tcp_timeout_close', 1, { namespace });
  const client = await launch(near, 'client', 'exec sleep 1000');
  const servers: Container[] = [];
  for (let index = 0; index < BACKENDS; index++) servers.push(await launch(far, `server-${index}`, `exec ${program} serve ${PORT}`));
  const measured = {
    ...service(0, { selector: "role == 'server'" }),
    metadata: { name: 'measured' },
    status: { addresses: [VIRTUAL] },
  } as unknown as Manifest;
  await writer.load([measured]);
  const direct = servers.map((server) => server.networks[0]!.ip_addresses[0]!.ip_address);
  for (const address of [...direct, VIRTUAL]) await untilOpen(client, address);

  const rows: Row[] = [];
  for (const others of [0, SERVICES - 1]) {
    if (others > 0) {
      progress(`${others} further services`);
      await writer.load(Array.from({ length: others - 1 }, (_, index) => withAddresses(index) as unknown as Manifest));
      // The last one answers, and so tells when all are known.
      await writer.load([service(others, { backends: direct }) as unknown as Manifest]);
      await untilOpen(client, addressAt(IN_11, others));
    }
    const samples = { direct: [] as number[], virtual: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 10 === 0) progress(`round ${round + 1} of ${ROUNDS}`);
      const turns = [
        async () => samples.direct.push(await dial(client, program, direct[round % BACKENDS]!)),
        async () => samples.virtual.push(await dial(client, program, VIRTUAL)),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
    }
    const title = `${others + 1} services`;
    const [plain, balanced] = [samples.direct, samples.virtual].map((list, at) => ({
      name: `connections ${at === 0 ? 'direct' : 'by the virtual address'}, ${title}`,
      unit: '/s',
      samples: list,
    }));
    rows.push(medianRow(plain!), { ...medianRow(balanced!, plain!), peer: 'direct' });
  }
  await writer.close();
  return rows;
}

/** Nobody is at its backends. */
function withAddresses(index: number): AnyObject {
  const backends = Array.from({ length: BACKENDS }, (_, at) => addressAt(IN_198_18, index * BACKENDS + at));
  return service(index, { backends });
}

function launch(host: LabHost, containerId: string, command: string): Promise<Container> {
  const labels = { labels: [{ key: 'role', value: containerId.split('-')[0]! }] };
  return host.containerizer().launch({ containerId, networkInfos: [{ name: 'weir', labels }], command });
}

async function untilOpen(client: Container, address: string): Promise<void> {
  const isOpen = () =>
    within(client, 'timeout', '0.3', 'bash', '-c', `</dev/tcp/${address}/${PORT}`).then(
      () => true,
      () => false,
    );
  await until(`${address} answers`, isOpen);
}

/** @returns connections a second, one after the other */
async function dial(client: Container, program: string, address: string): Promise<number> {
  return Number(await within(client, program, 'dial', address, String(PORT), SECONDS));
}

async function within(container: Container, ...command: string[]): Promise<string> {
  return (await run('nsenter', [...nsenterArguments(container.pid), ...command])).stdout;
}

function timed<T>(action: () => T): [milliseconds: number, result: T] {
  const start = performance.now();
  const result = action();
  return [performance.now() - start, result];
}
