/** Both, in nft's words. */
export const FAMILIES = [
  { ip: 'ip', version: '4' },
  { ip: 'ip6', version: '6' },
] as const;
