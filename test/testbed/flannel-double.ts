/**
 * What flannel's CNI plugin does, for machines that have none: reads the file that flanneld writes of its host's subnets, has `bridge` and
 * `host-local` make the interface, and keeps what it told them for DEL. After https://github.com/flannel-io/cni-plugin.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCidrClearingHostBits } from '@weir/resources';

const { CNI_COMMAND = '', CNI_CONTAINERID = '', CNI_PATH = '' } = process.env;
const config = JSON.parse(readFileSync(0, 'utf8'));
const kept = join(config.dataDir, CNI_CONTAINERID);

/** flanneld writes the host's own address of its subnet; the plugin takes the subnet. There may be several networks. */
const cidrs = (text = ''): string[] =>
  text
    .split(',')
    .filter((cidr) => cidr !== '')
    .map(parseCidrClearingHostBits);

function delegateOf(): string {
  const env = new Map(
    readFileSync(config.subnetFile, 'utf8')
      .split('\n')
      .map((line) => line.split('=') as [string, string]),
  );
  const families = ['', 'IPV6_'];
  const subnets = families.flatMap((family) => cidrs(env.get(`FLANNEL_${family}SUBNET`)));
  const networks = families.flatMap((family) => cidrs(env.get(`FLANNEL_${family}NETWORK`)));
  const missing = ['FLANNEL_MTU', 'FLANNEL_IPMASQ'].filter((name) => !env.has(name));
  if (subnets.length === 0 || networks.length === 0) missing.push('FLANNEL_SUBNET', 'FLANNEL_NETWORK');
  if (missing.length > 0) fail(`${config.subnetFile} is missing ${missing.join(', ')}`);
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
      ...config.ipam,
      ranges: subnets.map((subnet) => [{ subnet }]),
      routes: [...(config.ipam?.routes ?? []), ...networks.map((dst) => ({ dst }))],
    },
  });
}

function fail(msg: string): never {
  process.stdout.write(JSON.stringify({ cniVersion: config.cniVersion, code: 999, msg }));
  process.exit(1);
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
