/** What a rule, or an element of a verdict map, does with a packet. */
export type Verdict = { kind: 'accept' | 'drop' | 'return' } | { kind: 'goto' | 'jump'; chain: string };

/** What becomes of packets that policy denies: the chain of the base table that records them, and drops them. */
export const DENIED: Verdict = { kind: 'goto', chain: 'denied' };

/** A verdict in nft's words; the empty string where there is none. */
export function verdictText(verdict: Verdict | undefined): string {
  if (verdict === undefined) return '';
  return 'chain' in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind;
}

export function sameVerdict(left: Verdict, right: Verdict): boolean {
  return left === right || verdictText(left) === verdictText(right);
}
