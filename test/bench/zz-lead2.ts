import { execSync, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { withCluster } from './cluster.ts';
import { CniCalls } from './cni-calls.ts';
import { StoreWriter } from './store-writer.ts';

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
  for (let i = 0; i < 12; i++) {
    bench.makeNamespace(`w${i}`);
    await bench.time(bench.weir, 'ADD', `w${i}`);
  }
  for (let i = 0; i < 8; i++) {
    await delay(80);
    await bench.time(bench.weir, 'DEL', `w${i}`);
  }
  const pid = execSync(`pgrep -f 'weir.ts agent --config ${cluster.folder.path}'`).toString().trim().split('\n')[0];
  const s = spawn('strace', ['-f', '-ttt', '-T', '-s', '60', '-o', '/tmp/strace.out', '-p', pid!], { stdio: 'ignore' });
  await delay(500);
  for (let i = 8; i < 11; i++) {
    await delay(100);
    await bench.time(bench.weir, 'DEL', `w${i}`);
  }
  await bench.time(bench.weir, 'ADD', `w8`);
  await delay(200);
  s.kill('SIGINT');
  return [];
});
process.exit(0);
