import { LineCounter, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { parseAddress } from './address/address.ts';
import { type ParsedDocument, parseDocuments } from './documents.ts';
import type { NamedPort } from './kinds/endpoint.ts';
import { type Labels, parseLabelKey, parseLabelValue, parseNamespaceName } from './metadata.ts';
import { API_VERSION } from './object.ts';
import { parsePortNumber } from './rule/port.ts';
import { type ProtocolPort, parseProtocolPort } from './rule/protocol-port.ts';
import { entries, field, oneOf, text } from './validation/field.ts';
import { parseWith } from './validation/parse-with.ts';
import { lineOf } from './validation/source-position.ts';
import { type Issue, ValidationError } from './validation/validation-error.ts';

/** What policies are to allow and deny, to be tried without a cluster. It is read by `weir policy test` and never stored. */
export interface PolicyTest {
  name: string;
  /** Files and folders of objects, from the folder of the test's own file. */
  files: string[];
  endpoints: TestEndpoint[];
  expect: Expectation[];
  /** 1-based line of each expectation in its file. */
  lines: (number | undefined)[];
}

/** An endpoint that there is for the test alone. */
export interface TestEndpoint {
  name: string;
  namespace?: string;
  labels?: Labels;
  /** Definition of a Marathon app, pod or group, from the folder of the test's own file: namespace, labels and ports are its, and the policies that its labels ask for hold. */
  app?: string;
  /** Which one, where the definition is of several: `/shop/web`. */
  id?: string;
  /** Absent: some. */
  address?: string;
  ports?: NamedPort[];
  /** Name of the host that it runs on, for what policies of host endpoints say; absent: all such endpoints are on one, without policy. */
  host?: string;
}

export interface Expectation {
  /** Names of endpoints, hosts (`host/node-7`), IP addresses, or `outside`. */
  from: string[];
  to: string[];
  /** Each of them. */
  port: ProtocolPort[];
  verdict: 'Allow' | 'Deny';
}

const KIND = 'PolicyTest';
const NOT_EMPTY = '[] is empty: one is needed at least';
const oneOrMore = <T>(parse: (value: unknown) => T) =>
  z.preprocess((value) => (Array.isArray(value) ? value : [value]), z.array(field(parse)).min(1, NOT_EMPTY));
const anyText = { pattern: /^[^\s].*$/s, allowed: 'a string that is not empty' };

const schema = z.strictObject({
  apiVersion: oneOf(API_VERSION),
  kind: z.literal(KIND),
  metadata: z.strictObject({ name: text({ what: 'name', ...anyText }) }),
  spec: z.strictObject({
    files: z.array(text({ what: 'path', ...anyText })).prefault([]),
    endpoints: z
      .array(
        z.strictObject({
          name: text({ what: 'endpoint name', pattern: /^[a-z0-9][a-z0-9.-]{0,62}$/, allowed: 'lower-case letters, digits, "-" and "."' }),
          namespace: field((value) => parseNamespaceName(value)).optional(),
          labels: entries(parseLabelKey, parseLabelValue).optional(),
          app: text({ what: 'path', ...anyText }).optional(),
          id: text({ what: 'id of an app', pattern: /^\/\S+$/, allowed: 'a path such as "/shop/web"' }).optional(),
          address: field(parseAddress).optional(),
          host: text({ what: 'host name', ...anyText }).optional(),
          ports: z
            .array(
              z.strictObject({
                name: text({ what: 'port name', ...anyText }),
                protocol: oneOf('TCP', 'UDP', 'SCTP'),
                port: field(parsePortNumber),
              }),
            )
            .optional(),
        }),
      )
      .prefault([]),
    expect: z
      .array(
        z.strictObject({
          from: oneOrMore((value) => parseName(value)),
          to: oneOrMore((value) => parseName(value)),
          port: oneOrMore(parseProtocolPort),
          verdict: oneOf('Allow', 'Deny'),
        }),
      )
      .min(1, NOT_EMPTY),
  }),
});

function parseName(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw ValidationError.of(value, 'names nobody', 'expected the name of an endpoint, a host (host/node-7), an IP address, or outside');
}

/**
 * Reads a file of tests: documents of the kind PolicyTest, and objects beside them, which hold for these tests.
 *
 * @throws ValidationError with the issues of all documents, each with its document's number and line
 */
export function parsePolicyTests(content: string, file?: string): { tests: PolicyTest[]; objects: ParsedDocument[] } {
  const lines = new LineCounter();
  const documents = [...parseAllDocuments(content, { lineCounter: lines, uniqueKeys: true, merge: true })];
  const isTest = (document: (typeof documents)[number]) => document.errors.length === 0 && Object(document.toJS()).kind === KIND;
  const tests: PolicyTest[] = [];
  const issues: Issue[] = [];
  for (const [index, document] of documents.entries()) {
    if (!isTest(document)) continue;
    try {
      const { metadata, spec } = parseWith(schema, document.toJS());
      const at = spec.expect.map((_, position) => lineOf(document, `spec.expect[${position}]`, lines));
      tests.push({ name: metadata.name, ...withoutAbsent(spec), lines: at });
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      const origin = { ...(file !== undefined && { file }), document: index + 1 };
      for (const issue of error.issues) {
        const line = lineOf(document, issue.path, lines);
        issues.push({ ...issue, object: KIND, origin, ...(line !== undefined && { line }) });
      }
    }
  }
  if (issues.length > 0) throw new ValidationError(issues);
  // What is no test is left where it stands, so that the lines of its faults are right.
  const rest = documents.map((document) => (isTest(document) ? '' : content.slice(document.range[0], document.range[2])));
  const objects = rest.every((part) => part.trim() === '')
    ? []
    : parseDocuments(
        blanked(
          content,
          documents.filter(isTest).map(({ range }) => range),
        ),
        file,
      );
  return { tests, objects };
}

function blanked(content: string, ranges: readonly (readonly [number, number, number])[]): string {
  let result = content;
  for (const [from, , to] of ranges) result = result.slice(0, from) + result.slice(from, to).replace(/[^\n]/g, ' ') + result.slice(to);
  return result;
}

function withoutAbsent<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
