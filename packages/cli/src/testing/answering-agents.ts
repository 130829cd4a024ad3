/** Agents that are there and answer as they are told: a test's double. */
import { type FlowAnswer, type FlowRequest, flowAnswerKey, flowRequestKey, flowRequestSchema, presenceKey } from '@weir/resources';
import type { Weir } from './weir.ts';

/** Agents of these hosts, which answer the first question; the others are there and say nothing. */
export async function withAgents(
  weir: Weir,
  answers: Record<string, FlowAnswer[] | undefined>,
  work: () => Promise<unknown>,
): Promise<{ question: FlowRequest /** Keys in the store that are there afterwards. */; leftovers: string[] }> {
  return weir.withStore(async (store) => {
    for (const host of Object.keys(answers))
      await store.transact({ when: [], then: [{ put: presenceKey(host), value: '{"version": "0", "since": "", "problems": []}' }] });
    const { revision } = await store.list(flowRequestKey());
    const stop = new AbortController();
    const answered = (async () => {
      for await (const { events } of store.watch(flowRequestKey(), { from: revision + 1, signal: stop.signal })) {
        const [event] = events;
        if (event?.type !== 'put') continue;
        const request = flowRequestSchema.parse(JSON.parse(event.entry.value));
        const id = event.entry.key.slice(flowRequestKey().length);
        for (const [host, list] of Object.entries(answers)) {
          for (const answer of list ?? []) {
            const operation = { put: flowAnswerKey(id, host), value: JSON.stringify(answer), lease: request.lease };
            await store.transact({ when: [], then: [operation] });
          }
        }
        return request;
      }
      throw new Error('nobody asked');
    })();
    await work();
    const question = await answered;
    stop.abort();
    return { question, leftovers: (await store.list('/weir/flows/')).entries.map(({ key }) => key) };
  });
}
