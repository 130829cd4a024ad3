import { type Document, LineCounter, parseAllDocuments, type YAMLError } from 'yaml';
import { fromCalico, isCalico, isCalicoList } from './calico/from-calico.ts';
import { isKind, kindInfo } from './kinds/index.ts';
import { fromClusterPolicy, isClusterPolicy } from './kubernetes/from-cluster-policy.ts';
import { fromKubernetes, isNetworkPolicy } from './kubernetes/from-network-policy.ts';
import { withSource } from './kubernetes/server-metadata.ts';
import { type AnyObject, parseObject, withOrigin } from './object.ts';
import { lineOf } from './validation/source-position.ts';
import { type Issue, type Origin, show, ValidationError } from './validation/validation-error.ts';

export interface ParsedDocument {
  object: AnyObject;
  origin: Origin;
}

export interface ParseOptions {
  /** Namespace of namespaced objects that name none, instead of `default`. Objects that name another one are refused. */
  namespace?: string;
}

/**
 * Reads all objects of a YAML or JSON text: several documents, `kind: List`, and what others wrote: Kubernetes' policies, which become Policies
 * and GlobalPolicies, and those of Calico, with its network sets and tiers.
 * Documents without content are skipped.
 *
 * All or nothing: where anything is wrong nothing is returned, so that nobody applies half a file.
 *
 * @param file name for origins and errors
 * @throws ValidationError with the issues of all documents, each with its document's number and its line
 */
export function parseDocuments(text: string, file?: string, options: ParseOptions = {}): ParsedDocument[] {
  const lineCounter = new LineCounter();
  // `merge` since Kubernetes' tools read YAML 1.1, in which people share parts by `<<`.
  const documents = parseAllDocuments(text, { lineCounter, uniqueKeys: true, prettyErrors: true, merge: true });
  const objects: ParsedDocument[] = [];
  const issues: Issue[] = [];
  for (const [index, document] of [...documents].entries()) {
    const origin: Origin = { ...(file !== undefined && { file }), document: index + 1 };
    try {
      objects.push(...parseDocument(document, origin, options, lineCounter));
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      issues.push(...error.issues);
    }
  }
  if (issues.length > 0) throw new ValidationError(issues);
  return objects;
}

function parseDocument(document: Document.Parsed, origin: Origin, options: ParseOptions, lines: LineCounter): ParsedDocument[] {
  if (document.errors.length > 0) throw new ValidationError(document.errors.map((error) => syntaxIssue(error, origin)));
  const value = toValue(document, origin);
  if (value === null || value === undefined) return [];
  const parts = isList(value) ? listItems(value, origin) : [{ value, origin, path: '' }];
  const objects: ParsedDocument[] = [];
  const issues: Issue[] = [];
  for (const part of parts) {
    try {
      objects.push({ object: parseResource(part.value, part.origin, options), origin: part.origin });
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      for (const issue of error.issues) {
        const line = lineOf(document, `${part.path}.${issue.path}`, lines);
        issues.push({ ...issue, ...(line !== undefined && { line }) });
      }
    }
  }
  if (issues.length > 0) throw new ValidationError(issues);
  return objects;
}

/** The document's content as plain values. Aliases that would blow up to no end are refused by the parser. */
function toValue(document: Document.Parsed, origin: Origin): unknown {
  try {
    return document.toJS();
  } catch (error) {
    const message = `not valid YAML or JSON: ${error instanceof Error ? error.message : String(error)}`;
    throw new ValidationError([{ path: '', value: undefined, message, origin }]);
  }
}

function syntaxIssue(error: YAMLError, origin: Origin): Issue {
  const place = error.linePos?.[0];
  // The parser's message ends in "at line 3, column 5:" and an excerpt with a caret; the line has a field of its own.
  const [problem = '', ...excerpt] = error.message
    .replace(/ at line \d+, column \d+:?/, '')
    .trimEnd()
    .split('\n');
  const column = place === undefined ? '' : `column ${place.col}: `;
  const message = [
    `${column}not valid YAML or JSON: ${problem}`,
    ...excerpt.filter((line) => line.trim() !== '').map((line) => `  ${line}`),
  ].join('\n');
  return { path: '', value: undefined, message, ...(place && { line: place.line }), origin };
}

function isList(value: unknown): value is { items?: unknown } {
  return isCalicoList(value) || (typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'List');
}

function listItems({ items }: { items?: unknown }, origin: Origin): { value: unknown; origin: Origin; path: string }[] {
  if (Array.isArray(items)) return items.map((value, item) => ({ value, origin: { ...origin, item }, path: `items[${item}]` }));
  const problem = items === undefined ? 'is missing' : `${show(items)} is no list`;
  throw new ValidationError([{ path: 'items', value: items, message: `${problem}: expected a list of objects`, object: 'List', origin }]);
}

/**
 * One object as a program gives it: of Weir's kinds, a policy of Kubernetes, or a policy, network set or tier of Calico.
 *
 * @throws ValidationError
 */
export function parseResource(value: unknown, origin: Origin | undefined, { namespace }: ParseOptions = {}): AnyObject {
  if (isCalico(value)) {
    const object = parseResource(
      withOrigin(value, origin, () => fromCalico(value)),
      origin,
      { ...(namespace !== undefined && { namespace }) },
    );
    return { ...object, metadata: withSource(object.metadata, `${value.apiVersion} ${value.kind}`) };
  }
  const placed = namespace === undefined ? value : withOrigin(value, origin, () => inNamespace(value, namespace));
  if (isClusterPolicy(placed)) return fromClusterPolicy(placed, origin);
  return isNetworkPolicy(placed) ? fromKubernetes(placed, origin) : parseObject(placed, origin);
}

function inNamespace(value: unknown, namespace: string): unknown {
  const { kind, metadata } = (value ?? {}) as { kind?: unknown; metadata?: unknown };
  const namespaced = isNetworkPolicy(value) || (isKind(kind) && kindInfo(kind).namespaced);
  if (!namespaced || typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return value;
  const given = (metadata as { namespace?: unknown }).namespace;
  if (given === undefined) return { ...(value as object), metadata: { ...metadata, namespace } };
  if (given === namespace) return value;
  throw new ValidationError([
    { path: 'metadata.namespace', value: given, message: `${show(given)} is not the namespace asked for: expected ${show(namespace)}` },
  ]);
}
