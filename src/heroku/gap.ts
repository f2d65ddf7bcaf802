import { ConfigurationError } from '../errors.ts';
import { ForbiddenError, HerokuError, UnknownTokenError } from './refusal.ts';

/** What could not be read, why, and what would tell. */
export interface Gap {
  /** The thing in plain words, such as `log drains`. */
  what: string;
  why: string;
  /** The scope, right or look that would tell. */
  permission: string;
  /** Without it the plan could be wrong, not only poorer. */
  essential: boolean;
}

/** Collects what cannot be read, so that one refused request does not end the inventory. */
export interface Gaps {
  readonly found: Gap[];
  add(gap: Gap): void;
  /**
   * What `read` gives, or `none` and a gap. Only a token that Heroku does not know at all, and an aborted run, are
   * thrown: no other request would fare better.
   */
  orNone<T>(
    what: { what: string; permission: string; essential?: boolean },
    read: () => Promise<T>,
    none: T,
  ): Promise<T>;
}

export function createGaps(signal?: AbortSignal): Gaps {
  const found: Gap[] = [];
  return {
    found,
    add: (gap) => void found.push(gap),
    orNone: async ({ what, permission, essential = false }, read, none) => {
      try {
        return await read();
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof UnknownTokenError) throw error;
        if (!(error instanceof HerokuError || error instanceof ConfigurationError)) throw error;
        found.push({ what, why: error.message, permission: permissionFor(error, permission), essential });
        return none;
      }
    },
  };
}

function permissionFor(error: HerokuError | ConfigurationError, permission: string): string {
  if (error instanceof ForbiddenError) {
    return `a token with the scope \`${error.scope}\`, of a collaborator with the right to see this`;
  }
  const isTheirs = error instanceof HerokuError && (error.status === 0 || error.status >= 500);
  return isTheirs ? `none: Heroku failed, so run this again (${permission})` : permission;
}
