/** Milliseconds of CLOCK_MONOTONIC, which all processes of a machine share, whatever their namespaces. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
