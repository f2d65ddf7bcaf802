import { RateLimit, type Limits } from './rate-limit.ts';

/** A token as DigitalOcean knows it: what it may do, and how much it has asked lately. */
export interface Token {
  may(scope: string): boolean;
  readonly limit: RateLimit;
}

export interface TokenStore {
  /** `all` is a full-access token; else the custom scopes by name, for example `database:read`. */
  add(token: string, scopes: 'all' | readonly string[]): void;
  find(token: string): Token | undefined;
}

export function createTokenStore(limits: Limits): TokenStore {
  const tokens = new Map<string, Token>();
  return {
    add: (token, scopes) => {
      tokens.set(token, {
        may: (scope) => scopes === 'all' || scopes.includes(scope),
        limit: new RateLimit(limits),
      });
    },
    find: (token) => tokens.get(token),
  };
}
