import { z } from 'zod';

import type { HerokuClient } from './client.ts';
import { ForbiddenError, HerokuError } from './refusal.ts';

/** One request as Heroku's router wrote it into the log. */
export interface RoutedRequest {
  at: Date;
  host: string;
  status: number;
  /** Heroku's error code, such as H80 for its maintenance page. */
  code: string | undefined;
  /** The address of the client, its end left out. */
  from: string;
}

/** More than these Heroku does not keep. */
export const LOG_LINES = 1500;
const LIMIT_MS = 15_000;

/**
 * What reached the app's router last, at most 1500 lines (Logplex keeps no more, for a week). Undefined when the log
 * cannot be read: the token may not, or Heroku gives no session.
 *
 * The address of a session is a secret for as long as it lives; it is read once and told to nobody.
 */
export async function readRouterLog(client: HerokuClient, app: string): Promise<RoutedRequest[] | undefined> {
  const session = await client
    .post(
      `/apps/${encodeURIComponent(app)}/log-sessions`,
      { lines: LOG_LINES, source: 'heroku', dyno: 'router', tail: false },
      z.object({ logplex_url: z.string() }),
    )
    .catch((error: unknown) => {
      if (error instanceof HerokuError || error instanceof ForbiddenError) return undefined;
      throw error;
    });
  if (session === undefined) return undefined;
  try {
    // Its address is the secret: nobody that it might lead to is to learn it.
    const response = await fetch(session.logplex_url, {
      redirect: 'error',
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    return response.ok
      ? (await response.text()).split('\n').flatMap((line) => readLine(line) ?? [])
      : undefined;
  } catch {
    client.signal?.throwIfAborted();
    return undefined;
  }
}

/** `2026-11-23T10:00:00.123456+00:00 heroku[router]: at=info method=GET path="/" host=… fwd="…" status=200 …` */
function readLine(line: string): RoutedRequest | undefined {
  const [, time = '', fields = ''] = /^(\S+) heroku\[router\]: (.*)$/.exec(line) ?? [];
  const at = new Date(time);
  if (fields === '' || Number.isNaN(at.getTime())) return undefined;
  const known = new Map(
    [...fields.matchAll(/(\w+)=("(?:[^"\\]|\\.)*"|\S*)/g)].map(
      ([, key = '', value = '']): [string, string] => [key, value.replace(/^"|"$/g, '')],
    ),
  );
  return {
    at,
    host: known.get('host') ?? '',
    status: Number(known.get('status') ?? 0),
    code: known.get('code'),
    from: withoutEnd(known.get('fwd')?.split(',')[0]?.trim() ?? ''),
  };
}

/** Who it was is nobody's business; whether it is one network or many is. */
function withoutEnd(address: string): string {
  return address.includes(':')
    ? `${address.split(':').slice(0, 3).join(':')}::`
    : address.replace(/\.\d+$/, '.x');
}
