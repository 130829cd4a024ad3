/** Where an object came from, for error messages and for `apply`'s report. */
export interface Origin {
  /** File name as the user gave it; absent for text from memory. */
  file?: string;
  /** 1-based number of the YAML document within the file. */
  document?: number;
  /** 0-based index within a `kind: List` document. */
  item?: number;
}

/** One thing that is wrong with an object. */
export interface Issue {
  /** Dotted path of the field, `spec.ingress[0].source.ports[1]`; empty for the object itself. */
  path: string;
  /** The offending value as it was given; undefined where a field is missing. */
  value: unknown;
  /** A sentence that names the value and what is allowed. May have several lines (a selector with a caret under the fault). */
  message: string;
  /** 1-based line in the file, where it is known. */
  line?: number;
  /** `Policy "access-nginx"`, as far as the object could be read. */
  object?: string;
  origin?: Origin;
}

/**
 * Bad input: one or more issues, of one or more documents.
 *
 * `message` lists the issues under the file and document that they belong to, ready to be printed.
 */
export class ValidationError extends Error {
  readonly code = 'EINVALID';
  readonly issues: readonly Issue[];

  constructor(issues: readonly Issue[]) {
    super(describeIssues(issues));
    this.name = 'ValidationError';
    this.issues = issues;
  }

  /**
   * An error about a single value, wherever it stands: in a document or on the command line.
   * It reads `<value> <problem>: <remedy>`, or `is missing: <remedy>` when there is no value.
   */
  static of(value: unknown, problem: string, remedy: string): ValidationError {
    const message = value === undefined ? `is missing: ${remedy}` : `${show(value)} ${problem}: ${remedy}`;
    return new ValidationError([{ path: '', value, message }]);
  }

  /** Joins the errors of several files, so that a user sees all of them at once. */
  static join(errors: readonly ValidationError[]): ValidationError {
    return new ValidationError(errors.flatMap((error) => error.issues));
  }
}

/** `policies.yaml, document 2, items[0], Policy "access-nginx"`; empty when nothing is known. */
function heading(issue: Issue): string {
  const { file, document, item } = issue.origin ?? {};
  const parts = [
    file,
    document === undefined ? undefined : `document ${document}`,
    item === undefined ? undefined : `items[${item}]`,
    issue.object,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

/** Of one object. Whoever wrote a list of ten thousand lines in the wrong form has seen it by then, and nobody's log takes megabytes. */
const MOST_LINES = 50;

function describeIssues(issues: readonly Issue[]): string {
  const sections = new Map<string, string[]>();
  for (const issue of issues) {
    const title = heading(issue);
    const line = issue.line === undefined ? '' : `line ${issue.line}: `;
    const path = issue.path === '' ? '' : `${issue.path}: `;
    const lines = sections.get(title) ?? [];
    sections.set(title, lines);
    lines.push(`${line}${path}${issue.message}`);
  }
  return [...sections]
    .map(([title, all]) => {
      const more = all.length - MOST_LINES;
      const lines = more > 0 ? [...all.slice(0, MOST_LINES), `… and ${more} more`] : all;
      if (title === '') return lines.join('\n');
      if (lines.length === 1 && !lines[0]!.includes('\n')) return `${title}: ${lines[0]}`;
      return [`${title}:`, ...lines.map((line) => `  ${line.replaceAll('\n', '\n  ')}`)].join('\n');
    })
    .join('\n');
}

/** A value as an error message shows it: JSON, shortened to 80 characters. */
export function show(value: unknown): string {
  const text = typeof value === 'bigint' || typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** `['spec', 'ingress', 0, 'ports']` → `spec.ingress[0].ports`; keys that are no plain word are quoted: `metadata.labels["a.b/c"]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(String(part))) text += text === '' ? String(part) : `.${String(part)}`;
    else text += `[${JSON.stringify(String(part))}]`;
  }
  return text;
}
