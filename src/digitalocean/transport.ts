import type { Clock } from '../clock.ts';
import { ConfigurationError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { DigitalOceanError, explainRefusal } from './refusal.ts';

/** An answer as dots-wrapper expects it. */
export interface Answer {
  data: unknown;
  status: number;
  headers: Record<string, string>;
}

export type Transport = (method: string, path: string, body?: unknown) => Promise<Answer>;

export interface TransportOptions {
  token: string;
  endpoint: string;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  redact?: (text: string) => string;
}

const ATTEMPTS = 6;
/** The limit of an hour ends within minutes, as each request expires by itself an hour after it was sent. */
const PATIENCE_WITH_LIMIT_MS = 10 * 60_000;
const LONGEST_WAIT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** POSTs that change nothing: what they ask is too long for an address. */
const ASKS = /^\/apps\/(propose|[^/]+\/rollback\/validate)$/;

/**
 * One request to DigitalOcean, repeated where that is safe: anything after a 429 (for up to ten minutes, as long as the
 * answer says), and GET, PUT, PATCH and DELETE also after a 5xx or a broken connection. A POST is not repeated then,
 * since it may have worked: the caller looks it up; but for those that only ask.
 */
export function createTransport(options: TransportOptions): Transport {
  return async (method, path, body) => {
    let limitedMs = 0;
    for (let attempt = 1, failures = 0; ; attempt += 1) {
      const outcome = await attemptOnce(options, method, path, body);
      if (!(outcome instanceof Failure)) return outcome;
      const limited = outcome.status === 429;
      const broken = outcome.status >= 500 || outcome.status === 0;
      failures += limited ? 0 : 1;
      const safe = limited
        ? limitedMs < PATIENCE_WITH_LIMIT_MS
        : broken && (method !== 'POST' || ASKS.test(path));
      if (failures >= ATTEMPTS || !safe) throw outcome.reason;
      const grown = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (attempt - 1));
      const wait = outcome.retryAfterMs ?? grown;
      if (limited) limitedMs += wait;
      options.log.warning(`${outcome.reason.message} Trying again in ${Math.round(wait / 1000)} s.`);
      await options.clock.sleep(wait, options.signal);
    }
  };
}

class Failure {
  readonly status: number;
  readonly reason: Error;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, reason: Error, retryAfterMs?: number) {
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

async function attemptOnce(
  options: TransportOptions,
  method: string,
  path: string,
  body: unknown,
): Promise<Answer | Failure> {
  const what = `${method} ${path.replace(/\?.*$/, '')}`;
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  try {
    const response = await fetch(`${options.endpoint}${path}`, {
      method,
      redirect: 'manual',
      signal: options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]),
      headers: {
        // POST /v2/apps accepts this one value only (OpenAPI description).
        accept: 'application/json',
        authorization: `Bearer ${options.token}`,
        'user-agent': 'heroku-to-digitalocean',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      return new Failure(response.status, redirected(what, response.status));
    }
    const text = await response.text();
    if (!response.ok) {
      return new Failure(
        response.status,
        explainRefusal(response, text, { method, path, ...options }),
        retryAfter(response),
      );
    }
    const data: unknown = text === '' ? {} : JSON.parse(text);
    return { data, status: response.status, headers: Object.fromEntries(response.headers) };
  } catch (error) {
    options.signal?.throwIfAborted();
    const host = URL.parse(options.endpoint)?.host ?? 'an invalid address';
    const reason = `DigitalOcean (${host}) gave no whole answer to ${what}: ${connectionProblem(error)}.`;
    return new Failure(
      0,
      new DigitalOceanError(reason, { status: 0, id: 'no_answer', requestId: undefined }),
    );
  }
}

function redirected(what: string, status: number): Error {
  return new ConfigurationError(
    `DigitalOcean answered ${what} with a redirect (${status}). It was not followed, because the token may go nowhere else: ` +
      'check the input digitalocean-api-url.',
  );
}

/** Only the limit per minute comes with `retry-after` (API reference, "Rate Limit"). */
function retryAfter(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after'));
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, 2 * LONGEST_WAIT_MS) : undefined;
}

function connectionProblem(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError')
    return `nothing within ${REQUEST_TIMEOUT_MS / 1000} s`;
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && cause.message !== '' ? cause.message : messageOf(error);
}
