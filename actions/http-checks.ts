import { HttpClient } from '@actions/http-client';

import { messageOf } from '../src/errors.ts';
import type { HttpCheck } from '../src/migration/config.ts';

export interface CheckResult {
  url: string;
  passed: boolean;
  /** What was seen, or why nothing was. */
  found: string;
  milliseconds: number;
}

const TIMEOUT_MS = 15_000;
const LONGEST_BODY = 1024 * 1024;

/** Without declared checks an answer that is no error is asked of the front page. */
const DEFAULT_CHECKS: readonly HttpCheck[] = [{ path: '/', status: 200, contains: undefined }];

/** Asks each of `hosts` each check over HTTPS, its certificate verified. Redirects are answers, not followed. */
export async function checkHosts(
  hosts: readonly string[],
  checks: readonly HttpCheck[],
): Promise<CheckResult[]> {
  const wanted = checks.length > 0 ? checks : DEFAULT_CHECKS;
  const results: CheckResult[] = [];
  for (const host of hosts) for (const check of wanted) results.push(await checkOne(host, check));
  return results;
}

async function checkOne(host: string, check: HttpCheck): Promise<CheckResult> {
  const url = `https://${host}${check.path}`;
  const started = performance.now();
  const done = (passed: boolean, found: string): CheckResult => ({
    url,
    passed,
    found,
    milliseconds: Math.round(performance.now() - started),
  });
  // A new client each time: a kept connection would still lead to where the name pointed before.
  const client = new HttpClient('heroku-to-digitalocean', [], {
    allowRedirects: false,
    keepAlive: false,
    socketTimeout: TIMEOUT_MS,
  });
  try {
    const response = await client.get(url);
    const status = response.message.statusCode ?? 0;
    const body = check.contains === undefined ? '' : (await response.readBody()).slice(0, LONGEST_BODY);
    if (check.contains === undefined) response.message.resume();
    if (status !== check.status) return done(false, `HTTP ${status} instead of ${check.status}`);
    if (check.contains !== undefined && !body.includes(check.contains)) {
      return done(false, `HTTP ${status}, without the text "${check.contains}"`);
    }
    return done(true, `HTTP ${status}`);
  } catch (error) {
    return done(false, `no answer (${messageOf(error)})`);
  } finally {
    client.dispose();
  }
}
