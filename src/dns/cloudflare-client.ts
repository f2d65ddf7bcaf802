import { APIError } from 'cloudflare/error';
import { BaseRecords } from 'cloudflare/resources/dns/records';
import { BasePhases } from 'cloudflare/resources/rulesets/phases/phases';
import { BaseRules } from 'cloudflare/resources/rulesets/rules';
import { BaseSettings } from 'cloudflare/resources/zones/settings';
import { BaseZones } from 'cloudflare/resources/zones/zones';
import { createClient } from 'cloudflare/tree-shakable';

import type { Clock } from '../clock.ts';
import { ConfigurationError } from '../errors.ts';
import type { Log } from '../log.ts';

export interface CloudflareOptions {
  token: string;
  /** `https://api.cloudflare.com/client/v4` in earnest. */
  apiUrl: string;
  zone: string;
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
}

/** What of the official client is used: five of its hundred resources, so that the bundle does not carry the rest. */
export type CloudflareClient = ReturnType<typeof makeClient>;

function makeClient({ token, apiUrl }: CloudflareOptions) {
  return createClient({
    apiToken: token,
    // Left to itself it would read these from the environment, and send them along.
    apiKey: null,
    apiEmail: null,
    userServiceKey: null,
    baseURL: apiUrl,
    timeout: 30_000,
    // It retries a POST after a broken answer, too; `ask` knows what may be repeated.
    maxRetries: 0,
    logLevel: 'off',
    // The token is for this address only: a redirect is an answer like any other that is none.
    fetchOptions: { redirect: 'manual' },
    resources: [BaseZones, BaseSettings, BaseRecords, BaseRules, BasePhases],
  });
}

export interface CloudflareZone {
  client: CloudflareClient;
  options: CloudflareOptions;
  id: string;
  status: string;
  /** `full`: Cloudflare serves the zone; `partial` and `secondary`: somebody else does. */
  type: string;
  /** `free`, `pro`, `business`, `enterprise`; empty when Cloudflare does not say. */
  plan: string;
}

const ATTEMPTS = 5;
const LONGEST_WAIT_MS = 30_000;

/** Finds the zone by its name. Throws a ConfigurationError when the token is unknown or may not see it. */
export async function openCloudflareZone(options: CloudflareOptions): Promise<CloudflareZone> {
  const client = makeClient(options);
  const { zone } = options;
  const found = await ask(options, `looking for the zone ${zone}`, async () => {
    for await (const one of client.zones.list({ name: zone, per_page: 50 }))
      if (one.name === zone) return one;
    return undefined;
  });
  if (found === undefined) {
    throw new ConfigurationError(
      `Cloudflare shows this token no zone ${zone}. Check \`dns.zone\` in migration.yml, and that the token has the permissions ` +
        `Zone → Zone → Read and Zone → DNS → Edit for that zone (${TOKENS}).`,
    );
  }
  const { plan } = found as { plan?: { legacy_id?: string } };
  return {
    client,
    options,
    id: found.id,
    status: found.status ?? 'unknown',
    type: found.type ?? 'full',
    plan: plan?.legacy_id ?? '',
  };
}

const TOKENS = 'https://dash.cloudflare.com/profile/api-tokens';

/**
 * One question to Cloudflare, asked again after a 429 (as long as it says) and after no answer or a 5xx: `act` must bear
 * that, so whatever creates or deletes looks first. What is thrown holds neither the token nor a header.
 *
 * @param permission what the token needs for it, as the dashboard calls it
 */
export async function ask<T>(
  { zone, clock, signal, log }: CloudflareOptions,
  what: string,
  act: () => Promise<T>,
  permission = 'Zone → DNS → Edit',
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      signal?.throwIfAborted();
      // An answer that is cut in its middle comes as it is from fetch and from JSON.parse.
      const broken = ['TypeError', 'SyntaxError'].includes((error as Error).name);
      if (!broken && !(error instanceof APIError)) throw error;
      const { status } = error as { status?: number };
      const again = status === undefined || status === 429 || status >= 500;
      const explained = explain(error as Error, { zone, what, permission });
      if (!again || attempt >= ATTEMPTS) throw explained;
      const wait = retryAfterMs(error as Error) ?? Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (attempt - 1));
      log.warning(`${explained.message} Trying again in ${Math.round(wait / 1000)} s.`);
      await clock.sleep(wait, signal);
    }
  }
}

/** Cloudflare's own numbers of the errors in an answer. */
export function codesOf(error: unknown): number[] {
  return error instanceof APIError ? listed(error).map(({ code }) => code) : [];
}

/** Malformed token, malformed header, and unknown token ("Troubleshooting", Cloudflare's API documentation). */
const UNKNOWN_TOKEN = [6003, 6111, 1000];

function explain(
  error: Error,
  { zone, what, permission }: { zone: string; what: string; permission: string },
): Error {
  const { status } = error as { status?: number };
  if (status === undefined) {
    return new Error(`Cloudflare gave no whole answer when ${what}: ${causeOf(error)}.`);
  }
  const told = listed(error)
    .map(({ code, message }) => `${message} (${code})`)
    .join('; ');
  const said = told === '' ? `HTTP ${status}` : `HTTP ${status}: ${told}`;
  const unknown = codesOf(error).some((code) => UNKNOWN_TOKEN.includes(code));
  if (status === 401 || (status === 400 && unknown) || /invalid (access|api) token/i.test(told)) {
    return new ConfigurationError(
      `Cloudflare does not know the token (${said}). Make one at ${TOKENS} with Zone → Zone → Read and Zone → DNS → Edit for ` +
        `${zone}, and store it as the secret CLOUDFLARE_TOKEN.`,
    );
  }
  if (status === 403) {
    return new ConfigurationError(
      `Cloudflare refuses ${what} (${said}). The token lacks the permission ${permission} for the zone ${zone}: edit it at ` +
        `${TOKENS}, then run this again.`,
    );
  }
  if (status < 500 && status !== 429) {
    return new ConfigurationError(`Cloudflare refuses ${what} (${said}).`);
  }
  return new Error(`Cloudflare answered ${said} when ${what}.`);
}

function listed(error: Error): { code: number; message: string }[] {
  const { errors } = error as { errors?: unknown };
  return (Array.isArray(errors) ? errors : []).flatMap((one: unknown) => {
    const { code, message } = (one ?? {}) as { code?: unknown; message?: unknown };
    return typeof code === 'number' ? [{ code, message: typeof message === 'string' ? message : '' }] : [];
  });
}

function causeOf(error: Error): string {
  const { cause } = error;
  const root = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return root instanceof Error && root.message !== '' ? root.message : error.message;
}

function retryAfterMs(error: Error): number | undefined {
  const { headers } = error as { headers?: Headers };
  const seconds = Number(headers?.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, 2 * LONGEST_WAIT_MS) : undefined;
}
