import { modules, type createApiClient } from 'dots-wrapper';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { DigitalOceanError } from './refusal.ts';
import { createTransport, type Transport } from './transport.ts';

export interface DigitalOceanOptions {
  token: string;
  /** `https://api.digitalocean.com` in earnest; the client adds `/v2`. */
  apiUrl: string;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
  /** Takes secrets out of what DigitalOcean says: it may quote what it was sent, an app spec with all config vars too. */
  redact?: (text: string) => string;
  /** When waiting has to end, in milliseconds of the epoch; without one each waiting has its own limit. */
  deadline?: number;
}

export type Dots = ReturnType<typeof createApiClient>;
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Reads and changes DigitalOcean. */
export interface DigitalOcean {
  /** dots-wrapper's functions, on our own transport: check what they return with `expect`. */
  readonly dots: Dots;
  /** For what dots-wrapper lacks or whose arguments it drops (propose, CA, rules with descriptions …). */
  request<T>(method: Method, path: string, schema: z.ZodType<T>, body?: unknown): Promise<T>;
  /** Every item of a list that dots-wrapper reads page by page. */
  all<T>(read: (page: Page) => Promise<{ data: unknown }>, key: string, item: z.ZodType<T>): Promise<T[]>;
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  readonly deadline?: number | undefined;
}

export interface Page {
  page: number;
  per_page: number;
}

/** Every item of a list that dots-wrapper does not know, such as `/tags`. */
export function listAt<T>(client: DigitalOcean, path: string, key: string, item: z.ZodType<T>): Promise<T[]> {
  const read = async ({ page, per_page }: Page): Promise<{ data: unknown }> => ({
    data: await client.request('GET', `${path}?page=${page}&per_page=${per_page}`, z.unknown()),
  });
  return client.all(read, key, item);
}

/** DigitalOcean's largest page (API reference, "Links & Pagination"). */
const PAGE = 200;

/**
 * A client of DigitalOcean's API v2.
 *
 * dots-wrapper knows the addresses and bodies; its own HTTP client (axios) is replaced by ours, because axios puts the
 * token into every error, follows redirects and repeats nothing. Ours keeps the token out of errors, follows nothing,
 * repeats what may be repeated, and waits when the rate limit says so.
 */
export function createDigitalOcean(options: DigitalOceanOptions): DigitalOcean {
  const endpoint = `${options.apiUrl.replace(/\/+$/, '')}/v2`;
  const transport = createTransport({ ...options, endpoint });
  const context = { endpoint, httpClient: asHttpClient(transport) };
  const dots = modules.common.createApiClient({ modules, createContext: () => context })({
    token: 'held by the transport',
    endpoint,
  });

  return {
    dots,
    log: options.log,
    clock: options.clock,
    signal: options.signal,
    deadline: options.deadline,
    request: async (method, path, schema, body) =>
      expect(await transport(method, path, body), schema, `${method} ${path}`),
    all: async (read, key, item) => {
      const items = [];
      for (let page = 1; ; page += 1) {
        const response = await read({ page, per_page: PAGE });
        const shape = z.object({
          [key]: z.array(z.unknown()).nullish(),
          links: z.object({ pages: z.object({ next: z.string().optional() }).nullish() }).nullish(),
        });
        const answer = expect(response, shape, `the list of ${key}`);
        const found: unknown = answer[key];
        items.push(...expect({ data: found ?? [] }, item.array(), `the list of ${key}`));
        const { links } = answer as { links?: { pages?: { next?: string } | null } | null };
        if (links?.pages?.next === undefined) return items;
      }
    },
  };
}

/** The data of an answer when it has the expected shape; else an error that names the fields, never their values. */
export function expect<T>(response: { data: unknown }, schema: z.ZodType<T>, what: string): T {
  const parsed = schema.safeParse(response.data);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.code}`).slice(0, 5);
  throw new DigitalOceanError(
    `DigitalOcean's answer to ${what} has another shape than expected (${problems.join('; ')}).`,
    { status: 200, id: 'unreadable', requestId: undefined },
  );
}

/** What `read` gives, or `undefined` when DigitalOcean answers 404. */
export async function orUndefined<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof DigitalOceanError && error.status === 404) return undefined;
    throw error;
  }
}

/**
 * Creates what was not found. DigitalOcean has no idempotency keys: when it refuses (409 or 422: each resource says in words
 * of its own that a name is taken), an earlier request may have worked after all, or this one may have arrived twice. What is
 * there then is it; when nothing is there, the refusal stands.
 */
export async function createOrFind<T>(
  create: () => Promise<T>,
  find: () => Promise<T | undefined>,
): Promise<T> {
  try {
    return await create();
  } catch (error) {
    const mayBeThere =
      error instanceof DigitalOceanError &&
      (error.status === 409 || error.status === 422 || error.status >= 500 || error.status === 0);
    const existing = mayBeThere ? await find() : undefined;
    if (existing !== undefined) return existing;
    throw error;
  }
}

type HttpClient = Parameters<typeof modules.vpc.getVpc>[0]['httpClient'];
interface RequestConfig {
  params?: Record<string, unknown>;
  data?: unknown;
}

/** The five functions of axios that dots-wrapper calls. */
function asHttpClient(transport: Transport): HttpClient {
  const client = {
    get: (path: string, config?: RequestConfig) => transport('GET', withQuery(path, config?.params)),
    delete: (path: string, config?: RequestConfig) =>
      transport('DELETE', withQuery(path, config?.params), config?.data),
    post: (path: string, body?: unknown) => transport('POST', path, body),
    put: (path: string, body?: unknown) => transport('PUT', path, body),
    patch: (path: string, body?: unknown) => transport('PATCH', path, body),
  };
  return client as unknown as HttpClient;
}

function withQuery(path: string, parameters: Record<string, unknown> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      query.set(name, String(value));
  }
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}
