export { type AdmitOptions, admitPool, removePool } from './admission.ts';
export { Allocator, type AllocatorOptions, type Held } from './allocator.ts';
export type { Owner } from './block.ts';
export type { AllocationRequest, Assigned } from './draft.ts';
export { IpamError, type IpamErrorCode, type PassedOver } from './ipam-error.ts';
export { type BlockUsage, type PoolUsage, usage } from './usage.ts';
