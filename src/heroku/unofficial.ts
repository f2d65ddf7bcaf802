import type { z } from 'zod';
import { messageOf } from '../errors.ts';

/** An address of Heroku's own dashboard and command line that its published API does not have. */
export interface UnofficialAddress {
  /** Base URL, of a host of Heroku's: the token is sent there. */
  url: string;
  token: string;
  signal?: AbortSignal | undefined;
}

const LIMIT_MS = 10_000;

/**
 * Changes something there; the answer's content is not looked at. Whoever needs it done reads it afterwards. Throws only
 * when the run is aborted.
 */
export async function tellUnofficially(
  { url, token, signal }: UnofficialAddress,
  method: 'PATCH' | 'DELETE',
  path: string,
  { body, accept = 'application/json' }: { body?: unknown; accept?: string } = {},
): Promise<{ done: true } | { missing: true } | { unknown: string }> {
  const timeout = AbortSignal.timeout(LIMIT_MS);
  const host = URL.parse(url)?.host ?? 'the address';
  try {
    const response = await fetch(`${url.replace(/\/+$/, '')}${path}`, {
      method,
      redirect: 'manual',
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      headers: {
        ...{ accept, authorization: `Bearer ${token}`, 'user-agent': 'heroku-to-digitalocean' },
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await response.body?.cancel();
    if (response.ok) return { done: true };
    return response.status === 404
      ? { missing: true }
      : { unknown: `${host} answered with HTTP ${response.status}` };
  } catch (error) {
    signal?.throwIfAborted();
    return { unknown: `${host} gave no answer (${messageOf(error)})` };
  }
}

/**
 * Asks such an address. It may change any day, so this never fails: the answer, `missing` for a 404, or the reason why
 * nothing is known. Throws only when the run is aborted.
 */
export async function askUnofficially<T>(
  { url, token, signal }: UnofficialAddress,
  path: string,
  schema: z.ZodType<T>,
  accept = 'application/json',
): Promise<{ answer: T } | { missing: true } | { unknown: string }> {
  const timeout = AbortSignal.timeout(LIMIT_MS);
  const host = URL.parse(url)?.host ?? 'the address';
  try {
    const response = await fetch(`${url.replace(/\/+$/, '')}${path}`, {
      redirect: 'manual',
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      headers: { accept, authorization: `Bearer ${token}`, 'user-agent': 'heroku-to-digitalocean' },
    });
    if (!response.ok) {
      await response.body?.cancel();
      return response.status === 404
        ? { missing: true }
        : { unknown: `${host} answered with HTTP ${response.status}` };
    }
    const parsed = schema.safeParse(await response.json());
    if (!parsed.success) return { unknown: `${host} answered in another shape than expected` };
    return { answer: parsed.data };
  } catch (error) {
    signal?.throwIfAborted();
    return { unknown: `${host} gave no answer (${messageOf(error)})` };
  }
}
