/**
 * Keeps BIRD in step with the objects: what it is to do (desired), the hash of the configuration that it says it has (actual), and where they
 * differ a new one, which BIRD takes over without ending sessions that stay the same. It runs while there is somebody to speak with.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Netlink } from '@weir/kernel';
import { BGP_CONFIG_NAME, DEFAULT_BGP_CONFIG, parseCidrClearingHostBits } from '@weir/resources';
import {
  type BgpPlan,
  type BgpSessionStatus,
  type BgpSpeaker,
  bgpPlan,
  birdConfig,
  CONFIG_HASH,
  changesBgp,
  parseBfdSessions,
  parseProtocols,
  sessionStatus,
} from '@weir/routing';
import { AgentError } from '../agent-error.ts';
import type { Change, ClusterState } from '../cluster-state.ts';
import type { AgentConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { Pause } from '../pause.ts';
import type { BirdControl } from './bird-control.ts';
import { BirdProcess } from './bird-process.ts';
import { readPassword } from './password-file.ts';

/** Between two looks at the sessions and at this host's links, in milliseconds. */
const INTERVAL = 1_000;
/** Between two looks at all that the configuration depends on, password files among it. */
const FULL_INTERVAL = 30_000;
/** Changes that come together are planned together. */
const GATHER = 50;
/** After a failure, and before a BIRD that ends again and again is started again. */
const RETRY = 2_000;
/** A session takes a moment to come up: until then it is no problem. */
const SESSION_PATIENCE = 5_000;
/** reply_codes of BIRD: what is above refuses. */
const REFUSALS = 8_000;

export interface BgpDaemonOptions {
  config: AgentConfig;
  state: ClusterState;
  netlink: Netlink;
  /** Called when routes were learnt or lost. */
  onRoutes: () => void;
  log: Logger;
  metrics: Metrics;
}

export class BgpDaemon {
  readonly #of: BgpDaemonOptions;
  readonly #process: BirdProcess;
  #control: BirdControl | undefined;
  #plan: BgpPlan = { refused: [] };
  #isStale = true;
  #plannedAt = 0;
  #links = '';
  readonly #pause = new Pause();
  #failure: string | undefined;
  #sessions: BgpSessionStatus[] = [];
  /** Since when something is wrong with each session, by address. */
  readonly #wrongSince = new Map<string, number>();

  constructor(options: BgpDaemonOptions) {
    this.#of = options;
    this.#process = new BirdProcess(join(options.config.runDir, 'bgp'), options.config.bird);
  }

  /** As last seen. */
  get sessions(): readonly BgpSessionStatus[] {
    return this.#sessions;
  }

  /** What keeps routes from being exchanged, for people. */
  get problems(): string[] {
    const now = performance.now();
    const lasting = this.#sessions.filter(
      ({ address, state }) => state === 'Refused' || now - (this.#wrongSince.get(address) ?? now) > SESSION_PATIENCE,
    );
    return [
      ...(this.#failure === undefined ? [] : [`BGP: ${this.#failure}`]),
      ...lasting.map(({ peer, address, asNumber, problem }) => `BGP session with ${peer} (${address}, AS ${asNumber}): ${problem}`),
    ];
  }

  /** Takes note of a change of an object. Most have nothing to do with BGP. */
  learn({ before, after }: Change): void {
    if (!changesBgp(before, after)) return;
    this.#isStale = true;
    this.#pause.cut();
  }

  /** Until the signal; to be called when all that was in the store is known. BIRD goes on afterwards. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#pause.for(await this.#round(), signal);
      // Changes that come together are one.
      await delay(GATHER, undefined, { signal }).catch(() => {});
    }
    const control = this.#control;
    this.#control = undefined;
    control?.close();
  }

  /** @returns how long to wait for the next, in milliseconds */
  async #round(): Promise<number> {
    try {
      this.#planAnew();
      const { speaker } = this.#plan;
      if (speaker === undefined) await this.#endDaemon();
      else await this.#bringInStep(speaker);
      await this.#look();
      this.#failure = undefined;
      return INTERVAL;
    } catch (error) {
      // Whatever it is, a full disk say: containers and the other networks go on.
      const { message } = error as Error;
      if (this.#failure !== message) this.#of.log.error({ err: error }, 'BGP: routes are not exchanged as they should be');
      this.#failure = message;
      this.#tell(sessionStatus({ sessions: this.#plan.speaker?.sessions ?? [], refused: this.#plan.refused }, []));
      return RETRY;
    }
  }

  #planAnew(): void {
    const { config, state, netlink } = this.#of;
    const self = state.host;
    const links = netlink
      .addresses()
      .filter(({ scope }) => scope === 'global')
      .map(({ cidr }) => parseCidrClearingHostBits(cidr));
    const isDue = performance.now() - this.#plannedAt > FULL_INTERVAL;
    if (self === undefined || (!this.#isStale && !isDue && links.join() === this.#links)) return;
    this.#isStale = false;
    this.#plannedAt = performance.now();
    this.#links = links.join();
    const configs = [...state.list('BgpConfig')];
    this.#plan = bgpPlan({
      self,
      links,
      config: configs.find(({ metadata }) => metadata.name === BGP_CONFIG_NAME)?.spec ?? DEFAULT_BGP_CONFIG,
      hosts: [...state.list('Host')],
      pools: [...state.list('Pool')],
      blocks: [...state.list('Block')],
      peers: [...state.list('BgpPeer')],
      filters: [...state.list('BgpFilter')],
      password: readPassword,
    });
    this.#of.log.debug({ host: config.host, sessions: this.#plan.speaker?.sessions.length ?? 0 }, 'BGP: planned');
  }

  async #bringInStep(speaker: BgpSpeaker): Promise<void> {
    const { log, metrics } = this.#of;
    const { text, hash } = birdConfig(speaker);
    this.#control ??= this.#watched(await this.#process.connect());
    if (this.#control === undefined) {
      await this.#process.writeConfig(text);
      const recovers = this.#process.hasCrashed;
      this.#control = this.#watched(await this.#process.start());
      log.info({ recovers, sessions: speaker.sessions.length }, 'BGP: BIRD is started');
      return;
    }
    const { lines } = await this.#control.ask(`eval ${CONFIG_HASH}`);
    if (lines.at(-1) === hash) return;
    await this.#process.writeConfig(text);
    const answer = await this.#control.ask('configure');
    if (answer.code >= REFUSALS) throw new AgentError('EBIRD', `BIRD refuses its configuration: ${answer.lines.join(' ')}`);
    metrics.bgpReloads.inc();
    log.info({ hash, sessions: speaker.sessions.length }, 'BGP: BIRD has a new configuration');
  }

  #watched(control: BirdControl | undefined): BirdControl | undefined {
    void control?.closed.then(() => {
      if (this.#control !== control) return;
      this.#control = undefined;
      this.#of.log.warn('BGP: BIRD has ended, or does not answer; the kernel keeps its routes, and it is started again');
      this.#pause.cut();
    });
    return control;
  }

  async #endDaemon(): Promise<void> {
    const control = this.#control ?? (await this.#process.connect());
    if (control === undefined) return;
    // So that its end is no surprise.
    this.#control = undefined;
    await this.#process.stop(control);
    this.#of.log.info('BGP: there is nobody to speak with any more: BIRD has taken its routes back and ended');
  }

  async #look(): Promise<void> {
    const sessions = this.#plan.speaker?.sessions ?? [];
    const known = this.#control === undefined ? [] : parseProtocols((await this.#control.ask('show protocols all')).lines);
    const heard = sessions.some(({ bfd }) => bfd !== undefined) ? await this.#control?.ask('show bfd sessions') : undefined;
    this.#tell(sessionStatus({ sessions, refused: this.#plan.refused }, known, parseBfdSessions(heard?.lines ?? [])));
  }

  #tell(sessions: BgpSessionStatus[]): void {
    const { onRoutes, log, metrics } = this.#of;
    const before = new Map(this.#sessions.map((session) => [session.address, session]));
    for (const session of sessions) {
      const { peer, address, asNumber, state, problem } = session;
      const isUp = state === 'Established';
      if (problem === undefined) this.#wrongSince.delete(address);
      else if (!this.#wrongSince.has(address)) this.#wrongSince.set(address, performance.now());
      const was = before.get(address)?.state;
      if (isUp && was !== state) log.info({ peer, address, asNumber }, 'BGP: session is up');
      if (!isUp && was === 'Established') log.warn({ peer, address, asNumber, problem }, 'BGP: session is down');
    }
    const isNamed = new Set(sessions.map(({ address }) => address));
    for (const address of this.#wrongSince.keys()) if (!isNamed.has(address)) this.#wrongSince.delete(address);
    const learnt = (all: readonly BgpSessionStatus[]) => all.map(({ address, routes }) => `${address} ${routes.in}`).join();
    const hasChanged = learnt(sessions) !== learnt(this.#sessions);
    this.#sessions = sessions;
    const up = sessions.filter(({ state }) => state === 'Established').length;
    metrics.bgpSessions.set({ state: 'up' }, up);
    metrics.bgpSessions.set({ state: 'down' }, sessions.length - up);
    if (hasChanged) onRoutes();
  }
}
