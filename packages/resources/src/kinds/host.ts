import { z } from 'zod';
import { parseAddress } from '../address.ts';
import { field, oneOf } from '../field.ts';
import { parsePortNumber } from '../rule/port.ts';

/** A Mesos agent's machine that runs `weir agent`. */
export interface HostSpec {
  /** Its addresses on the network between the hosts: next hops of the routes to its containers. */
  addresses: string[];
  /** Traffic between Mesos and the containers of this host that is allowed beside all policy. */
  mesosTraffic: {
    /** Ports of the Mesos agent that executors in containers always reach. Default [5051]. */
    agentPorts: number[];
    /** `Always`: the agent's health checks reach their containers whatever policy says. `Policy`: as policy says. Default `Always`. */
    healthChecks: 'Always' | 'Policy';
  };
}

export const hostSpecSchema: z.ZodType<HostSpec> = z.strictObject({
  addresses: z.array(field(parseAddress)),
  mesosTraffic: z
    .strictObject({
      agentPorts: z.array(field(parsePortNumber)).prefault([5051]),
      healthChecks: oneOf('Always', 'Policy').prefault('Always'),
    })
    .prefault({}),
});
