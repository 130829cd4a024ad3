/** The DNS server of this host: names of the cluster from what the agent knows, all others from the host's own name servers. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Netlink } from '@weir/kernel';
import { dnsAddresses, removeDnsAddresses } from '@weir/routing';
import type { AgentConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { DnsForwarder } from './dns-forwarder.ts';
import type { DnsLearner } from './dns-learner.ts';
import { respond } from './dns-response.ts';
import { DnsServer } from './dns-server.ts';
import { HostResolvers } from './host-resolvers.ts';
import type { Zone } from './zone.ts';
import { ZoneFile } from './zone-file.ts';

/** Between two tries to have the port, in milliseconds. */
const RETRY = 5_000;
/** Between two looks whether the addresses are there, in milliseconds. */
const REPAIR = 10_000;
/** A zone of ten thousand containers takes some 20 ms to write. */
const ROUNDS_PER_SAVE = 3;

export interface NameService {
  /** Absent: nobody is answered, and what an agent with another configuration left is taken away. */
  config: AgentConfig['dns'];
  netlink: Netlink;
  zone: Zone;
  /** Resolves when the zone has everything that is in the store. */
  synced: Promise<void>;
  /** File that the zone is kept in. */
  path: string;
  /** Told of what containers are answered where no queue sees it. */
  learner: Pick<DnsLearner, 'takeAnswer'>;
  /** Told why nobody is answered; undefined: everybody is. */
  onState: (problem: string | undefined) => void;
  log: Logger;
  metrics: Metrics;
}

/** Until the signal. */
export async function serveNames(of: NameService, signal: AbortSignal): Promise<void> {
  const { config, netlink, onState, log } = of;
  if (config === undefined) return removeDnsAddresses(netlink);
  const file = new ZoneFile(of.path, of.zone);
  const allKnown = of.synced.then(() => of.zone.forgetUnconfirmed());
  // Without one, a name that is not there could not be told from one that is not known yet.
  if (!file.load()) await Promise.race([allKnown, aborted(signal)]);
  while (!signal.aborted) {
    try {
      const server = await listen(of, config);
      onState(undefined);
      await keepUp(netlink, file, signal);
      server.close();
    } catch (error) {
      onState(`DNS cannot be answered: ${(error as Error).message}`);
      log.error({ err: error }, 'DNS cannot be answered: trying again');
      await delay(RETRY, undefined, { signal }).catch(() => {});
    }
  }
}

async function listen({ netlink, zone, learner, log, metrics }: NameService, config: NonNullable<AgentConfig['dns']>): Promise<DnsServer> {
  const { ttl, timeout, resolvers } = config;
  const ofHost = new HostResolvers();
  const forwarder = new DnsForwarder({ servers: () => resolvers ?? ofHost.servers, timeout });
  const addresses = dnsAddresses(netlink);
  const server = await DnsServer.listen({
    addresses,
    respond: (message, transport) => respond(message, zone, { transport, ttl, turn: Math.random() }),
    forward: (message, transport) => forwarder.ask(message, transport),
    beforeTcpAnswer: (client, answer) => learner.takeAnswer(client, answer),
    onAnswered: (outcome) => metrics.dnsMessages.inc({ outcome }),
    log,
  });
  log.info({ addresses }, 'DNS is answered');
  return server;
}

/** Somebody may flush the addresses of the loopback: nothing comes here then. They are put back, and the zone is saved. Until the signal. */
async function keepUp(netlink: Netlink, file: ZoneFile, signal: AbortSignal): Promise<void> {
  for (let round = 1; !signal.aborted; round++) {
    await delay(REPAIR, undefined, { signal }).catch(() => {});
    dnsAddresses(netlink);
    if (signal.aborted || round % ROUNDS_PER_SAVE === 0) file.save();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
