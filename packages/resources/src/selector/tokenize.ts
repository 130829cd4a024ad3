import type { Comparison } from './selector.ts';
import { SelectorError } from './selector-error.ts';

export type Token = (
  | { kind: 'label' | 'string' | 'has('; text: string }
  | { kind: Comparison | 'in' | 'not in' | '!' | '&&' | '||' | '(' | ')' | '{' | '}' | ',' | 'all()' | 'global()' | 'end' }
) & {
  /** 0-based offset of the token's first character. */
  position: number;
};

/** Longest label name, as in Calico's tokenizer. */
const MAXIMUM_LABEL_LENGTH = 512;

const BLANKS = /[ \t]*/y;
const LABEL = /[A-Za-z0-9_./-]+/y;
/** Calls: nothing stands between name and bracket, blanks may stand within. */
const HAS = /has\([ \t]*/y;
const ALL = /all\([ \t]*\)/y;
const GLOBAL = /global\([ \t]*\)/y;
const CALL = /(?:has|all|global)\(/y;
/** Operators that are words end where a word ends: `a inside` is not `a in side`. */
const WORD_OPERATORS: [RegExp, Comparison | 'in' | 'not in'][] = [
  [/contains\b/y, 'contains'],
  [/starts[ \t]*with\b/y, 'starts with'],
  [/ends[ \t]*with\b/y, 'ends with'],
  [/not[ \t]*in\b/y, 'not in'],
  [/in\b/y, 'in'],
];
const SIGNS = ['==', '!=', '&&', '||', '!', '(', ')', '{', '}', ','] as const;

/**
 * Cuts a selector into tokens; the last is `end`.
 *
 * The grammar is not free of context at this level: a word behind a label is an operator (`a in {…}`), elsewhere a label (`in == "x"`).
 *
 * @throws SelectorError
 */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;

  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) position += found.length;
    return found;
  };

  const label = (): string => {
    const start = position;
    const found = match(LABEL);
    if (found === undefined) throw new SelectorError(text, start, 'expected a label name of letters, digits, "_", ".", "/" and "-"');
    if (found.length > MAXIMUM_LABEL_LENGTH)
      throw new SelectorError(text, start, `this label name is longer than ${MAXIMUM_LABEL_LENGTH} characters`);
    return found;
  };

  const next = (afterLabel: boolean): Token => {
    const start = position;
    if (start === text.length) return { kind: 'end', position: start };

    const quote = text[start];
    if (quote === '"' || quote === "'") {
      const end = text.indexOf(quote, start + 1);
      if (end === -1) throw new SelectorError(text, start, 'this string has no closing quote');
      position = end + 1;
      return { kind: 'string', text: text.slice(start + 1, end), position: start };
    }
    for (const kind of SIGNS) {
      if (!text.startsWith(kind, start)) continue;
      position += kind.length;
      return { kind, position: start };
    }
    if (afterLabel) {
      for (const [pattern, kind] of WORD_OPERATORS) if (match(pattern) !== undefined) return { kind, position: start };
      throw new SelectorError(text, start, EXPECTED_OPERATOR);
    }
    if (match(ALL) !== undefined) return { kind: 'all()', position: start };
    if (match(GLOBAL) !== undefined) return { kind: 'global()', position: start };
    if (match(HAS) !== undefined) {
      const name = label();
      match(BLANKS);
      if (text[position] !== ')') throw new SelectorError(text, position, `expected ")" to close has(${name}`);
      position += 1;
      return { kind: 'has(', text: name, position: start };
    }
    const call = match(CALL);
    if (call !== undefined) throw new SelectorError(text, position, `expected ")", since ${call}) takes nothing`);
    return { kind: 'label', text: label(), position: start };
  };

  for (;;) {
    match(BLANKS);
    const token = next(tokens.at(-1)?.kind === 'label');
    tokens.push(token);
    if (token.kind === 'end') return tokens;
  }
}

export const EXPECTED_OPERATOR = 'expected an operator behind the label: ==, !=, in, not in, contains, starts with, ends with';
