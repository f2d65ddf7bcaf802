import type { Asked, Method } from '../migration/check-config.ts';
import type { CookieJar } from './cookies.ts';
import { exchange, type Answer } from './exchange.ts';
import type { CheckRun } from './run.ts';
import { filled, type Known } from './placeholders.ts';

/** Nobody waits longer for an answer of which nothing else is said. */
export const ANSWER_LIMIT_MS = 15_000;

/** Sends one declared request, its placeholders filled in. @throws what `exchange` does, UnknownPlaceholder */
export async function ask(
  run: Pick<CheckRun, 'reach' | 'signal'>,
  base: string,
  asked: Asked & { method: Method; path: string },
  { known, jar, limitMs = ANSWER_LIMIT_MS }: { known: Known; jar?: CookieJar; limitMs?: number },
): Promise<Answer> {
  const url = new URL(filled(asked.path, known), base);
  const cookies = jar?.headerFor(url.pathname);
  const body =
    asked.form === undefined
      ? asked.body === undefined
        ? undefined
        : filled(asked.body, known)
      : new URLSearchParams(
          Object.entries(asked.form).map(([name, value]): [string, string] => [name, filled(value, known)]),
        ).toString();
  const writes = asked.method !== 'GET' && asked.method !== 'HEAD';
  const answer = await exchange({
    method: asked.method,
    url,
    headers: {
      ...(asked.form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      // Frameworks compare it with the host before they take a form.
      ...(writes ? { origin: url.origin } : {}),
      ...(writes && body === undefined ? { 'content-length': '0' } : {}),
      ...(cookies === undefined ? {} : { cookie: cookies }),
      ...Object.fromEntries(
        Object.entries(asked.send ?? {}).map(([name, value]) => [name.toLowerCase(), filled(value, known)]),
      ),
    },
    ...(body === undefined ? {} : { body }),
    limitMs,
    ...(run.reach === undefined ? {} : { reach: run.reach }),
    signal: run.signal,
  });
  jar?.take(answer.cookies);
  return answer;
}
