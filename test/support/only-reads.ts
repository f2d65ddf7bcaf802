/**
 * Whether a request changes nothing at either company. `apps/propose` is a POST because a spec is too large for an
 * address: it checks and prices, makes nothing, and a token with `app:read` may send it (API reference, "Token scopes").
 * `rollback/validate` checks whether a deployment could be returned to.
 */
export function onlyReads({ method, path }: { method: string; path: string }): boolean {
  return method === 'GET' || (method === 'POST' && /\/apps\/(propose|[^/]+\/rollback\/validate)$/.test(path));
}
