export { type AdmitOptions, admitPool, admitRule, removePool, removeRule } from './admission.ts';
export type { AllocationRequest, Assigned } from './allocation.ts';
export { Allocator, type AllocatorOptions, type Held } from './allocator.ts';
export type { Owner } from './block.ts';
export { admitClaim, removeClaim } from './claim.ts';
export { IpamError, type IpamErrorCode, type PassedOver } from './ipam-error.ts';
export type { ReleaseOptions, Surrendered } from './release.ts';
export { type BlockUsage, type PoolUsage, usage } from './usage.ts';
