/** Serves ADDs and DELs as the agent does, and times the steps of the ADDs by what it hands them to work with; see cni-phases.ts. */
import { setTimeout as delay } from 'node:timers/promises';
import { readConfig } from '@weir/agent';
import { Attachments } from '@weir/agent/attachments';
import { HostNetwork } from '@weir/agent/host-network';
import { openLog } from '@weir/agent/log';
import { createMetrics } from '@weir/agent/metrics';
import { decodeRequest, dispatch, encodeRequest, encodeResponse, type Services } from '@weir/cni';
import { monotonicMs, serveLines } from '@weir/lab';

export interface PhaseRequest {
  config: string;
  stdin: string;
  namespaces: string[];
  pauseMs: number;
}

/** Milliseconds of each ADD, by phase. `all` is from the bytes of the request to those of the answer. */
export type Phases = { all: number[] } & Record<string, number[]>;

/** Before the clock starts. */
const WARM_UP = 300;

class Clock {
  phases: Phases = { all: [] };
  /** When policy came in force; not yet. */
  enforced = Number.POSITIVE_INFINITY;

  time<R>(name: string, action: () => R): R {
    const start = monotonicMs();
    const note = () => this.note(name, monotonicMs() - start);
    const result = action();
    if (result instanceof Promise) return result.finally(note) as R;
    note();
    return result;
  }

  note(name: string, took: number): void {
    this.phases[name] ??= [];
    this.phases[name].push(took);
  }
}

const PHASES = {
  begin: 'link: handed to its thread',
  address: 'address and Endpoint: one transaction of the store',
  policy: 'policy: rules in nftables',
  end: 'link: what was left of it then',
};

await serveLines((request) => measure(request as unknown as PhaseRequest));

async function measure({ config: file, stdin, namespaces, pauseMs }: PhaseRequest): Promise<Phases> {
  const config = readConfig(file);
  const log = openLog({ host: config.host, level: 'silent' });
  const network = await HostNetwork.open({ config, log, metrics: createMetrics(), stays: true });
  const stop = new AbortController();
  const following = network.follow(stop.signal);
  await network.synced;
  const clock = new Clock();
  const attachments = new Attachments();

  const call = async (command: 'ADD' | 'DEL', namespace: string) => {
    const containerId = namespace.split('/').at(-1)!;
    const env = { CNI_COMMAND: command, CNI_CONTAINERID: containerId, CNI_IFNAME: 'eth0', CNI_NETNS: namespace, CNI_PATH: '/' };
    const frame = encodeRequest({ tool: 'weir', env, stdin: Buffer.from(stdin) });
    const works: Promise<unknown>[] = [];
    const services = network.services((work) => works.push(work), attachments);
    const given = command === 'ADD' ? withTimes(services, clock) : services;
    const serve = async () => encodeResponse(await dispatch({ ...decodeRequest(frame), services: async () => given }));
    const answer = await (command === 'ADD' ? clock.time('all', serve) : serve());
    if (!answer.toString().startsWith('0 ')) throw new Error(answer.toString());
    await Promise.all(works);
  };

  for (let round = 0; round < WARM_UP; round++) {
    const namespace = namespaces[round % namespaces.length]!;
    await call('ADD', namespace);
    await call('DEL', namespace);
  }
  clock.phases = { all: [] };
  for (const namespace of namespaces) {
    await delay(pauseMs);
    await call('ADD', namespace);
  }
  const { phases } = clock;
  for (const namespace of namespaces) await call('DEL', namespace);
  stop.abort();
  await following;
  await network.close();
  return withRest(phases);
}

/** The same services; what takes time in them is timed. */
function withTimes(services: Services, clock: Clock): Services {
  const { addresses, wiring, enforcement } = services;
  return {
    ...services,
    addresses: {
      allocate: (request) => clock.time(PHASES.address, () => addresses.allocate(request)),
      release: (...request) => addresses.release(...request),
      held: () => addresses.held(),
      probe: (...request) => addresses.probe(...request),
    },
    wiring: {
      ...wiring,
      attach: (request) => {
        clock.enforced = Number.POSITIVE_INFINITY;
        const attaching = clock.time(PHASES.begin, () => wiring.attach(request));
        const noteEnd = () => clock.note(PHASES.end, Math.max(monotonicMs() - clock.enforced, 0));
        return { ...attaching, finish: (settings) => attaching.finish(settings).finally(noteEnd) };
      },
    },
    enforcement: {
      enforce: async (endpoint) => {
        await clock.time(PHASES.policy, () => enforcement.enforce(endpoint));
        clock.enforced = monotonicMs();
      },
      openLoopback: (endpoint) => enforcement.openLoopback(endpoint),
      withdraw: (owner) => enforcement.withdraw(owner),
      find: (owner) => enforcement.find(owner),
      drift: (endpoint) => enforcement.drift(endpoint),
    },
  };
}

/** Adds what is in none of the phases. */
function withRest({ all, ...phases }: Phases): Phases {
  const rest = all.map((whole, index) => whole - Object.values(phases).reduce((sum, samples) => sum + samples[index]!, 0));
  return { all, ...phases, 'the rest: request, configuration, chain, answer': rest };
}
