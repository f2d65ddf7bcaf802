/**
 * Whether a request changes nothing at either company. `apps/propose` is a POST because a spec is too large for an
 * address: it checks and prices, makes nothing, and a token with `app:read` may send it (API reference, "Token scopes").
 */
export function onlyReads({ method, path }: { method: string; path: string }): boolean {
  return method === 'GET' || (method === 'POST' && path.endsWith('/apps/propose'));
}
