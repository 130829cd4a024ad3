import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { withCluster } from './cluster.ts';
import { CniCalls } from './cni-calls.ts';
import { StoreWriter } from './store-writer.ts';
import { median } from './table.ts';

await withCluster({ bench: 'zz', hosts: 1, store: 'embedded' }, async (cluster) => {
  const writer = new StoreWriter(cluster);
  await writer.load([
    { kind: 'Pool', metadata: { name: 'bench' }, spec: { cidr: '10.100.0.0/16' } },
    {
      kind: 'Policy',
      metadata: { name: 'bench' },
      spec: {
        selector: "app == 'bench'",
        ingress: [{ action: 'Allow', protocol: 'TCP', source: { selector: "app == 'bench'" }, destination: { ports: [80] } }],
      },
    },
  ] as never);
  await writer.close();
  const bench = new CniCalls(cluster);
  const adds: number[] = [],
    dels: number[] = [];
  for (let i = 0; i < 40; i++) {
    bench.makeNamespace(`w${i}`);
    await delay(30);
    adds.push(await bench.time(bench.weir, 'ADD', `w${i}`));
  }
  for (let i = 0; i < 40; i++) {
    await delay(80);
    dels.push(await bench.time(bench.weir, 'DEL', `w${i}`));
  }
  const log = readFileSync(join(cluster.folder.path, 'log/agent-host-1.log'), 'utf8')
    .trim()
    .split('\n')
    .map((l) => JSON.parse(l));
  const of = (c: string) => log.filter((l) => l.command === c).map((l) => l.ms as number);
  console.log('launcher ADD', median(adds), 'agent ADD', median(of('ADD')), of('ADD').join(' '));
  console.log('launcher DEL', median(dels), 'agent DEL', median(of('DEL')), of('DEL').join(' '));
  return [];
});
process.exit(0);
