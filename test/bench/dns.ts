/**
 * `npm run bench:dns`: what a question to the host's DNS server costs a container, in a cluster of ten thousand others. Names of the
 * cluster; and names that dnsmasq beside the agent answers, through the agent and asked directly, in turn.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { Cluster, LabHost } from '@weir/lab';
import { withCluster } from './cluster.ts';
import { StoreWriter } from './store-writer.ts';
import { median, medianRow, progress, quantile, type Row, report, type Series } from './table.ts';
import { until } from './until.ts';

const CONTAINERS = 10_000;
const ROUNDS = 7;
/** One after the other, and as many at once as a busy host's containers may have. */
const ALONE = { count: 1000, window: 1 };
const TOGETHER = { count: 10_000, window: 64 };
const CLIENT = new URL('./dns-client.ts', import.meta.url).pathname;
const AGENT = '169.254.1.53';

const run = promisify(execFile);

const agent = { dns: { resolvers: ['127.0.0.1'] } };
report('dns', await withCluster({ bench: 'dns', hosts: 1, agent }, measure));

interface Answers {
  seconds: number;
  took: number[];
}

async function measure(cluster: Cluster): Promise<Row[]> {
  const [host] = cluster.hosts as [LabHost];
  const writer = new StoreWriter(cluster);
  progress(`${CONTAINERS} containers of a thousand apps`);
  await writer.load([{ kind: 'Pool', metadata: { name: 'main' }, spec: { cidr: '10.64.0.0/16' } }, ...others()]);
  await writer.close();
  const containerizer = host.containerizer();
  const networkInfos = [{ name: 'weir', labels: { labels: [] }, port_mappings: [] }];
  const client = await containerizer.launch({ containerId: 'client', networkInfos, command: 'exec sleep 100000' });
  const dnsmasq = host.spawn('/usr/sbin/dnsmasq', dnsmasqOptions(host), { stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    await once(dnsmasq, 'spawn');
    const ask = async (server: string, name: string, { count, window }: typeof ALONE): Promise<Answers> => {
      const words = [`--net=${client.namespace}`, process.execPath, CLIENT, server, name, String(count), String(window)];
      return JSON.parse((await run('nsenter', words, { maxBuffer: 1 << 26 })).stdout);
    };
    await until('the names are known', () =>
      ask(AGENT, 'app-7.bench.weir', { count: 1, window: 1 }).then(
        () => true,
        () => false,
      ),
    );
    const questions = {
      own: (how: typeof ALONE) => ask(AGENT, 'app-7.bench.weir', how),
      forwarded: (how: typeof ALONE) => ask(AGENT, 'www.example.com', how),
      direct: (how: typeof ALONE) => ask(host.addresses.ipv4, 'www.example.com', how),
    };
    const names = Object.keys(questions) as (keyof typeof questions)[];
    const alone = { own: [] as number[], forwarded: [] as number[], direct: [] as number[] };
    const rates = { own: [] as number[], forwarded: [] as number[], direct: [] as number[] };
    const late: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      progress(`round ${round + 1} of ${ROUNDS}`);
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        alone[name].push(median((await questions[name](ALONE)).took));
        const { seconds, took } = await questions[name](TOGETHER);
        rates[name].push(TOGETHER.count / seconds);
        if (name === 'own') late.push(quantile(took, 0.99) / 1000);
      }
    }
    const series = (name: string, unit: string, samples: number[]): Series => ({ name, unit, samples });
    const direct = series('dnsmasq asked directly', 'µs', alone.direct);
    const directRate = series(`dnsmasq, ${TOGETHER.window} at once`, 'answers/s', rates.direct);
    return [
      medianRow(direct),
      medianRow(series('the same through the agent', 'µs', alone.forwarded), direct),
      medianRow(series('a name of the cluster', 'µs', alone.own), direct),
      medianRow(directRate),
      medianRow(series('the same through the agent', 'answers/s', rates.forwarded), directRate),
      medianRow(series('a name of the cluster', 'answers/s', rates.own), directRate),
      medianRow(series(`99 of 100 of these within, ${TOGETHER.window} at once`, 'ms', late)),
    ];
  } finally {
    dnsmasq.kill();
    await containerizer.destroy('client');
  }
}

function dnsmasqOptions({ addresses }: LabHost): string[] {
  const quiet = ['--keep-in-foreground', '--no-resolv', '--no-hosts', '--conf-file=/dev/null', '--pid-file=', '--user=root'];
  return [
    ...quiet,
    '--listen-address=127.0.0.1',
    `--listen-address=${addresses.ipv4}`,
    '--bind-interfaces',
    '--host-record=www.example.com,192.0.2.80',
  ];
}

/** On hosts that are not there: ten of each app. */
function others() {
  return Array.from({ length: CONTAINERS }, (_, index) => ({
    kind: 'Endpoint',
    metadata: { name: `other-${index}-eth0`, namespace: 'bench', labels: { app: `app-${index % 1000}` } },
    spec: {
      host: `far-${index % 100}`,
      containerId: `other-${index}`,
      network: 'weir',
      interfaceName: 'eth0',
      hostInterface: `weir${index}`,
      addresses: [`10.${100 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`],
    },
  }));
}
