/** Names of host interfaces that policy guards begin so: the ruleset drops everything for such a one that it does not know. */
export const GUARDED_PREFIX = 'weir';

/** Names of host interfaces of networks without policy begin so. */
export const OPEN_PREFIX = 'wlnk';
