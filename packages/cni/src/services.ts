import type { AllocationRequest, Allocator, Assigned, Owner } from '@weir/ipam';
import type { Endpoint } from '@weir/resources';
import type { Attachment, AttachRequest, HostEnd, Wiring } from '@weir/routing';
import type { TaskIdentity } from './task-identity.ts';

/**
 * What the tools work with. The agent builds it once; a one-shot process builds the same. Errors carry the lower packages' stable
 * `code` strings.
 */
export interface Services {
  host: string;
  addresses: {
    /** As Allocator has it; the labels of the task's namespace are added. */
    allocate(request: Omit<AllocationRequest, 'endpoint'> & { task: TaskIdentity }): Promise<Assigned[]>;
  } & Pick<Allocator, 'release' | 'held'>;
  wiring: {
    attach(request: AttachRequest): Attachment | Promise<Attachment>;
    /** Resolves when the link is gone; at once when it is not there. */
    detach(hostInterface: string): Promise<void>;
    /** Undefined when either end is missing. */
    inspect(where: { namespace: string; interfaceName: string; hostInterface: string }): Promise<Wiring | undefined>;
    /** Of an interface that somebody else's plugin made. */
    findHostEnd(where: { namespace: string; interfaceName: string }): HostEnd;
  };
  enforcement: {
    /** Writes it to the store and resolves when its policy is in force in the kernel. */
    enforce(endpoint: Endpoint): Promise<void>;
    /** Closes the kernel first, then removes it from the store. Undefined when there is none. */
    withdraw(owner: Owner): Promise<Endpoint | undefined>;
    find(owner: Owner): Promise<Endpoint | undefined>;
  };
  /** Work that may go on after the answer; a one-shot process awaits it before it exits. `what` names it in a log. */
  later(work: Promise<void>, what: string): void;
}
