import { getOctokit } from '@actions/github';
import type { z } from 'zod';

import type { Clock } from '../clock.ts';
import { ConfigurationError, messageOf } from '../errors.ts';

/** GitHub's definite no, with its status. What was asked has not happened. */
export class RefusedError extends ConfigurationError {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** No answer, or half of one: what was asked may have happened. Look again before asking again. */
export class UncertainError extends Error {
  override readonly name = 'UncertainError';
}

export interface RepositoryClientOptions {
  /** `owner/name`. */
  repository: string;
  apiUrl: string;
  token: string;
  clock: Clock;
  signal: AbortSignal;
}

/** Asks one repository's API. */
export interface RepositoryClient {
  readonly owner: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /**
   * One request, its answer checked for its shape. Waits when GitHub asks to slow down, and asks again for whatever only
   * reads.
   *
   * @param what says in messages what was asked for: `the branch main`
   * @param route such as `GET /git/ref/{ref}`, below the repository
   * @throws RefusedError for an answer of 400 to 499, UncertainError when it is not known what became of a request that writes
   */
  ask<T>(what: string, route: string, parameters: Record<string, unknown>, schema: z.ZodType<T>): Promise<T>;
}

const TIMEOUT_MS = 20_000;
const TRIES = 3;
const PAUSE_MS = 1_000;
/** A job that waits longer than this is better run again later. */
const LONGEST_WAIT_MS = 90_000;

/** @throws ConfigurationError outside of a repository */
export function createRepositoryClient(options: RepositoryClientOptions): RepositoryClient {
  const { clock, signal } = options;
  const [owner = '', repo = ''] = options.repository.split('/');
  if (owner === '' || repo === '') {
    throw new ConfigurationError(
      'GITHUB_REPOSITORY does not name a repository: run this in a workflow of GitHub Actions.',
    );
  }
  const octokit = getOctokit(options.token, { baseUrl: options.apiUrl });

  async function once<T>(
    what: string,
    route: string,
    parameters: Record<string, unknown>,
    schema: z.ZodType<T>,
  ) {
    const [method = '', path = ''] = route.split(' ');
    let data: unknown;
    try {
      const answer = await octokit.request(`${method} /repos/{owner}/{repo}${path}`, {
        owner,
        repo,
        ...parameters,
        request: { signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) },
      });
      data = answer.data;
    } catch (error) {
      signal.throwIfAborted();
      const status = statusOf(error);
      if (status < 400 || status >= 500) throw new UncertainError(`${what}: ${messageOf(error)}`);
      const wait = pauseOf(error, status, clock.now());
      if (wait !== undefined) return { wait, why: new RefusedError(slowDown(what, wait), status) };
      throw new RefusedError(`GitHub refused ${what} (HTTP ${status}): ${messageOf(error)}`, status);
    }
    const parsed = schema.safeParse(data);
    if (parsed.success) return { found: parsed.data };
    throw new UncertainError(`${what} came in a form that is not known`);
  }

  return {
    owner,
    clock,
    signal,
    async ask(what, route, parameters, schema) {
      const reads = route.startsWith('GET ');
      for (let left = TRIES; ; left -= 1) {
        try {
          const answer = await once(what, route, parameters, schema);
          if ('found' in answer) return answer.found;
          if (left <= 1 || answer.wait > LONGEST_WAIT_MS) throw answer.why;
          await clock.sleep(answer.wait, signal);
        } catch (error) {
          if (!(error instanceof UncertainError) || !reads || left <= 1) throw error;
          await clock.sleep(PAUSE_MS, signal);
        }
      }
    },
  };
}

function slowDown(what: string, wait: number): string {
  return `GitHub asked to slow down at ${what}. Wait ${Math.ceil(wait / 60_000)} min and run the job again.`;
}

/** GitHub's docs, "Rate limits for the REST API": both limits come as 403 or 429, and the headers tell how long. */
function pauseOf(error: unknown, status: number, now: Date): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const headers = headersOf(error);
  const after = Number(headers['retry-after']);
  if (Number.isFinite(after)) return after * 1_000;
  if (headers['x-ratelimit-remaining'] === '0') {
    return Math.max(0, Number(headers['x-ratelimit-reset'] ?? 0) * 1_000 - now.getTime());
  }
  return status === 429 || /rate limit/i.test(messageOf(error)) ? 60_000 : undefined;
}

function statusOf(error: unknown): number {
  return error instanceof Error && 'status' in error ? Number(error.status) : 0;
}

function headersOf(error: unknown): Record<string, string | undefined> {
  if (typeof error !== 'object' || error === null || !('response' in error)) return {};
  const { response } = error as { response?: { headers?: Record<string, string | undefined> } };
  return response?.headers ?? {};
}
