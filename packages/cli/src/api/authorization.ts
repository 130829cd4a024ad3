/** Who asks, by the bearer token, and whether that one may. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RequestError } from './problem.ts';
import type { Access, TokenFile } from './token-file.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined on the routes that are open. */
    access: Access | undefined;
    /** Whether it would be let in now, too: for answers that go on. */
    isStillAllowed(): boolean;
  }

  interface FastifyContextConfig {
    /** What the route needs: `open` is for everybody. Default `read`. */
    needs?: 'open' | 'read' | 'write';
    /** Which namespace; `all` where it is about more than one. Default: the one in the path, else all. */
    scope?: 'all' | 'any';
  }
}

/** Looks at each request before its body is read. */
export function authorize(api: FastifyInstance, tokens: TokenFile): void {
  api.decorateRequest('access', undefined);
  api.decorateRequest('isStillAllowed', function isStillAllowed() {
    try {
      check(this, tokens);
      return true;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return false;
    }
  });
  api.addHook('onRequest', async (request) => check(request, tokens));
}

function check(request: FastifyRequest, tokens: TokenFile): void {
  const { needs = 'read', scope = 'all' } = request.routeOptions.config;
  if (needs === 'open' || request.is404) return;
  const access = accessOf(request, tokens);
  request.access = access;
  if (needs === 'write' && access.rights !== 'write') throw new RequestError('EFORBIDDEN', `the token of ${access.name} may only read`);
  if (access.namespaces === undefined || scope === 'any') return;
  const { namespace } = request.params as { namespace?: string };
  if (namespace !== undefined && access.namespaces.includes(namespace)) return;
  const what = namespace === undefined ? 'what is of no single namespace' : `namespace ${namespace}`;
  throw new RequestError('EFORBIDDEN', `the token of ${access.name} is for ${access.namespaces.join(', ')}, not for ${what}`);
}

function accessOf({ headers }: FastifyRequest, tokens: TokenFile): Access {
  const [, token] = /^Bearer ([\w.~+/=-]{1,512})$/i.exec(headers.authorization ?? '') ?? [];
  const access = token === undefined ? undefined : tokens.accessOf(token);
  if (access !== undefined) return access;
  const message = token === undefined ? 'a header "Authorization: Bearer TOKEN" is needed' : 'the token is not known';
  throw new RequestError('EUNAUTHENTICATED', message);
}
