import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseConfig, printConfig } from './config-json.ts';
import { NetworkCniIsolator } from './isolator.ts';
import type { NetworkInfo } from './network-info.ts';
import type { PluginCall } from './plugin-process.ts';

/** A call that a real Mesos agent made, and the plugin's answer. */
interface Recording {
  seq: number;
  scenario: string;
  argv: string[];
  env: Record<string, string>;
  stdin: string;
  netns_mounted: boolean;
  exit_code: number;
  stdout: string;
  stderr: string;
}

const MESOS_RUNTIME = '/var/run/mesos';
const MESOS_CNI = '/var/lib/mesos/cni';
const NETWORK_INFO = ['args', 'org.apache.mesos', 'network_info'];

const reduced = join(import.meta.dirname, 'fixtures');
const full = process.env.WEIR_MESOS_RECORDINGS ?? resolve(import.meta.dirname, '../../../../../shared/mesos-recordings');

/** What Mesos did after the ADD: the task ran, the launch failed, or the task failed for want of an address. Default: runs when ADD exits with 0. */
const OUTCOMES: Record<string, 'launch fails' | 'no address'> = {
  'cmd-garbage': 'launch fails',
  'cmd-empty': 'launch fails',
  'cmd-signal': 'launch fails',
  'cmd-res-arr': 'launch fails',
  'cmd-res-ip4noip': 'launch fails',
  'cmd-res-dnsbad': 'launch fails',
  'cmd-res-badip4': 'launch fails',
  'cmd-res-emptyobj': 'no address',
  'cmd-res-ips': 'no address',
  'cmd-res-ip6': 'no address',
  'cmd-br-030': 'no address',
  'cmd-br-031': 'no address',
  'cmd-br-040': 'no address',
  'cmd-br-100': 'no address',
  'ds-cmd-br-040': 'no address',
};

declareReplays('reduced', reduced);
if (existsSync(full)) declareReplays('full', full);
else test.skip(`full recordings: no folder ${full} (set WEIR_MESOS_RECORDINGS)`, () => {});

function declareReplays(title: string, folder: string): void {
  const recordings = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Recording);
  for (const [containerId, calls] of Map.groupBy(recordings, ({ env }) => env.CNI_CONTAINERID!))
    test(`${title}: ${calls[0]!.scenario} of ${containerId}`, (t) => replay(t, containerId, calls));
}

/** Plays one container's life; every call that the isolator makes must be the next recorded one of its kind. */
async function replay(t: ExecutionContext, containerId: string, recordings: Recording[]): Promise<void> {
  const host = new ReplayedHost(t, recordings);
  t.teardown(() => host.remove());
  const adds = recordings.filter(({ env }) => env.CNI_COMMAND === 'ADD').sort((a, b) => a.env.CNI_IFNAME!.localeCompare(b.env.CNI_IFNAME!));
  const networkInfos = adds.map((recording) => readNetworkInfo(recording.stdin));

  let isolator = host.isolator();
  if (adds.length > 0) {
    isolator.prepare(containerId, { networkInfos });
    const launch = await isolator.isolate(containerId).then(
      () => 'runs',
      () => 'launch fails',
    );
    const addressed =
      launch === 'runs' &&
      isolator.status(containerId).some(({ ip_addresses }) => ip_addresses.some(({ protocol }) => protocol === 'IPv4'));
    const expected = adds.some(({ exit_code }) => exit_code !== 0) ? 'launch fails' : (OUTCOMES[adds[0]!.scenario] ?? 'runs');
    if (!containerId.includes('.')) t.is(launch === 'runs' && !addressed ? 'no address' : launch, expected);
  } else {
    host.plantOrphan(containerId);
  }
  // A DEL that failed is tried again by the next agent only.
  for (let restarts = 0; host.pending.some(({ env }) => env.CNI_COMMAND === 'DEL'); restarts++) {
    t.true(restarts < 9, 'the isolator makes no further call');
    const failing = host.pending.find(({ env }) => env.CNI_COMMAND === 'DEL')!.exit_code !== 0;
    if (restarts === 0 && adds.length > 0) {
      await (failing ? t.throwsAsync(isolator.cleanup(containerId), { code: 'ESTUCK' }) : t.notThrowsAsync(isolator.cleanup(containerId)));
    } else {
      isolator = host.isolator();
      const stuck = await isolator.recover(new Map());
      t.is(stuck.has(containerId), failing);
    }
    t.is(existsSync(host.containerDir(containerId)), failing, 'a failed DEL leaves the folder, a good one removes it');
  }
  t.deepEqual(host.pending, [], 'every recorded call was made');
}

/** Folders as Mesos has them, below a temporary root, with plugins that answer as recorded. */
class ReplayedHost {
  readonly pending: Recording[];
  readonly #t: ExecutionContext;
  readonly #root = mkdtempSync(join(tmpdir(), 'weir-replay-'));
  readonly #pluginsDir: string;

  constructor(t: ExecutionContext, recordings: Recording[]) {
    this.#t = t;
    this.pending = [...recordings];
    this.#pluginsDir = this.#below(recordings[0]!.env.CNI_PATH!);
    mkdirSync(join(this.#root, 'config'), { recursive: true });
    for (const recording of recordings) {
      const config = JSON.parse(recording.stdin) as { name: string; type: string; ipam?: { type: string } };
      const folder = this.#below(dirname(recording.argv[0]!));
      for (const type of [config.type, config.ipam?.type]) if (type !== undefined) this.#install(join(folder, type));
      writeFileSync(join(this.#root, 'config', encodeURIComponent(config.name)), withoutNetworkInfo(recording.stdin));
    }
  }

  isolator(): NetworkCniIsolator {
    return new NetworkCniIsolator({
      configDir: join(this.#root, 'config'),
      pluginsDir: this.#pluginsDir,
      runtimeDir: this.#below(MESOS_RUNTIME),
      path: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      // A link to a living namespace has the device number that a bind mount has.
      namespaces: { create: (path) => symlinkSync('/proc/self/ns/net', path), remove: (path) => rmSync(path) },
      runPlugin: async (call) => this.#answer(call),
    });
  }

  #answer(call: PluginCall): { exitCode: number; stdout: string; stderr: string } {
    const { environment } = call;
    const index = this.pending.findIndex(
      ({ env }) => env.CNI_COMMAND === environment.CNI_COMMAND && env.CNI_IFNAME === environment.CNI_IFNAME,
    );
    const [recording] = index < 0 ? [] : this.pending.splice(index, 1);
    if (!recording) throw new Error(`unrecorded call ${JSON.stringify(environment)}`);
    this.#t.deepEqual(
      mapValues(environment, (value) => this.#above(value)),
      recording.env,
    );
    this.#t.is(this.#above(call.plugin), recording.argv[0]!);
    this.#t.true(statSync(call.stdinPath).isFile());
    this.#t.is(readFileSync(call.stdinPath, 'utf8'), recording.stdin);
    const nextDel = this.pending.find(({ env }) => env.CNI_COMMAND === 'DEL');
    if (nextDel && !nextDel.netns_mounted) this.#reboot(recording.env.CNI_CONTAINERID!);
    return { exitCode: recording.exit_code, stdout: recording.stdout, stderr: recording.stderr };
  }

  /** After a reboot the mount is gone and the empty file beneath it is left. */
  #reboot(containerId: string): void {
    const handle = join(this.containerDir(containerId), 'ns');
    rmSync(handle);
    writeFileSync(handle, '');
  }

  /** A container's folder that no agent remembers. */
  plantOrphan(containerId: string): void {
    for (const { env, stdin, netns_mounted } of this.pending) {
      const network = join(this.containerDir(containerId), (JSON.parse(stdin) as { name: string }).name);
      mkdirSync(join(network, env.CNI_IFNAME!), { recursive: true });
      writeFileSync(join(network, 'network.conf'), stdin);
      const handle = join(this.containerDir(containerId), 'ns');
      if (netns_mounted) symlinkSync('/proc/self/ns/net', handle);
      else writeFileSync(handle, '');
    }
  }

  containerDir(containerId: string): string {
    return this.#below(join(MESOS_RUNTIME, 'isolators/network/cni', containerId));
  }

  remove(): void {
    rmSync(this.#root, { recursive: true });
  }

  #install(path: string): void {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '', { mode: 0o755 });
  }

  #below(paths: string): string {
    return paths.replaceAll(MESOS_RUNTIME, this.#root + MESOS_RUNTIME).replaceAll(MESOS_CNI, this.#root + MESOS_CNI);
  }

  #above(paths: string): string {
    return paths.replaceAll(this.#root, '');
  }
}

function readNetworkInfo(stdin: string): NetworkInfo {
  return NETWORK_INFO.reduce((value: unknown, key) => (value as Record<string, unknown>)[key], JSON.parse(stdin)) as NetworkInfo;
}

/** The network file as the operator wrote it. */
function withoutNetworkInfo(stdin: string): string {
  const { args, ...config } = parseConfig(stdin);
  const { 'org.apache.mesos': _mesos, ...others } = (args ?? {}) as Record<string, unknown>;
  return printConfig({ ...config, ...(Object.keys(others).length > 0 && { args: others }) });
}

function mapValues(record: Record<string, string>, change: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
