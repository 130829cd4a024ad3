/** Tier of policies that name none. */
export const DEFAULT_TIER = 'default';
