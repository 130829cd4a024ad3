/**
 * libnftables, in process: scripts carried out atomically, rulesets listed as JSON.
 *
 * A script is what a file for `nft -f` holds: one statement a line. Mind that names such as `fwd` are keywords of the language. For set
 * elements use `NftSocket`: libnftables (1.0.6) first reads every set of the ruleset whenever an element is added.
 */
import { closeSync, readdirSync, readlinkSync, writeSync } from 'node:fs';
import koffi, { type LibraryHandle } from 'koffi';
import { KernelError } from '../error.ts';
import { checked, fcntl, memfdCreate } from '../libc.ts';
import { inOptionalNamespace, type Namespace } from '../namespace.ts';

const OUTPUT_JSON = 1 << 4;
const OUTPUT_TERSE = 1 << 11;
const EIO = 5;
const MFD_CLOEXEC = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const ENOENT = 2;

// What libnftables says, after libc's strerror, in the C locale that Node runs in.
const ERRNO_BY_TEXT: [text: string, errno: number][] = [
  ['No such file or directory', ENOENT],
  ['File exists', 17],
  ['Device or resource busy', 16],
  ['Operation not permitted', 1],
  ['Operation not supported', 95],
  ['Invalid argument', 22],
  ['syntax error', 22],
  ['Message too long', 90],
  ['Too many links', 31],
];

type Context = bigint | object;
interface Library {
  create(flags: number): Context | null;
  free(context: Context): void;
  setOutputFlags(context: Context, flags: number): void;
  bufferOutput(context: Context): number;
  bufferError(context: Context): number;
  run(context: Context, script: string): number;
  runFile(context: Context, path: string): number;
  output(context: Context): string | null;
  error(context: Context): string | null;
}

let loaded: Library | undefined;

/** Loaded when first needed: not every process that imports this package has, or needs, the library. */
function library(): Library {
  if (loaded) return loaded;
  let nft: LibraryHandle;
  try {
    nft = koffi.load('libnftables.so.1');
  } catch (cause) {
    throw new KernelError(ENOENT, 'load libnftables.so.1', { extendedAck: 'install the package libnftables1', cause });
  }
  loaded = {
    create: nft.func('void *nft_ctx_new(uint32_t flags)'),
    free: nft.func('void nft_ctx_free(void *context)'),
    setOutputFlags: nft.func('void nft_ctx_output_set_flags(void *context, uint32_t flags)'),
    bufferOutput: nft.func('int nft_ctx_buffer_output(void *context)'),
    bufferError: nft.func('int nft_ctx_buffer_error(void *context)'),
    run: nft.func('int nft_run_cmd_from_buffer(void *context, const char *script)'),
    runFile: nft.func('int nft_run_cmd_from_filename(void *context, const char *path)'),
    output: nft.func('const char *nft_ctx_get_output_buffer(void *context)'),
    error: nft.func('const char *nft_ctx_get_error_buffer(void *context)'),
  };
  return loaded;
}

/** One object of nft's JSON (libnftables-json(5)): `{table: {…}}`, `{chain: {…}}`, `{rule: {…}}`, `{map: {…}}`, … */
export type NftObject = Record<string, Record<string, unknown>>;

export class Nftables {
  readonly #library = library();
  #context: Context | undefined;
  #transactions = 0;

  private constructor(context: Context) {
    this.#context = context;
  }

  /** A context whose socket is opened in a namespace (the current one when absent), where it stays. */
  static open(options: { namespace?: Namespace | undefined } = {}): Nftables {
    const nft = library();
    const context = inOptionalNamespace(options.namespace, () => withoutInheritance(() => nft.create(0)));
    if (!context) throw new KernelError(EIO, 'open a libnftables context');
    nft.bufferOutput(context);
    nft.bufferError(context);
    return new Nftables(context);
  }

  close(): void {
    if (this.#context === undefined) return;
    this.#library.free(this.#context);
    this.#context = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** How many scripts were carried out. Each that changes something makes one more generation: see `NftGeneration`. */
  get transactions(): number {
    return this.#transactions;
  }

  /** Carries a script out in one transaction: all of it, or nothing. Throws KernelError with the library's text, which shows the place. */
  run(script: string): void {
    this.#run(script, 0, `nft -f - <<< '${abridge(script)}'`);
    this.#transactions += 1;
  }

  /**
   * A table, named as in `inet filter`, as the array `nftables` of nft's JSON without its metainfo; undefined when it does not exist.
   */
  list(table: string): NftObject[] | undefined {
    checkTable(table);
    return this.#list(`list table ${table}`);
  }

  /**
   * As `list`, without the elements of sets and maps: these `NftSocket.elements` reads, in a fraction of the time and of the memory.
   */
  structure(table: string): NftObject[] | undefined {
    checkTable(table);
    return this.#list(`list table ${table}`, OUTPUT_JSON | OUTPUT_TERSE);
  }

  /** A table as nft prints it; undefined when it does not exist. */
  text(table: string): string | undefined {
    checkTable(table);
    return unlessAbsent(() => this.#run(`list table ${table}`, 0, `nft list table ${table}`));
  }

  /** Of the library, as it says itself: `1.0.6`. */
  version(): string {
    const listing = JSON.parse(this.#run('list tables', OUTPUT_JSON, 'nft -j list tables')) as { nftables: NftObject[] };
    return String(listing.nftables.find((object) => 'metainfo' in object)?.metainfo?.version);
  }

  /** All tables of the namespace. */
  listRuleset(): NftObject[] {
    return this.#list('list ruleset') ?? [];
  }

  #list(command: string, flags = OUTPUT_JSON): NftObject[] | undefined {
    return unlessAbsent(() => {
      const { nftables } = JSON.parse(this.#run(command, flags, `nft -j ${command}`)) as { nftables: NftObject[] };
      return nftables.filter((object) => !('metainfo' in object));
    });
  }

  #run(script: string, flags: number, operation: string): string {
    const context = this.#context;
    if (context === undefined) throw new KernelError(9, operation, { extendedAck: 'the libnftables context is closed' });
    this.#library.setOutputFlags(context, flags);
    const failed = (script.includes('\n') ? this.#runAsFile(context, script, operation) : this.#library.run(context, script)) !== 0;
    // Reading a buffer empties it: both are read, so that nothing of this run is left for the next.
    const output = this.#library.output(context) ?? '';
    const text = (this.#library.error(context) ?? '').trim().replaceAll(/^\/proc\/self\/fd\/\d+:(\d+):\S+ /gm, 'line $1: ');
    if (failed) throw new KernelError(ERRNO_BY_TEXT.find(([part]) => text.includes(part))?.[1] ?? EIO, operation, { extendedAck: text });
    return output;
  }

  /** As a file in memory: of a script of several lines given directly, errors show the first line, whichever is at fault (1.0.6). */
  #runAsFile(context: Context, script: string, operation: string): number {
    const fd = checked(memfdCreate('nft', MFD_CLOEXEC), operation);
    try {
      const bytes = Buffer.from(`${script}\n`);
      for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
      return this.#library.runFile(context, `/proc/self/fd/${fd}`);
    } finally {
      closeSync(fd);
    }
  }
}

function checkTable(table: string): void {
  if (!/^(inet|ip6?|arp|bridge|netdev) [A-Za-z_][\w./\\-]*$/.test(table))
    throw new TypeError(`"${table}" does not name a table; write "inet filter"`);
}

function unlessAbsent<T>(list: () => T): T | undefined {
  try {
    return list();
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** libmnl opens its socket without SOCK_CLOEXEC: a child process would hold it, and with it the namespace, for as long as it lives. */
function withoutInheritance<T>(open: () => T): T {
  const before = new Set(openSockets().values());
  const result = open();
  for (const [fd, inode] of openSockets()) if (!before.has(inode)) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return result;
}

/** The sockets of this process: inodes by descriptor. */
export function openSockets(): Map<number, string> {
  const sockets = new Map<number, string>();
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      if (target.startsWith('socket:')) sockets.set(Number(fd), target);
    } catch (error) {
      // The descriptor that the folder was read through is closed by now, as may be one of a worker thread's.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return sockets;
}

function abridge(script: string): string {
  const text = script.trim();
  return text.length <= 120 ? text : `${text.slice(0, 117)}…`;
}
