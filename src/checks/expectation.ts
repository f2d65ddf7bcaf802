import type { Expectation } from '../migration/check-config.ts';
import { canonicalJson, type Json } from '../migration/json.ts';
import { cookieProblems } from './cookies.ts';
import type { Answer } from './exchange.ts';
import { atPointer, readJson } from './json-pointer.ts';

/** Values of these are sessions or keys to something. */
const SECRET_HEADERS = /^(set-cookie|authorization|proxy-authorization|x-csrf-token|x-xsrf-token)$/;

/**
 * What of an answer is not as expected, one line each, and never with a part of the body or of a cookie: what is said
 * here goes into the record, which many may read.
 */
export function problemsOf(answer: Answer, expected: Expectation, asked: URL): string[] {
  const { status, body } = answer;
  const problems: string[] = [];
  const redirects = [301, 302, 303, 307, 308];
  if (expected.status === undefined && expected.redirect !== undefined) {
    if (!redirects.includes(status)) problems.push(`HTTP ${status} instead of a redirect`);
  } else if (status !== (expected.status ?? 200)) {
    problems.push(`HTTP ${status} instead of ${expected.status ?? 200}`);
  }
  if (expected.redirect !== undefined) problems.push(...redirectProblems(answer, expected.redirect, asked));
  if (expected.contains !== undefined && !body.includes(expected.contains))
    problems.push(`without the text "${expected.contains}"`);
  if (expected.matches !== undefined && !new RegExp(expected.matches, 's').test(body))
    problems.push(`the body does not match /${expected.matches}/`);
  if (expected.json !== undefined) problems.push(...jsonProblems(body, expected.json));
  for (const [name, wanted] of Object.entries(expected.headers ?? {}))
    problems.push(...headerProblems(answer, name.toLowerCase(), wanted));
  problems.push(...cookieProblems(answer.cookies, expected.cookies ?? []));
  if (expected.withinMs !== undefined && answer.milliseconds > expected.withinMs)
    problems.push(`${answer.milliseconds} ms, and ${expected.withinMs} ms are the most`);
  return problems;
}

function redirectProblems({ headers }: Answer, wanted: string, asked: URL): string[] {
  const location = headers.location;
  if (location === undefined) return ['it leads nowhere'];
  const target = URL.parse(location, asked.href);
  const expected = new URL(wanted, asked);
  const same =
    target !== null &&
    target.origin === expected.origin &&
    target.pathname === expected.pathname &&
    // What the application adds behind a question mark is its own affair unless it is asked for.
    (expected.search === '' || target.search === expected.search);
  return same ? [] : [`it leads to ${withoutQuery(target)} instead of ${withoutQuery(expected)}`];
}

function withoutQuery(url: URL | null): string {
  return url === null ? 'no address' : `${url.origin}${url.pathname}`;
}

function jsonProblems(body: string, wanted: Record<string, Json>): string[] {
  const found = readJson(body);
  if (found === undefined) return ['the body is no JSON'];
  return Object.entries(wanted).flatMap(([pointer, value]) => {
    const there = atPointer(found, pointer);
    if (there === undefined) return [`nothing at ${pointer || 'the root'}`];
    return canonicalJson(there) === canonicalJson(value)
      ? []
      : [`${pointer || 'the root'} is ${kindOf(there)} and not ${canonicalJson(value)}`];
  });
}

/** A number or a word is no secret of anybody; a text may be one. */
function kindOf(value: Json): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (typeof value === 'string') return `a text of ${value.length} characters`;
  return Array.isArray(value) ? `a list of ${value.length}` : 'an object';
}

function headerProblems({ headers }: Answer, name: string, wanted: string | null): string[] {
  const there = headers[name];
  const text = Array.isArray(there) ? there.join(', ') : there;
  if (wanted === null) return text === undefined ? [] : [`the header ${name} is there`];
  if (text === undefined) return [`no header ${name}`];
  if (text.toLowerCase().includes(wanted.toLowerCase())) return [];
  return [
    `${name}: ${SECRET_HEADERS.test(name) ? 'another value' : `"${text.slice(0, 80)}"`} without "${wanted}"`,
  ];
}
