import { type KindInfo, requireKind, ValidationError } from '@weir/resources';
import { CliError } from '../cli-error.ts';

/** A kind, or one object of it. */
export interface Reference {
  kind: KindInfo;
  name?: string;
}

/**
 * What the words after a verb name: `policies`, `policies,pools`, `policy web db`, or `policy/web pool/main` as `-o name` prints it.
 * @throws CliError EUSAGE for an unknown kind, with the kind that was probably meant
 */
export function parseReferences(words: readonly string[]): Reference[] {
  const [first, ...names] = words;
  if (first === undefined) throw new CliError('EUSAGE', 'name a kind, such as policies');
  if (words.some((word) => word.includes('/'))) return words.map(parseSlashed);
  const kinds = first.split(',').map(parseKind);
  if (names.length === 0) return kinds.map((kind) => ({ kind }));
  return kinds.flatMap((kind) => names.map((name) => ({ kind, name })));
}

function parseSlashed(word: string): Reference {
  const [kind, name, ...rest] = word.split('/');
  if (!kind || !name || rest.length > 0) {
    throw new CliError('EUSAGE', `${JSON.stringify(word)} names no object: expected kind/name, or one kind and then names without a slash`);
  }
  return { kind: parseKind(kind), name };
}

function parseKind(word: string): KindInfo {
  try {
    return requireKind(word);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    throw new CliError('EUSAGE', error.message, { cause: error });
  }
}

/** `policy/access-nginx`: short, and taken back by every verb. */
export function referenceText(kind: string, name: string): string {
  return `${kind.toLowerCase()}/${name}`;
}
