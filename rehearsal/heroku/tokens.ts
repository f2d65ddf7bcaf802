/** OAuth scopes of Heroku (devcenter "OAuth", Scopes). `global` includes all others. */
export type Scope = 'global' | 'identity' | 'read' | 'write' | 'read-protected' | 'write-protected';

/** What a request needs. `public` needs a token only. */
export type Need = 'public' | 'identity' | 'read' | 'write' | 'read-protected' | 'write-protected';

/** A token as Heroku knows it. */
export interface Token {
  scopes: Scope[];
  /** Names of the only apps it may touch; every app when undefined. */
  apps: string[] | undefined;
}

/**
 * Which scopes satisfy a need: write includes read, protected includes unprotected; config vars and everything that
 * contains credentials are protected.
 */
const satisfiedBy: Record<Need, Scope[]> = {
  public: ['global', 'identity', 'read', 'write', 'read-protected', 'write-protected'],
  identity: ['global', 'identity'],
  read: ['global', 'read', 'write', 'read-protected', 'write-protected'],
  'read-protected': ['global', 'read-protected', 'write-protected'],
  write: ['global', 'write', 'write-protected'],
  'write-protected': ['global', 'write-protected'],
};

export function allows(token: Token, need: Need): boolean {
  return token.scopes.some((scope) => satisfiedBy[need].includes(scope));
}

export interface TokenStore {
  add(token: string, scopes: Scope | Scope[], apps?: string[]): void;
  find(token: string): Token | undefined;
}

export function createTokenStore(): TokenStore {
  const tokens = new Map<string, Token>();
  return {
    add: (token, scopes, apps) => {
      tokens.set(token, { scopes: Array.isArray(scopes) ? scopes : [scopes], apps });
    },
    find: (token) => tokens.get(token),
  };
}
