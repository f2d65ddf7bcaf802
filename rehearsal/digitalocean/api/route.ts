import type { Token } from './tokens.ts';

/** One request, read and admitted. */
export interface Call {
  /** The values of the `:names` in the route's path. */
  params: Record<string, string>;
  query: URLSearchParams;
  /** Parsed JSON; `undefined` when there was none. */
  body: unknown;
  token: Token;
  /** Absolute address without query, for links. */
  url: string;
}

export interface Answer {
  status: number;
  /** Sent as JSON; nothing when undefined, as with 204. */
  body?: unknown;
}

export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** For example `/v2/apps/:id`. */
  path: string;
  /** The scope that a token needs, as the API reference names it. */
  scope: string;
  handle: (call: Call) => Answer | Promise<Answer>;
}

export function ok(body: unknown): Answer {
  return { status: 200, body };
}

export function created(body: unknown): Answer {
  return { status: 201, body };
}

export function accepted(body: unknown): Answer {
  return { status: 202, body };
}

export const noContent: Answer = { status: 204 };

/** The value of a `:name` of the route's own path. */
export function param(call: Call, name: string): string {
  return call.params[name] ?? '';
}

/**
 * The routes that match a path, with what their `:names` stand for. Fixed words win over `:names`, so that
 * `/v2/databases/options` is not taken for a cluster.
 */
export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { route: Route; params: Record<string, string> } | undefined {
  const matches = routes
    .filter((route) => route.method === method)
    .map((route) => ({ route, params: matchPath(route.path, path) }))
    .filter((match): match is { route: Route; params: Record<string, string> } => match.params !== undefined);
  return matches.sort((a, b) => Object.keys(a.params).length - Object.keys(b.params).length)[0];
}

function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/');
  const given = path.replace(/\/$/, '').split('/');
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, word] of wanted.entries()) {
    const value = decodeURIComponent(given[index] ?? '');
    if (word.startsWith(':')) params[word.slice(1)] = value;
    else if (word !== value) return undefined;
  }
  return params;
}
