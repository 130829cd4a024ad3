import { distance } from 'fastest-levenshtein';

/**
 * The candidate that the writer most likely meant, or undefined when none is near.
 * Near: equal but for letter case, at most a third of the letters changed, or two letters swapped.
 */
export function nearest(text: string, candidates: Iterable<string>): string | undefined {
  const wanted = text.toLowerCase();
  let best: { candidate: string; steps: number } | undefined;
  for (const candidate of candidates) {
    const word = candidate.toLowerCase();
    const steps = distance(wanted, word);
    const limit = steps === 2 && sortedLetters(wanted) === sortedLetters(word) ? 2 : Math.max(1, Math.floor(word.length / 3));
    if (steps <= limit && (best === undefined || steps < best.steps)) best = { candidate, steps };
  }
  return best?.candidate;
}

function sortedLetters(word: string): string {
  return [...word].sort().join('');
}

/** `; did you mean "ingress"?` or, when nothing is near, an empty string. */
export function didYouMean(text: string, candidates: Iterable<string>): string {
  const candidate = nearest(text, candidates);
  return candidate === undefined ? '' : `; did you mean ${JSON.stringify(candidate)}?`;
}
