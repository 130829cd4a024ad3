/**
 * What flannel's CNI plugin does, for machines that have none: reads the file that flanneld writes of its host's subnets, has `bridge` and
 * `host-local` make the interface, and keeps what it told them for DEL. After https://github.com/flannel-io/cni-plugin.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const { CNI_COMMAND = '', CNI_CONTAINERID = '', CNI_PATH = '' } = process.env;
const config = JSON.parse(readFileSync(0, 'utf8'));
const kept = join(config.dataDir, CNI_CONTAINERID);

function delegateOf(): string {
  const env = new Map(
    readFileSync(config.subnetFile, 'utf8')
      .split('\n')
      .map((line) => line.split('=') as [string, string]),
  );
  const subnets = [env.get('FLANNEL_SUBNET'), env.get('FLANNEL_IPV6_SUBNET')].filter((subnet) => subnet !== undefined);
  const networks = [env.get('FLANNEL_NETWORK'), env.get('FLANNEL_IPV6_NETWORK')].filter((network) => network !== undefined);
  return JSON.stringify({
    type: 'bridge',
    isGateway: true,
    ipMasq: env.get('FLANNEL_IPMASQ') !== 'true',
    mtu: Number(env.get('FLANNEL_MTU')),
    ...config.delegate,
    name: config.name,
    cniVersion: config.cniVersion,
    ipam: {
      type: 'host-local',
      ranges: subnets.map((subnet) => [{ subnet }]),
      routes: networks.map((dst) => ({ dst })),
      ...config.ipam,
    },
  });
}

function run(stdin: string): never {
  const { status, stdout, stderr } = spawnSync(join(CNI_PATH, JSON.parse(stdin).type), { input: stdin });
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exit(status ?? 1);
}

if (CNI_COMMAND === 'ADD') {
  mkdirSync(config.dataDir, { recursive: true });
  writeFileSync(kept, delegateOf());
  run(readFileSync(kept, 'utf8'));
} else if (CNI_COMMAND === 'DEL' && existsSync(kept)) {
  const stdin = readFileSync(kept, 'utf8');
  rmSync(kept);
  run(stdin);
}
