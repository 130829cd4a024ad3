import { readFileSync } from 'node:fs';

/** Names one run of the machine: a monotonic time means nothing after the next boot. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Milliseconds of CLOCK_MONOTONIC: the same for all processes of the machine, and no step of the wall clock ends a lease early. */
export function monotonicNow(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
