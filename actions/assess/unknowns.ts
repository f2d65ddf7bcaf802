import { DigitalOceanError } from '../../src/digitalocean/refusal.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { HerokuError, UnknownTokenError } from '../../src/heroku/refusal.ts';
import { UnknownAppError } from '../../src/heroku/unknown-app.ts';
import { PostgresError } from '../../src/postgres/errors.ts';
import { RedisError } from '../../src/redis/errors.ts';

/** What could not be read, so that partial access gives a partial report. */
export interface Unknowns {
  /** `what: why`, in the order of reading. */
  readonly found: string[];
  /**
   * What `read` gives, or `undefined` and a line in `found`: when access is lacking, or the other side or the network
   * fails. A cancelled run, a token or an app that Heroku does not know, and mistakes of our own are thrown.
   */
  orTell<T>(what: string, read: () => Promise<T>): Promise<T | undefined>;
}

export function createUnknowns({ signal, redact }: Pick<Edge, 'signal' | 'redact'>): Unknowns {
  const found: string[] = [];
  return {
    found,
    orTell: async (what, read) => {
      try {
        return await read();
      } catch (error) {
        // The reason of a cancelled run is a ConfigurationError, too.
        signal.throwIfAborted();
        if (!isToBeTold(error)) throw error;
        found.push(`${what}: ${redact(error.message)}`);
        return undefined;
      }
    },
  };
}

/** Each of these is made by us from what a client threw: none carries a client's own error, a request or an address with its password. */
const TOLD = [ConfigurationError, HerokuError, DigitalOceanError, PostgresError, RedisError];

function isToBeTold(error: unknown): error is Error {
  // Nothing is left to report on.
  if (error instanceof UnknownTokenError || error instanceof UnknownAppError) return false;
  return TOLD.some((kind) => error instanceof kind);
}
