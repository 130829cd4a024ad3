/** `weir` as a user runs it, on an embedded store of the test's own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { ObjectStore, openStore, type Store } from '@weir/datastore';
import { parseObject } from '@weir/resources';
import type { ExecutionContext } from 'ava';
import { CommandServer } from './command-server.ts';
import type { Run } from './command-server-process.ts';

/** `weir` itself. */
export const ENTRY = fileURLToPath(new URL('../../bin/weir.js', import.meta.url));

export interface RunOptions {
  stdin?: string;
  env?: NodeJS.ProcessEnv;
}

/** For all tests of a file. */
const server = new CommandServer();

export class Weir {
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(folder: string) {
    this.folder = folder;
    this.#env = {
      PATH: process.env.PATH,
      HOME: folder,
      // Shared by the tests of a machine's user: it is no result of theirs, and without it each run starts a third slower.
      XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? folder, '.cache'),
      WEIR_STORE_PATH: join(folder, 'weir.db'),
      COLUMNS: '80',
    };
  }

  /** A new, empty store in a folder that goes with the test. */
  static async in(t: ExecutionContext): Promise<Weir> {
    const folder = await mkdtemp(join(tmpdir(), 'weir-cli-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const weir = new Weir(folder);
    await weir.withStore(async () => {});
    return weir;
  }

  /** Writes a file into the folder and gives its path. */
  async file(name: string, content: string): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, content);
    return path;
  }

  start(argv: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return spawn(process.execPath, [ENTRY, ...argv], { cwd: this.folder, env: { ...this.#env, ...env }, stdio: 'pipe' });
  }

  /** Runs a command line as `bin/weir.js` would, but for the start of a process. */
  async run(argv: readonly string[], { stdin = '', env = {} }: RunOptions = {}): Promise<Run> {
    return server.run({ argv, stdin, env: { ...this.#env, ...env }, folder: this.folder });
  }

  /** As `run`, in a process of its own. */
  async runProcess(argv: readonly string[], { stdin = '', env }: RunOptions = {}): Promise<Run> {
    const child = this.start(argv, env);
    // A command that does not read its input may be gone before all is written.
    child.stdin!.on('error', () => {});
    child.stdin!.end(stdin);
    const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
    const [status, stdout, stderr] = await Promise.all([ended, text(child.stdout!), text(child.stderr!)]);
    return { status, stdout, stderr };
  }

  /** Fails the test, with what the command said, unless it ends well. */
  async ok(t: ExecutionContext, argv: readonly string[], options?: RunOptions): Promise<string> {
    const { status, stdout, stderr } = await this.run(argv, options);
    t.is(status, 0, `weir ${argv.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** Fails the test unless the command ends with that status and prints nothing but one error. */
  async fails(t: ExecutionContext, status: number, argv: readonly string[], options?: RunOptions): Promise<string> {
    const run = await this.run(argv, options);
    t.is(run.status, status, `weir ${argv.join(' ')}: ${run.stdout}${run.stderr}`);
    t.true(run.stderr.startsWith('error: '), run.stderr);
    t.notRegex(run.stderr, /^ +at /m, 'a stack was printed');
    return run.stderr;
  }

  async withStore<T>(work: (store: Store, objects: ObjectStore) => Promise<T>): Promise<T> {
    const store = await openStore({ backend: 'embedded', path: join(this.folder, 'weir.db'), timeoutMilliseconds: 5000 });
    try {
      return await work(store, new ObjectStore(store));
    } finally {
      await store.close();
    }
  }

  /** Puts objects into the store as agents and CNI tools would, past the rules that hold for users. */
  async seed(...objects: object[]): Promise<void> {
    await this.withStore(async (_, store) => {
      for (const object of objects) await store.put(parseObject({ apiVersion: 'weir/v1', ...object }));
    });
  }
}

/** Text of lines, as a command prints it. */
export function lines(...texts: string[]): string {
  return texts.map((line) => `${line}\n`).join('');
}

export function host(name: string, address: string): object {
  return { kind: 'Host', metadata: { name }, spec: { addresses: [address] } };
}

/** An endpoint of namespace `shop`, named by its container. */
export function endpoint(containerId: string, labels: Record<string, string>, { on, address }: { on: string; address: string }): object {
  return {
    kind: 'Endpoint',
    metadata: { name: `${containerId}-eth0`, namespace: 'shop', labels },
    spec: {
      host: on,
      containerId,
      network: 'weir',
      interfaceName: 'eth0',
      hostInterface: `weir${containerId.slice(0, 8)}`,
      addresses: [address],
    },
  };
}

export const POOL = 'apiVersion: weir/v1\nkind: Pool\nmetadata: {name: main}\nspec: {cidr: 10.77.0.0/16}\n';

export const POLICY = `apiVersion: weir/v1
kind: Policy
metadata: {name: web, namespace: shop}
spec:
  selector: run == 'web'
  ingress:
    - {action: Allow, protocol: TCP, source: {selector: run == 'client'}, destination: {ports: [80, '8000:8080']}}
`;

export const KUBERNETES_POLICY = `kind: NetworkPolicy
apiVersion: extensions/v1beta1
metadata:
  name: access-nginx
  namespace: policy-demo
spec:
  podSelector:
    matchLabels:
      run: nginx
  ingress:
    - from:
      - podSelector:
          matchLabels:
            run: access
`;
