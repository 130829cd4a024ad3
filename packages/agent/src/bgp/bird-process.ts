/** The routing daemon's process. It is of a session of its own and goes on when the agent ends: traffic does not depend on the agent. */
import { execFile, spawn } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { AgentError } from '../agent-error.ts';
import { BirdControl } from './bird-control.ts';

/** Debian's own folder is in no PATH of a service. */
const FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin'];
/** The user that Debian's package makes. */
const USER = 'bird';
/** Until it answers, in milliseconds. */
const START_PATIENCE = 5_000;
/** Until it has ended, in milliseconds: it gives each session 10 s to send its last message (`bgp_conn_enter_close_state`, proto/bgp/bgp.c). */
const STOP_PATIENCE = 15_000;
const POLL = 20;

const FILES = { config: 'bird.conf', candidate: 'bird.conf.new', socket: 'bird.ctl', pid: 'bird.pid' };

/** @returns its path; undefined where it is not installed */
export function findBird(path = process.env.PATH ?? ''): string | undefined {
  return [...path.split(':'), ...FOLDERS].map((folder) => join(folder, 'bird')).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export class BirdProcess {
  readonly #folder: string;
  readonly #program: string | undefined;

  /**
   * @param folder for its configuration, control socket and PID; on a tmpfs, gone after a reboot
   * @param program path of BIRD; looked for when absent
   */
  constructor(folder: string, program?: string) {
    this.#folder = folder;
    this.#program = program;
  }

  get socketPath(): string {
    return join(this.#folder, FILES.socket);
  }

  /**
   * Puts the configuration where BIRD reads it, once BIRD finds it right. Nobody else may read it: passwords are in it.
   *
   * @throws AgentError ENOBIRD, EBIRD with what BIRD has against it
   */
  async writeConfig(text: string): Promise<void> {
    const account = birdAccount();
    mkdirSync(this.#folder, { recursive: true, mode: 0o770 });
    chmodSync(this.#folder, 0o770);
    if (account !== undefined) chownSync(this.#folder, 0, account.group);
    const candidate = join(this.#folder, FILES.candidate);
    rmSync(candidate, { force: true });
    writeFileSync(candidate, text, { mode: 0o640, flag: 'wx' });
    if (account !== undefined) chownSync(candidate, 0, account.group);
    try {
      await promisify(execFile)(this.#require(), ['-p', '-c', FILES.candidate], { cwd: this.#folder });
    } catch (error) {
      if (error instanceof AgentError) throw error;
      const { stderr = '', message } = error as { stderr?: string; message: string };
      throw new AgentError('EBIRD', `BIRD refuses its configuration: ${stderr.trim() || message}`, { cause: error });
    }
    renameSync(candidate, join(this.#folder, FILES.config));
  }

  /** Whether one ended without being asked to: it left its files. Then it is to keep the kernel's routes until it knows better. */
  get hasCrashed(): boolean {
    return existsSync(join(this.#folder, FILES.pid));
  }

  /**
   * Starts it with the configuration that was written, and returns when it answers.
   *
   * @throws AgentError ENOBIRD, EBIRD
   */
  async start(): Promise<BirdControl> {
    const account = birdAccount();
    // Paths from its own folder on: those above it need not let its user through.
    const args = ['-f', '-c', FILES.config, '-s', FILES.socket, '-P', FILES.pid];
    if (account !== undefined) args.push('-u', USER, '-g', USER);
    if (this.hasCrashed) args.push('-R');
    const child = spawn(this.#require(), args, { cwd: this.#folder, detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
    let ended: string | undefined;
    child.once('error', (error) => {
      ended = error.message;
    });
    child.once('exit', (code, signal) => {
      ended = signal ?? `status ${code}`;
    });
    child.unref();
    for (const limit = performance.now() + START_PATIENCE; ; await delay(POLL)) {
      const control = await this.connect();
      if (control !== undefined) return control;
      if (ended !== undefined)
        throw new AgentError('EBIRD', `BIRD ended right after its start (${ended}): its lines in the agent's log say why`);
      if (performance.now() > limit) throw new AgentError('EBIRD', `BIRD was started and does not answer at ${this.socketPath}`);
    }
  }

  /** To the one that runs already, whoever started it; undefined when none does. */
  async connect(): Promise<BirdControl | undefined> {
    try {
      return await BirdControl.connect(this.socketPath);
    } catch (error) {
      if (error instanceof AgentError) return undefined;
      throw error;
    }
  }

  #require(): string {
    const path = this.#program === undefined ? findBird() : isExecutable(this.#program) ? this.#program : undefined;
    if (path !== undefined) return path;
    const where = this.#program === undefined ? 'is not installed on this host' : `is not at ${this.#program}, where agent.yaml has it`;
    throw new AgentError('ENOBIRD', `BIRD ${where}: apt-get install bird2, and systemctl disable --now bird`);
  }

  /** Has it take its routes back, end its sessions, and end. */
  async stop(control: BirdControl): Promise<void> {
    await control.ask('down');
    const tooLate = delay(STOP_PATIENCE, true, { ref: false });
    if (await Promise.race([control.closed, tooLate])) throw new AgentError('EBIRD', 'BIRD was told to end, and is still there');
    rmSync(join(this.#folder, FILES.config), { force: true });
  }
}

/** BIRD gives up root's rights for those of this user, keeping what it needs for routes. Undefined where the package made none. */
function birdAccount(): { group: number } | undefined {
  const fields = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === USER);
  return fields && { group: Number(fields[3]) };
}
