/** The API described for programs, as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html), out of the schemas that check what comes. Pure. */
import { jsonSchemaOf, type KindInfo } from '@weir/resources';
import { z } from 'zod';
import { API_KINDS, clusterListPath, isWritable, listPath, objectPath, PREFIX } from './kind-path.ts';
import { traceSchema } from './trace-route.ts';

type Json = Record<string, unknown>;

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Json): Json => ({ 'application/json': { schema } });
const text = (what: string, pattern?: string): Json => ({ description: what, schema: { type: 'string', ...(pattern && { pattern }) } });

const ETAG: Json = { ETag: text('The revision, for If-Match.') };

export function openApiDocument(version: string): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Weir',
      version,
      description: 'Policy, addresses and services of containers, for frameworks. See docs/api.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ token: [] }],
    paths: Object.assign({}, ...API_KINDS.map(pathsOf), ownPaths()),
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      responses: {
        Problem: { description: 'What went wrong, and what to do.', content: { 'application/problem+json': { schema: ref('Problem') } } },
      },
      schemas: {
        ...Object.fromEntries(API_KINDS.map(({ kind }) => [kind, jsonSchemaOf(kind)])),
        Problem: PROBLEM,
        TraceRequest: jsonSchema(traceSchema),
      },
    },
  };
}

function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}

const PROBLEM: Json = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    errors: {
      type: 'array',
      items: { type: 'object', required: ['path', 'message'], properties: { path: { type: 'string' }, message: { type: 'string' } } },
    },
  },
};

function pathsOf(kind: KindInfo): Json {
  const { plural, namespaced } = kind;
  const paths: Json = {
    [braced(listPath(kind))]: {
      parameters: parametersOf(listPath(kind)),
      get: listOperation(kind, `list${capital(plural)}`),
      ...(isWritable(kind) && { post: createOperation(kind) }),
    },
    [braced(objectPath(kind))]: { parameters: parametersOf(objectPath(kind)), ...objectOperations(kind) },
  };
  if (namespaced) paths[clusterListPath(kind)] = { get: listOperation(kind, `list${capital(plural)}OfAllNamespaces`) };
  return paths;
}

function listOperation({ kind, plural }: KindInfo, operationId: string): Json {
  const item = { type: 'object', required: ['revision', 'object'], properties: { revision: { type: 'integer' }, object: ref(kind) } };
  const invalid = { type: 'object', required: ['key', 'error'], properties: { key: { type: 'string' }, error: { type: 'string' } } };
  const list = {
    type: 'object',
    required: ['revision', 'items'],
    properties: {
      revision: { type: 'integer', description: 'Of the store, when the list was made.' },
      items: { type: 'array', items: item },
      invalid: { type: 'array', items: invalid, description: 'What is stored and cannot be read.' },
    },
  };
  const events = {
    schema: {
      type: 'string',
      description: 'Events put, remove, synced, reset and invalid; the id is the revision up to which all was told.',
    },
  };
  return {
    operationId,
    tags: [plural],
    summary: `List ${plural}, or watch them with Accept: text/event-stream.`,
    parameters: [
      { name: 'selector', in: 'query', ...text("Labels: run=web,!beta or run == 'web'.") },
      { name: 'Last-Event-ID', in: 'header', ...text('Of a watch: go on after this revision.', '^\\d*$') },
    ],
    responses: {
      200: { description: `The ${plural}.`, content: { ...json(list), 'text/event-stream': events } },
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

function createOperation({ kind, plural }: KindInfo): Json {
  return {
    operationId: `create${kind}`,
    tags: [plural],
    summary: `Make a ${kind}; one that exists is a conflict.`,
    requestBody: { required: true, content: json(ref(kind)) },
    responses: {
      201: { description: 'It was made.', headers: { ...ETAG, Location: text('Its path.') }, content: json(ref(kind)) },
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

function objectOperations(info: KindInfo): Json {
  const { kind, plural } = info;
  const found = (description: string): Json => ({ description, headers: ETAG, content: json(ref(kind)) });
  const problem = { default: { $ref: '#/components/responses/Problem' } };
  const condition = { name: 'If-Match', in: 'header', ...text('Only if it is at this revision, "17".') };
  return {
    get: { operationId: `get${kind}`, tags: [plural], summary: `Get one ${kind}.`, responses: { 200: found('The object.'), ...problem } },
    ...(isWritable(info) && {
      put: {
        operationId: `put${kind}`,
        tags: [plural],
        summary: `Write a ${kind}, whether or not it is there.`,
        parameters: [condition, { name: 'If-None-Match', in: 'header', ...text('"*": only if it is not there.') }],
        requestBody: { required: true, content: json(ref(kind)) },
        responses: { 200: found('It is as wanted.'), 201: found('It was made.'), ...problem },
      },
      delete: {
        operationId: `delete${kind}`,
        tags: [plural],
        summary: `Delete a ${kind}.`,
        parameters: [condition],
        responses: { 204: { description: 'It is gone.' }, ...problem },
      },
    }),
  };
}

function ownPaths(): Json {
  const problem = { default: { $ref: '#/components/responses/Problem' } };
  const plainText = { 200: { description: 'It does.', content: { 'text/plain': { schema: { type: 'string' } } } }, ...problem };
  return {
    [`${PREFIX}/trace`]: {
      post: {
        operationId: 'trace',
        tags: ['why'],
        summary: 'Whether one may talk to another, and by which rules; as weir trace -o json prints it.',
        requestBody: { required: true, content: json(ref('TraceRequest')) },
        responses: {
          200: {
            description: 'The verdict, with every policy and rule on the way.',
            content: json({ type: 'object', required: ['verdict'], properties: { verdict: { type: 'string', enum: ['Allow', 'Deny'] } } }),
          },
          ...problem,
        },
      },
    },
    '/healthz': { get: { operationId: 'health', summary: 'Whether the process answers.', security: [], responses: plainText } },
    '/readyz': { get: { operationId: 'readiness', summary: 'Whether the store answers.', security: [], responses: plainText } },
    '/metrics': { get: { operationId: 'metrics', summary: "Counters in Prometheus' format.", responses: plainText } },
  };
}

function braced(path: string): string {
  return path.replaceAll(/:(\w+)/g, '{$1}');
}

function parametersOf(path: string): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
