import type { AllocationRequest, Allocator, Assigned, Owner } from '@weir/ipam';
import type { Endpoint } from '@weir/resources';
import type { Attaching, HostEnd, LinkRequest, Wiring } from '@weir/routing';
import type { ResultCache } from './chain/result-cache.ts';
import type { Call } from './protocol/request.ts';
import type { Attached } from './protocol/valid-attachments.ts';
import type { Task } from './task/task.ts';
import type { TaskIdentity } from './task/task-identity.ts';

/** Why ADDs fail at the moment. */
export interface Outage {
  message: string;
  /** True when containers that are there may suffer too: policy or routes are not what they should be. */
  hurtsContainers: boolean;
}

export interface Collection {
  /** Its name. */
  network: string;
  isStale(attached: Attached): boolean;
  remove(attached: Attached): Promise<void>;
}

/**
 * What the tools work with. The agent builds it once; a one-shot process builds the same. Errors carry the lower packages' stable
 * `code` strings.
 */
export interface Services {
  host: string;
  addresses: {
    /**
     * As Allocator has it; the labels of the task's namespace are added.
     * @param request.endpointWith the endpoint that will be enforced then: it is in the store with its addresses where it can be. The same for the same addresses
     */
    allocate(
      request: Omit<AllocationRequest, 'endpoint' | 'along'> & {
        task: TaskIdentity;
        endpointWith?: ((addresses: readonly string[]) => Endpoint | undefined) | undefined;
      },
    ): Promise<Assigned[]>;
  } & Pick<Allocator, 'release' | 'held' | 'probe'>;
  wiring: {
    /** The network, when its containers' addresses are of its own space; undefined: they are of the shared one. */
    spaceFor(network: string): string | undefined;
    /** The network whose own address space the host's end of a link is in. Throws when there is no such link. */
    spaceOf(hostInterface: string): string | undefined;
    /** Begins to make the link, which may go on while its addresses are found out; see `beginAttach`. */
    attach(request: Omit<LinkRequest, 'hostNamespace' | 'hostSocket'> & { space?: string | undefined }): Attaching;
    /** Resolves when the link is gone; at once when it is not there. */
    detach(hostInterface: string): Promise<void>;
    inspect(where: { namespace: string; interfaceName: string; hostInterface: string }): Promise<Wiring>;
    /** Of an interface that somebody else's plugin made. */
    findHostEnd(where: { namespace: string; interfaceName: string }): HostEnd;
  };
  /** The DNS server of this host, by family, and the domain that it has the cluster's names in. Absent where there is none. */
  dns?: { nameservers: Record<'4' | '6', string>; domain: string };
  /**
   * What is known of the task of a container that Mesos launches; undefined when nobody knows yet. Absent where nobody can be asked.
   * It makes what the task needs for its ADD, such as the Claim of a sticky address. Throws when the task's labels contradict each other.
   */
  findTask?(call: Call): Promise<Task | undefined>;
  enforcement: {
    /** Writes it to the store and resolves when its policy is in force in the kernel, whether or not its interface is there yet. */
    enforce(endpoint: Endpoint): Promise<void>;
    /** Makes an endpoint's host ports reachable by `localhost`, where it has any. Its interface is there. */
    openLoopback(endpoint: Endpoint): Promise<void>;
    /** Closes the kernel first, then removes it from the store. Undefined when there is none. */
    withdraw(owner: Owner): Promise<Endpoint | undefined>;
    find(owner: Owner): Promise<Endpoint | undefined>;
    /** What the kernel lacks of the endpoint's rules, or has otherwise, each in a few words. */
    drift(endpoint: Endpoint): Promise<string[]>;
  };
  /** Of chains with steps that are not ours. */
  results: Pick<ResultCache, 'keep' | 'find' | 'forget'>;
  /** Undefined while calls can be served. */
  outage(): Outage | undefined;
  /**
   * Finds every attachment of a network that the host has anything of, and removes the stale ones one by one, also after one has failed.
   * One that has a call under way, or got one since this began, is left alone.
   */
  collect(collection: Collection): Promise<void>;
  /** What another's plugin said on its standard error, for that of the call. */
  say?(text: string): void;
  /** Work that may go on after the answer; a one-shot process awaits it before it exits. `what` names it in a log. */
  later(work: Promise<void>, what: string): void;
}
