/**
 * A Docker engine on a host of the lab. It has mounts and processes of its own, so that nothing of the machine is touched: what it has in /run is in
 * memory, and when this process ends all of it does, containers included.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import { inNamespace } from '@weir/kernel';
import type { LabHost } from '@weir/lab';
import { eventually } from '../testbed/eventually.ts';

const BUSYBOX = '/bin/busybox';
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** Starts and kills the engine as it is told, line by line; it is the first process of its kind, and the last. Whatever ends the tests, it then removes what there is. */
const FIRST_PROCESS = `
mount -t tmpfs tmpfs /run
mkdir -p /run/docker/plugins
mount --bind "$PLUGINS" /run/docker/plugins
# It makes itself a key there, and has no option for another place; and it takes options from there.
cp -a /etc /run/etc && rm -rf /run/etc/docker
mount --bind /run/etc /etc
while read -r order; do
  case $order in
    start) dockerd "$@" >> "$LOG" 2>&1 & ;;
    kill) kill -KILL "$(cat /run/dockerd.pid)"; rm /run/dockerd.pid ;;
  esac
done
kill -KILL -1
wait
cut -d ' ' -f 2 /proc/mounts | grep "^$FOLDER/" | xargs -r umount -l
rm -rf "$FOLDER"
# Docker's own one for all containers stays, and what was killed takes a moment to be gone.
for cgroup in /sys/fs/cgroup/*/"$CGROUP" /sys/fs/cgroup/"$CGROUP"; do
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ ! -d "$cgroup" ] || find "$cgroup" -depth -type d -exec rmdir {} + 2> /dev/null || sleep 0.1
  done
done
`;

export interface DockerContainer {
  name: string;
  /** Path of its network namespace. */
  namespace: string;
  ipv4: string;
  ipv6: string;
  mac: string;
}

export class Docker {
  readonly socket: string;
  readonly log: string;
  readonly #programs: string;
  readonly #folder: string;
  readonly #plugins: string;
  readonly #process: ChildProcess;

  /**
   * @param of.programs folder of Docker's programs
   * @param of.folder for all that it keeps; goes with it
   * @param of.plugins where it looks for plugins
   */
  constructor(of: { host: LabHost; programs: string; folder: string; plugins: string }) {
    const { host, programs, folder, plugins } = of;
    this.#programs = programs;
    this.#folder = folder;
    this.#plugins = plugins;
    this.socket = join(folder, 'docker.sock');
    this.log = join(folder, 'dockerd.log');
    const cgroup = `weir-test-${process.pid}`;
    mkdirSync(plugins, { recursive: true });
    const own = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];
    // prettier-ignore
    const options = [
      '--data-root',
      join(folder, 'data'),
      '--exec-root',
      '/run/docker',
      '--pidfile',
      '/run/dockerd.pid',
      '-H',
      `unix://${this.socket}`,
      '--storage-driver',
      'vfs',
      '--bridge',
      'none',
      '--iptables=false',
      '--ip6tables=false',
      '--ip-forward=false',
      '--userland-proxy=false',
      '--default-ulimit',
      'nofile=1024:1024',
      '--default-ulimit',
      'nproc=1024:1024',
      '--cgroup-parent',
      `/${cgroup}`,
      '--log-level',
      'info',
    ];
    this.#process = inNamespace(host.namespace, () =>
      spawn('unshare', [...own, 'sh', '-c', FIRST_PROCESS, 'sh', ...options], {
        stdio: ['pipe', 'ignore', 'inherit'],
        env: { PATH: `${programs}:${PATH}`, PLUGINS: plugins, LOG: this.log, FOLDER: folder, CGROUP: cgroup },
      }),
    );
  }

  /** Returns when it answers. */
  async start(): Promise<void> {
    this.#process.stdin!.write('start\n');
    if (await this.#untilIt(true)) return;
    throw new Error(`dockerd does not answer:\n${readFileSync(this.log, 'utf8').split('\n').slice(-15).join('\n')}`);
  }

  /** With kill -9; containers run on. */
  async kill(): Promise<void> {
    this.#process.stdin!.write('kill\n');
    await this.#untilIt(false);
  }

  #untilIt(answers: boolean): Promise<boolean> {
    const ask = () =>
      this.docker('version').then(
        () => true,
        () => false,
      );
    return eventually(ask, (does) => does === answers, { limitMs: 30_000 });
  }

  /** An image with busybox. @param changes lines of a Dockerfile */
  async importImage(name: string, ...changes: string[]): Promise<void> {
    const root = join(this.#folder, `image-${name}`);
    mkdirSync(join(root, 'bin'), { recursive: true });
    cpSync(BUSYBOX, join(root, 'bin/busybox'));
    for (const applet of ['sh', 'sleep', 'ip', 'nc', 'true']) symlinkSync('busybox', join(root, 'bin', applet));
    const archive = `${root}.tar`;
    const tar = spawn('tar', ['-C', root, '-cf', archive, '.']);
    await once(tar, 'close');
    await this.docker('import', ...changes.flatMap((change) => ['--change', change]), archive, name);
  }

  /** @throws Error with what Docker said */
  async run(name: string, network: string, ...more: string[]): Promise<DockerContainer> {
    await this.docker('run', '-d', '--name', name, '--network', network, '--stop-signal', 'KILL', ...more, 'busybox', 'sleep', '100000');
    return this.inspect(name);
  }

  async inspect(name: string): Promise<DockerContainer> {
    const [found] = JSON.parse(await this.docker('inspect', name)) as {
      NetworkSettings: {
        SandboxKey: string;
        Networks: Record<string, { IPAddress: string; GlobalIPv6Address: string; MacAddress: string }>;
      };
    }[];
    const { SandboxKey, Networks } = found!.NetworkSettings;
    const [{ IPAddress: ipv4, GlobalIPv6Address: ipv6, MacAddress: mac }] = Object.values(Networks) as [(typeof Networks)[string]];
    return { name, namespace: `/proc/${this.#firstPid}/root${SandboxKey.replace('/var/run/', '/run/')}`, ipv4, ipv6, mac };
  }

  /** A call as the engine makes it. Throws Error with the plugin's word. */
  async askPlugin(socket: string, method: string, body: object): Promise<Record<string, unknown>> {
    const sent = request({ socketPath: join(this.#plugins, socket), path: `/${method}`, method: 'POST' });
    sent.end(JSON.stringify(body));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const answer = (await json(response)) as Record<string, unknown>;
    if (answer.Err !== undefined) throw new Error(`${method}: ${answer.Err}`);
    return answer;
  }

  async remove(...names: string[]): Promise<void> {
    await this.docker('rm', '-f', ...names);
  }

  /** Its command line. Throws Error with what it said when it fails. */
  async docker(...args: string[]): Promise<string> {
    const child = spawn(join(this.#programs, 'docker'), ['-H', `unix://${this.socket}`, ...args], {
      env: { PATH, HOME: this.#folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]);
    if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout.trim();
  }

  async close(): Promise<void> {
    this.#process.stdin!.end();
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, 'close');
  }

  get #firstPid(): string {
    const { pid } = this.#process;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  }
}
