import type { z } from 'zod';
import type { Clock } from '../clock.ts';
import { ConfigurationError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { createPace, type Pace } from './pace.ts';
import { HerokuError, explainRefusal } from './refusal.ts';

export interface HerokuOptions {
  token: string;
  /** `https://api.heroku.com` in earnest. */
  apiUrl: string;
  /** `https://api.data.heroku.com`: what the platform API does not know about databases. */
  dataApiUrl: string;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** Takes secrets out of what Heroku says: it may quote what it was sent, or what it holds. */
  redact?: (text: string) => string;
  /** Most requests that are under way at the same time; 16 unless said otherwise. */
  inFlight?: number;
}

/** Reads and changes Heroku. Every answer is checked against the schema that the caller expects. */
export interface HerokuClient {
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>;
  /** As `get`; a 404 is `undefined`. */
  find<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined>;
  /** Every item of a list, page by page. `range` is Heroku's, for example `version ..; order=desc, max=10`: then one page only. */
  list<T>(path: string, item: z.ZodType<T>, range?: string): Promise<T[]>;
  post<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T>;
  patch<T>(path: string, body: unknown, schema: z.ZodType<T>): Promise<T>;
  delete(path: string): Promise<void>;
  /**
   * A GET on the data API; a 404 is `undefined`. `basic` sends the token as a password, as Heroku's own command line
   * does where it asks for credentials.
   */
  findData<T>(path: string, schema: z.ZodType<T>, how?: { basic: boolean }): Promise<T | undefined>;
  /** What the token may do: the names in the header `Oauth-Scope`; undefined when Heroku sends none. */
  scopes(): Promise<string[] | undefined>;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

interface Call {
  base: string;
  method: Method;
  path: string;
  body?: unknown;
  range?: string;
  basic?: boolean;
}

const ATTEMPTS = 6;
/** A limit that is reached heals by itself, 75 requests a minute. */
const LIMITED_ATTEMPTS = 20;
const LONGEST_WAIT_MS = 30_000;
/** Longer than this nobody asks to wait whose limit refills within the hour. */
const LONGEST_RETRY_AFTER_MS = 5 * 60_000;
const IN_FLIGHT = 16;
const REQUEST_TIMEOUT_MS = 30_000;
/** Heroku's largest page (Platform API, "Ranges"); its default is 200. */
const PAGE = 1000;

/**
 * A client of Heroku's Platform API v3 and data API.
 *
 * It follows no redirect, so the token only ever reaches the two given hosts, and it keeps the token out of every
 * error. What can be repeated (GET, PATCH, DELETE) is repeated after a 429, a 5xx or a broken connection; a POST only
 * after a 429, which Heroku answers before it does anything. Errors carry Heroku's `Request-Id`. However many are asked
 * for at once, requests go within the account's limit (see pace.ts).
 */
export function createHeroku(options: HerokuOptions): HerokuClient {
  const { log, clock, signal } = options;
  const pace = createPace(options.inFlight ?? IN_FLIGHT, clock, signal);
  const api = (method: Method, path: string, body?: unknown, range?: string): Promise<Response> =>
    send(options, pace, {
      base: options.apiUrl,
      method,
      path,
      ...(body === undefined ? {} : { body }),
      ...(range === undefined ? {} : { range }),
    });

  return {
    log,
    clock,
    signal,
    get: async (path, schema) => parse(await api('GET', path), 'GET', path, schema),
    find: (path, schema) => orUndefined(async () => parse(await api('GET', path), 'GET', path, schema)),
    list: async (path, item, range) => {
      const items = [];
      // Not every list can be ranged by id, so the first page is asked for without a range.
      for (let next = range; ;) {
        const response: Response = await api('GET', path, undefined, next);
        items.push(...(await parse(response, 'GET', path, item.array())));
        const following = response.status === 206 ? response.headers.get('next-range') : null;
        if (range !== undefined || following === null) return items;
        next = following.replace(/max=\d+/, `max=${PAGE}`);
      }
    },
    post: async (path, body, schema) => parse(await api('POST', path, body), 'POST', path, schema),
    patch: async (path, body, schema) => parse(await api('PATCH', path, body), 'PATCH', path, schema),
    delete: async (path) => {
      await (await api('DELETE', path)).arrayBuffer();
    },
    findData: (path, schema, { basic = false } = { basic: false }) =>
      orUndefined(async () => {
        const call: Call = { base: options.dataApiUrl, method: 'GET', path, basic };
        return parse(await send(options, pace, call), 'GET', path, schema);
      }),
    scopes: async () => {
      // Every answer has the header; this one needs no scope and is not counted against the rate limit.
      const response = await api('GET', '/account/rate-limits');
      await response.body?.cancel();
      const named =
        response.headers
          .get('oauth-scope')
          ?.split(/[\s,]+/)
          .filter((scope) => scope !== '') ?? [];
      return named.length === 0 ? undefined : named;
    },
  };
}

async function orUndefined<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof HerokuError && error.status === 404) return undefined;
    throw error;
  }
}

async function send(options: HerokuOptions, pace: Pace, call: Call): Promise<Response> {
  const repeatable = call.method !== 'POST';
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await pace.run(() => attemptOnce(options, call));
    if (outcome instanceof Response && outcome.ok) return outcome;

    const reason = outcome instanceof Response ? await refusalOf(outcome, call, options.redact) : outcome;
    const limited = outcome instanceof Response && outcome.status === 429;
    const broken = !(outcome instanceof Response) || outcome.status >= 500;
    const attempts = limited ? LIMITED_ATTEMPTS : ATTEMPTS;
    if (attempt >= attempts || !(limited || (broken && repeatable))) throw reason;

    const wait = waitBefore(attempt, outcome instanceof Response ? outcome : undefined);
    options.log.warning(`${reason.message} Trying again in ${Math.round(wait / 1000)} s.`);
    if (limited) await pace.pause(wait);
    else await options.clock.sleep(wait, options.signal);
  }
}

/** A response, or the error of a connection that gave none. */
async function attemptOnce(options: HerokuOptions, call: Call): Promise<Response | HerokuError> {
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  try {
    return await fetch(`${call.base.replace(/\/+$/, '')}${call.path}`, {
      method: call.method,
      redirect: 'manual',
      signal: options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]),
      headers: {
        accept: 'application/vnd.heroku+json; version=3',
        authorization:
          call.basic === true
            ? `Basic ${Buffer.from(`:${options.token}`).toString('base64')}`
            : `Bearer ${options.token}`,
        'user-agent': 'heroku-to-digitalocean',
        ...(call.range === undefined ? {} : { range: call.range }),
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
  } catch (error) {
    options.signal?.throwIfAborted();
    return new HerokuError(
      `Heroku (${hostOf(call.base)}) gave no answer to ${call.method} ${call.path}: ${connectionProblem(error)}.`,
      { status: 0, id: 'no_answer', requestId: undefined },
    );
  }
}

async function refusalOf(response: Response, call: Call, redact: HerokuOptions['redact']): Promise<Error> {
  if (response.status >= 300 && response.status < 400) {
    await response.body?.cancel();
    return new ConfigurationError(
      `Heroku (${hostOf(call.base)}) answered ${call.method} ${call.path} with a redirect (${response.status}). ` +
        'It was not followed, because the token may go nowhere else: check the input that names the API address.',
    );
  }
  return explainRefusal(response, call.method, call.path, redact);
}

function waitBefore(attempt: number, response: Response | undefined): number {
  const asked = Number(response?.headers.get('retry-after'));
  const grown = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (attempt - 1));
  return Number.isFinite(asked) && asked > 0 ? Math.min(asked * 1000, LONGEST_RETRY_AFTER_MS) : grown;
}

async function parse<T>(response: Response, method: string, path: string, schema: z.ZodType<T>): Promise<T> {
  const requestId = response.headers.get('request-id') ?? undefined;
  const facts = { status: response.status, id: 'unreadable', requestId };
  let body: unknown;
  try {
    body = await response.json();
  } catch (error) {
    throw new HerokuError(
      `Heroku's answer to ${method} ${path} broke off: ${connectionProblem(error)}.`,
      facts,
    );
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  // Paths and expectations only: an answer's values may be config vars.
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.code}`).slice(0, 5);
  throw new HerokuError(
    `Heroku's answer to ${method} ${path} has another shape than expected (${problems.join('; ')}).`,
    facts,
  );
}

function connectionProblem(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return `nothing within ${REQUEST_TIMEOUT_MS / 1000} s`;
  }
  // fetch() hides what happened (ECONNREFUSED, a certificate problem) in the cause.
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && cause.message !== '' ? cause.message : messageOf(error);
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? 'an invalid address';
}
