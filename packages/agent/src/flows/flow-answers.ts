/**
 * Answers those who ask, through the store, for the flows of this host. No port is opened for it, and who may read the store may see flows.
 * A question and its answers hang on the lease of who asked; while nobody asks nothing is written.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Store, StoreError } from '@weir/datastore';
import {
  type FlowAnswer,
  type FlowRecord,
  type FlowRequest,
  type FlowTest,
  flowAnswerKey,
  flowRequestKey,
  flowRequestSchema,
  flowTest,
} from '@weir/resources';
import type { Logger } from '../log.ts';
import type { FlowMemory } from './flow-memory.ts';

/** Of one answer's value: etcd takes 1.5 MB. */
const ANSWER_BYTES = 500_000;
/** Before the store is asked again after a failure, in milliseconds. */
const RETRY = 1_000;
/** That are followed at a time. People ask few; what asks more is a loop that somebody wrote. */
const MAX_QUESTIONS = 50;

interface Question extends FlowRequest {
  id: string;
  isWanted: FlowTest;
  /** Of the memory, when it was asked. */
  reachesTo: string;
  pending: FlowRecord[];
  dropped: number;
  isAnswering: boolean;
}

export class FlowAnswers {
  readonly #store: Store;
  readonly #host: string;
  readonly #memory: FlowMemory;
  readonly #log: Logger;
  readonly #remember: () => void | Promise<void>;
  readonly #questions = new Map<string, Question>();

  /** @param of.remember puts what has come until now in the memory */
  constructor(of: { store: Store; host: string; memory: FlowMemory; remember: () => void | Promise<void>; log: Logger }) {
    this.#store = of.store;
    this.#host = of.host;
    this.#memory = of.memory;
    this.#log = of.log;
    this.#remember = of.remember;
  }

  /** Tells new records to those who follow. */
  tell(records: readonly FlowRecord[]): void {
    for (const question of this.#questions.values()) {
      const wanted = records.filter(question.isWanted);
      if (wanted.length === 0) continue;
      const all = [...question.pending, ...wanted];
      question.pending = all.slice(-question.limit);
      question.dropped += all.length - question.pending.length;
      void this.#answer(question);
    }
  }

  /** Answers until the signal. An outage of the store is waited out. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#follow(signal);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (!signal.aborted) this.#log.debug({ error: error.message }, 'questions for flows: trying again');
      }
      await delay(RETRY, undefined, { signal }).catch(() => {});
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const prefix = flowRequestKey();
    const { entries, revision } = await this.#store.list(prefix);
    const asked = new Set(entries.map(({ key }) => key));
    for (const key of this.#questions.keys()) if (!asked.has(key)) this.#questions.delete(key);
    for (const { key, value } of entries) await this.#take(key, value);
    for await (const { events } of this.#store.watch(prefix, { from: revision + 1, signal })) {
      for (const event of events) {
        // One after the other: a question that is taken back must not be noted afterwards.
        if (event.type === 'put') await this.#take(event.entry.key, event.entry.value);
        else this.#questions.delete(event.key);
      }
    }
  }

  async #take(key: string, value: string): Promise<void> {
    if (this.#questions.has(key) || this.#questions.size >= MAX_QUESTIONS) return;
    try {
      const request = flowRequestSchema.parse(JSON.parse(value));
      const isWanted = flowTest(request);
      await this.#remember();
      const { records, dropped } = this.#memory.find(isWanted, request.limit);
      const reachesTo = new Date(this.#memory.since).toISOString();
      const id = key.slice(flowRequestKey().length);
      const question: Question = { ...request, id, isWanted, reachesTo, pending: records, dropped, isAnswering: false };
      if (request.follow) this.#questions.set(key, question);
      void this.#answer(question);
    } catch (error) {
      this.#log.warn({ key, error: (error as Error).message }, 'a question for flows cannot be read');
    }
  }

  async #answer(question: Question): Promise<void> {
    if (question.isAnswering) return;
    question.isAnswering = true;
    const { id, lease, reachesTo } = question;
    try {
      do {
        const records = takeSome(question.pending);
        const answer: FlowAnswer = { records, complete: question.pending.length === 0, dropped: question.dropped, reachesTo };
        question.dropped = 0;
        await this.#store.transact({ when: [], then: [{ put: flowAnswerKey(id, this.#host), value: JSON.stringify(answer), lease }] });
      } while (question.pending.length > 0);
    } catch (error) {
      // Who asked is gone, and the lease with him; or the store is, and he will ask again.
      this.#questions.delete(flowRequestKey(id));
      this.#log.debug({ error: (error as Error).message }, 'a question for flows is not answered');
    } finally {
      question.isAnswering = false;
    }
  }
}

/** Takes as many off the front as one answer holds. */
function takeSome(pending: FlowRecord[]): FlowRecord[] {
  let bytes = 0;
  const end = pending.findIndex((record, index) => {
    bytes += JSON.stringify(record).length;
    return bytes > ANSWER_BYTES && index > 0;
  });
  return pending.splice(0, end === -1 ? pending.length : end);
}
