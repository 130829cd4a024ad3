/**
 * True of a step `tuning` that gives the container's interface another hardware address, by itself or for the runtime. Who takes note of
 * the address has to come behind it.
 */
export function changesMac({ type, mac, capabilities }: Record<string, unknown>): boolean {
  return type === 'tuning' && (mac !== undefined || (capabilities as { mac?: unknown } | undefined)?.mac === true);
}
