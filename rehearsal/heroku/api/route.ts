import type { App, Platform } from '../platform.ts';
import type { Need, Token } from '../tokens.ts';
import type { RateLimit } from './rate-limit.ts';

/** What a handler gets to know of a request. */
export interface Call {
  platform: Platform;
  /** Path parameters, decoded. */
  params: Record<string, string>;
  query: URLSearchParams;
  headers: Record<string, string | undefined>;
  /** Parsed JSON; `undefined` without a body. */
  body: unknown;
  /** The body as it came, for what is not JSON. */
  bytes: Buffer;
  /** The app of `:app`, found and admitted. Only for routes with that parameter. */
  app: App;
  token: Token;
  rateLimit: RateLimit;
}

export interface Answer {
  status?: number;
  body: unknown;
}

/** One endpoint. */
export interface Route {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** `/apps/:app/formation/:type` */
  path: string;
  /**
   * Which dialect it speaks: the Platform API wants its version in `Accept` (406 otherwise), the data API and the
   * dashboard's do not; `open` addresses are their own secret and need no token.
   */
  dialect: 'platform' | 'data' | 'dashboard' | 'open';
  /** The OAuth scope that it needs. */
  need: Need;
  /** For lists: the fields they can be paged by. The handler then returns the whole list as its body. */
  ranges?: readonly string[];
  /** Does not count against the rate limit. */
  free?: boolean;
  handle(call: Call): Answer | Promise<Answer>;
}

type Handler = (call: Call) => unknown;
type More = Partial<Pick<Route, 'need' | 'ranges' | 'free' | 'dialect'>>;

/** A GET of one thing; the scope is `read`. */
export function read(path: string, handler: Handler, more: More = {}): Route {
  return { method: 'GET', path, dialect: 'platform', need: 'read', handle: settled(200, handler), ...more };
}

/** A GET of a list, paged by id unless said otherwise. */
export function list(
  path: string,
  handler: (call: Call) => unknown[] | Promise<unknown[]>,
  more: More = {},
): Route {
  return read(path, handler, { ranges: ['id'], ...more });
}

/** A change; the scope is `write`. `status` is what Heroku answers it with. */
export function change(
  method: 'POST' | 'PATCH' | 'PUT' | 'DELETE',
  path: string,
  handler: Handler,
  more: More & { status?: number } = {},
): Route {
  const { status = 200, ...rest } = more;
  return { method, path, dialect: 'platform', need: 'write', handle: settled(status, handler), ...rest };
}

function settled(status: number, handler: Handler): Route['handle'] {
  return async (call) => ({ status, body: await handler(call) });
}

/** Finds the endpoint for a request; literal segments win over parameters. */
export function findRoute(
  routes: Route[],
  method: string,
  pathname: string,
): { route: Route; params: Record<string, string> } | undefined {
  const segments = pathname.split('/').filter((segment) => segment !== '');
  const candidates = routes.flatMap((route) => {
    if (route.method !== method) return [];
    const params = match(
      route.path.split('/').filter((segment) => segment !== ''),
      segments,
    );
    return params ? [{ route, params }] : [];
  });
  return candidates.sort((a, b) => Object.keys(a.params).length - Object.keys(b.params).length)[0];
}

function match(pattern: string[], segments: string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, part] of pattern.entries()) {
    const segment = segments[at] ?? '';
    if (part.startsWith(':')) params[part.slice(1)] = decodeURIComponent(segment);
    else if (part !== segment) return undefined;
  }
  return params;
}
