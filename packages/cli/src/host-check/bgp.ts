/** BGP's daemon, where objects call for it. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type AgentConfig, findBird } from '@weir/agent';
import { ObjectStore, openStore } from '@weir/datastore';
import { type Check, failed, ok, skipped, warning } from './check.ts';

/** Of Debian's service. */
const OTHER_SOCKET = '/run/bird/bird.ctl';

export async function checkBgp({ store: options, bird }: AgentConfig): Promise<Check[]> {
  const name = 'BGP';
  const wants = await whatWantsIt(options).catch(() => undefined);
  if (wants === undefined) return [skipped(name, 'the store does not say whether BGP is configured')];
  if (wants.length === 0) return [ok(name, 'nothing calls for it')];
  return checkBird(name, wants, bird ?? findBird());
}

/** @param path of BIRD; undefined where there is none */
export function checkBird(name: string, wants: readonly string[], path: string | undefined, otherSocket = OTHER_SOCKET): Check[] {
  if (path === undefined || !existsSync(path))
    return [
      failed(
        name,
        `BIRD is not ${path === undefined ? 'installed' : `at ${path}`}, and wanted by ${wants.join(', ')}`,
        'apt-get install bird2 && systemctl disable --now bird',
      ),
    ];
  const version = versionOf(path);
  const fit = version?.startsWith('2.')
    ? ok(name, `BIRD ${version}`)
    : failed(name, `${path} is ${version === undefined ? 'no BIRD' : `BIRD ${version}`}`, 'install BIRD 2: apt-get install bird2');
  if (!existsSync(otherSocket)) return [fit];
  const remedy = "if it is not yours: systemctl disable --now bird. Else see that the two share neither port 179 nor the kernel's routes";
  return [fit, warning(name, 'another BIRD runs on this host, beside the one of Weir', remedy)];
}

/** Where the store cannot be read, another check says so. */
async function whatWantsIt(options: AgentConfig['store']): Promise<string[]> {
  if (options.backend === 'embedded' && !existsSync(options.path)) return [];
  const store = await openStore(options);
  try {
    const objects = new ObjectStore(store);
    const [peers, pools] = await Promise.all([objects.list('BgpPeer'), objects.list('Pool')]);
    const byBgp = pools.objects.filter(({ object }) => object.spec.routes === 'Bgp');
    return [
      ...peers.objects.map(({ object }) => `BgpPeer ${object.metadata.name}`),
      ...byBgp.map(({ object }) => `pool ${object.metadata.name}`),
    ];
  } finally {
    await store.close();
  }
}

/** `2.0.12`; BIRD tells it on its standard error. */
function versionOf(path: string): string | undefined {
  try {
    const told = execFileSync('/bin/sh', ['-c', '"$0" --version 2>&1', path], { encoding: 'utf8' });
    return /^BIRD version (\S+)/.exec(told)?.[1];
  } catch {
    return undefined;
  }
}
