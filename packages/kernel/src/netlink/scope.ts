/** How far an address or a route reaches: RT_SCOPE_* of linux/rtnetlink.h. */
export const SCOPES = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;

export type Scope = keyof typeof SCOPES;

const NAMES = new Map(Object.entries(SCOPES).map(([name, number]) => [number as number, name as Scope]));

/** Name of a scope's number; scopes that only an administrator's own tables define count as global. */
export function scopeName(scope: number): Scope {
  return NAMES.get(scope) ?? 'global';
}
