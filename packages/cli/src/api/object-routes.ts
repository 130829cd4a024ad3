/** The objects of all kinds: list, get, create, put, delete, by the same rules as the command line has. */
import type { Versioned } from '@weir/datastore';
import { type AnyObject, API_VERSION, type KindInfo, parseResource, show, ValidationError } from '@weir/resources';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { listVersioned } from '../objects/list-objects.ts';
import { notFound } from '../objects/not-found.ts';
import type { Precondition } from '../objects/precondition.ts';
import type { Stores } from '../objects/stores.ts';
import { deleteObject, type WriteVerb, writeObject } from '../objects/write-object.ts';
import { plain } from '../output/object-output.ts';
import { API_KINDS, clusterListPath, isWritable, listPath, objectPath, pathOf } from './kind-path.ts';
import { RequestError } from './problem.ts';
import { authorizeAddresses } from './service-authorization.ts';
import { authorizeTier } from './tier-authorization.ts';
import { type Watches, wantsEvents } from './watch.ts';

interface Params {
  namespace?: string;
  name: string;
}

export function objectRoutes(api: FastifyInstance, stores: Stores, watches: Watches): void {
  for (const kind of API_KINDS) {
    for (const path of new Set([listPath(kind), clusterListPath(kind)])) {
      api.get(path, (request, reply) => (wantsEvents(request) ? watches.follow(kind, request, reply) : list(kind, request, stores)));
    }
    api.get(objectPath(kind), (request, reply) => get(kind, request, reply, stores));
    if (!isWritable(kind)) continue;
    const writes = { config: { needs: 'write' as const } };
    api.post(listPath(kind), writes, (request, reply) => create(kind, request, reply, stores));
    api.put(objectPath(kind), writes, (request, reply) => put(kind, request, reply, stores));
    api.delete(objectPath(kind), writes, (request, reply) => remove(kind, request, reply, stores));
  }
}

/** Each object with the revision that wrote it; what is stored and cannot be read is named. */
async function list({ kind }: KindInfo, request: FastifyRequest, stores: Stores): Promise<object> {
  const { namespace } = request.params as Params;
  const { selector } = request.query as { selector?: unknown };
  if (selector !== undefined && typeof selector !== 'string') throw new RequestError('EUSAGE', 'give one selector');
  const { objects, invalid, revision } = await listVersioned(stores, kind, { namespace, selector });
  return {
    revision,
    items: objects.map(({ object, revision: written }) => ({ revision: written, object: plain(object as AnyObject) })),
    ...(invalid.length > 0 && { invalid: invalid.map(({ key, error }) => ({ key, error: error.message })) }),
  };
}

async function get(kind: KindInfo, request: FastifyRequest, reply: FastifyReply, stores: Stores): Promise<object> {
  return answer(await read(kind, request.params as Params, stores), reply);
}

async function read({ kind }: KindInfo, { name, namespace }: Params, { objects }: Stores): Promise<Versioned<AnyObject>> {
  const stored = await objects.get(kind, name, namespace);
  if (stored === undefined) throw notFound({ kind, name, ...(namespace !== undefined && { namespace }) });
  return stored as Versioned<AnyObject>;
}

function answer({ object, revision }: Versioned<AnyObject>, reply: FastifyReply): object {
  reply.header('etag', `"${revision}"`);
  return plain(object);
}

async function create(kind: KindInfo, request: FastifyRequest, reply: FastifyReply, stores: Stores): Promise<object> {
  const { namespace } = request.params as Omit<Params, 'name'>;
  const object = bodyOf(request.body, kind, namespace === undefined ? {} : { namespace });
  await authorizeTier(request, stores, object);
  await authorizeAddresses(request, stores, object);
  return write(kind, object, reply, stores, { verb: 'create' });
}

async function put(kind: KindInfo, request: FastifyRequest, reply: FastifyReply, stores: Stores): Promise<object> {
  const object = bodyOf(request.body, kind, request.params as Params);
  await authorizeTier(request, stores, object);
  await authorizeAddresses(request, stores, object);
  return write(kind, object, reply, stores, { verb: 'apply', ...preconditionOf(request) });
}

async function write(
  kind: KindInfo,
  object: AnyObject,
  reply: FastifyReply,
  stores: Stores,
  { verb, ...precondition }: { verb: WriteVerb } & Precondition,
): Promise<object> {
  const outcome = await writeObject(stores, object, verb, precondition);
  if (outcome === 'created') reply.code(201).header('location', pathOf(kind, object.metadata));
  return answer(await read(kind, object.metadata, stores), reply);
}

async function remove({ kind }: KindInfo, request: FastifyRequest, reply: FastifyReply, stores: Stores): Promise<void> {
  const { name, namespace } = request.params as Params;
  const id = { kind, name, ...(namespace !== undefined && { namespace }) };
  await authorizeTier(request, stores, { kind, metadata: id });
  await deleteObject(stores, id, preconditionOf(request));
  reply.code(204);
}

/** `If-Match: "17"` of an ETag, `If-None-Match: *` for what must not be there (RFC 9110 §13.1). */
function preconditionOf({ headers }: FastifyRequest): Precondition {
  const [match, noneMatch] = [headers['if-match'], headers['if-none-match']];
  if (noneMatch !== undefined) {
    if (noneMatch.trim() !== '*' || match !== undefined)
      throw new RequestError('EUSAGE', 'If-None-Match is for "*" alone, and not beside If-Match');
    return { revision: 0 };
  }
  if (match === undefined) return {};
  const [, revision] = /^\s*"(\d{1,15})"\s*$/.exec(match) ?? [];
  if (revision === undefined)
    throw new RequestError('EUSAGE', `If-Match has ${show(match)}: expected the one ETag that was read, as in "17"`);
  return { revision: Number(revision) };
}

/** The object of a request, which need not repeat what the path says, and may not contradict it. */
function bodyOf(body: unknown, { kind }: KindInfo, place: Partial<Params>): AnyObject {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw ValidationError.of(body, 'is no object', 'expected one as weir get -o json prints it');
  const { apiVersion = API_VERSION, kind: given = kind, metadata, ...rest } = body as Record<string, unknown>;
  const isMapping = metadata === undefined || (typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata));
  const placed = isMapping ? { ...place, ...metadata } : metadata;
  const object = parseResource({ apiVersion, kind: given, ...rest, metadata: placed }, undefined);
  const differing = [
    ['kind', object.kind, kind],
    ...Object.entries(place).map(([field, wanted]) => [`metadata.${field}`, object.metadata[field as keyof Params], wanted]),
  ].filter(([, found, wanted]) => found !== wanted);
  if (differing.length > 0) {
    throw new ValidationError(
      differing.map(([path, found, wanted]) => ({
        path: path!,
        value: found,
        message: `${show(found)} is not what the path says: expected ${show(wanted)}`,
      })),
    );
  }
  return object;
}
