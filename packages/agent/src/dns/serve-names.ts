/** The DNS server of this host: names of the cluster from what the agent knows, all others from the host's own name servers. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Netlink } from '@weir/kernel';
import { dnsAddresses, removeDnsAddresses } from '@weir/routing';
import type { AgentConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { DnsForwarder } from './dns-forwarder.ts';
import { respond } from './dns-response.ts';
import { DnsServer } from './dns-server.ts';
import { HostResolvers } from './host-resolvers.ts';
import type { Zone } from './zone.ts';

/** Between two tries to have the port, in milliseconds. */
const RETRY = 5_000;
/** Between two looks whether the addresses are there, in milliseconds. */
const REPAIR = 10_000;

export interface NameService {
  /** Absent: nobody is answered, and what an agent with another configuration left is taken away. */
  config: AgentConfig['dns'];
  netlink: Netlink;
  /** Has everything that is in the store. */
  zone: Zone;
  /** Told why nobody is answered; undefined: everybody is. */
  onState: (problem: string | undefined) => void;
  log: Logger;
  metrics: Metrics;
}

/** Until the signal. */
export async function serveNames(of: NameService, signal: AbortSignal): Promise<void> {
  const { config, netlink, onState, log } = of;
  if (config === undefined) return removeDnsAddresses(netlink);
  while (!signal.aborted) {
    try {
      const server = await listen(of, config);
      onState(undefined);
      await keepAddresses(netlink, signal);
      server.close();
    } catch (error) {
      onState(`DNS cannot be answered: ${(error as Error).message}`);
      log.error({ err: error }, 'DNS cannot be answered: trying again');
      await delay(RETRY, undefined, { signal }).catch(() => {});
    }
  }
}

async function listen({ netlink, zone, log, metrics }: NameService, config: NonNullable<AgentConfig['dns']>): Promise<DnsServer> {
  const { ttl, timeout, resolvers } = config;
  const ofHost = new HostResolvers();
  const forwarder = new DnsForwarder({ servers: () => resolvers ?? ofHost.servers, timeout });
  const addresses = dnsAddresses(netlink);
  const server = await DnsServer.listen({
    addresses,
    respond: (message, transport) => respond(message, zone, { transport, ttl, turn: Math.random() }),
    forward: (message, transport) => forwarder.ask(message, transport),
    onAnswered: (outcome) => metrics.dnsMessages.inc({ outcome }),
    log,
  });
  log.info({ addresses }, 'DNS is answered');
  return server;
}

/** Somebody may flush the addresses of the loopback: nothing comes here then. They are put back. Until the signal. */
async function keepAddresses(netlink: Netlink, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(REPAIR, undefined, { signal }).catch(() => {});
    dnsAddresses(netlink);
  }
}
