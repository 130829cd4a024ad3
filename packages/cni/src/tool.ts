import type { Endpoint } from '@weir/resources';
import type { z } from 'zod';
import type { Call, GcCall, StatusCall } from './protocol/request.ts';
import type { Result } from './protocol/result.ts';
import type { Services } from './services.ts';

/** An ADD that goes on while others use what it makes. */
export interface Underway {
  result: Result;
  /** Rejects when it came to nothing; `del` removes what is there then. */
  done: Promise<void>;
}

/** What a step of a chain is told of the others. */
export interface Neighbours {
  /** What the steps before have begun: rejects when one of them failed. */
  earlier: Promise<void>;
  /** The endpoint that the next step will enforce if this one gives it that result. Undefined where it enforces none. Throws where it will fail. */
  endpointNext(made: Result): Endpoint | undefined;
}

/** A CNI plugin of Weir's own. VERSION is the dispatcher's. */
export interface Tool {
  name: string;
  /** What the tool takes of a network's configuration; of its section `ipam` when it hands out addresses. */
  config: z.ZodObject;
  /** Of what a runtime may offer in `runtimeConfig`, the keys that it does something with (CNI CONVENTIONS.md, "Well-known Capabilities"). */
  capabilities: readonly string[];
  add(call: Call, services: Services): Promise<Result>;
  /** ADD for a chain, where the next step of ours needs to know what there will be, and not that it is there already. Absent: `add` does it. */
  begin?(call: Call, services: Services, neighbours: Neighbours): Promise<Underway>;
  /** The endpoint that an ADD with this call will enforce. Throws what ADD will, where it cannot. */
  endpoint?(call: Call, services: Services): Endpoint | undefined;
  /**
   * Removes what is there, whatever is missing. Rejects when something could not be removed, after it has tried everything: the
   * dispatcher decides whether the runtime should know.
   */
  del(call: Call, services: Services): Promise<void>;
  /** Rejects when what ADD made is not there any more or is not what it was, with everything that it found. */
  check(call: Call, services: Services): Promise<void>;
  /** Removes what no valid attachment has. Rejects when something could not be removed, after it has tried everything. */
  gc(call: GcCall, services: Services): Promise<void>;
  /** Rejects when an ADD would fail now, for want of something that this tool alone needs. */
  status(call: StatusCall, services: Services): Promise<void>;
}
