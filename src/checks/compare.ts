import type { CompareConfig } from '../migration/config.ts';
import { ANSWER_LIMIT_MS } from './ask.ts';
import { shapeDifferences, shapeOf } from './body-shape.ts';
import { whyNot } from './connection.ts';
import { readSetCookie } from './cookies.ts';
import { exchange, type Answer } from './exchange.ts';
import type { Check } from './result.ts';
import type { CheckRun } from './run.ts';

/** Headers that a browser or a proxy acts on; all others are the platforms' own. */
const HEADERS_THAT_MATTER = [
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'cache-control',
  'content-disposition',
  'content-language',
  'content-security-policy',
  'content-type',
  'cross-origin-opener-policy',
  'permissions-policy',
  'referrer-policy',
  'strict-transport-security',
  'www-authenticate',
  'x-content-type-options',
  'x-frame-options',
];
const MOST_NAMED = 8;

const NOTHING_IGNORED: CompareConfig = {
  paths: undefined,
  ignoreHeaders: [],
  ignoreJson: [],
  ignoreHtml: [],
};

/**
 * Asks both sides for the same paths, with GET only, and lists in what their answers differ: status, headers that
 * matter, cookies and their flags, and the shape of the body; its content is the data's, which is proven elsewhere.
 *
 * Another status fails. Other differences fail where `compare` is declared, since then those that are meant are declared
 * too; without it they are told.
 */
export async function compareSides(
  run: Pick<CheckRun, 'base' | 'oldBase' | 'reach' | 'signal'>,
  paths: readonly string[],
  declared: CompareConfig | undefined,
): Promise<Check[]> {
  const { oldBase } = run;
  if (oldBase === undefined) return [];
  const checks: Check[] = [];
  for (const path of paths) {
    const what = `${path} is answered alike by both sides`;
    const [oldSide, newSide] = await Promise.all([
      answerOf(run, oldBase, path),
      answerOf(run, run.base, path),
    ]);
    const id = `compare/${path}`;
    if (typeof oldSide === 'string' || typeof newSide === 'string') {
      const silent = [
        ...(typeof oldSide === 'string' ? [`the old side gave no answer (${oldSide})`] : []),
        ...(typeof newSide === 'string' ? [`the new side gave no answer (${newSide})`] : []),
      ];
      checks.push({ id, area: 'compare', what, found: silent.join('; '), state: 'failed' });
      continue;
    }
    const found = differences(
      { answer: oldSide, base: oldBase },
      { answer: newSide, base: run.base },
      declared ?? NOTHING_IGNORED,
    );
    const milliseconds = { newSide: newSide.milliseconds, oldSide: oldSide.milliseconds };
    if (found.length === 0) {
      checks.push({
        id,
        area: 'compare',
        what,
        found: `HTTP ${newSide.status}, alike`,
        state: 'passed',
        milliseconds,
      });
      continue;
    }
    const state = declared !== undefined || oldSide.status !== newSide.status ? 'failed' : 'told';
    checks.push({
      id,
      area: 'compare',
      what,
      found: found.join('; '),
      state,
      remedy: 'Mend it, or declare under `compare` in migration.yml what may differ.',
      milliseconds,
    });
  }
  return checks;
}

interface Side {
  answer: Answer;
  base: string;
}

function differences(
  oldSide: Side,
  newSide: Side,
  { ignoreHeaders, ignoreJson, ignoreHtml }: CompareConfig,
): string[] {
  const [one, other] = [oldSide.answer, newSide.answer];
  if (one.status !== other.status)
    return [`HTTP ${one.status} on the old side, ${other.status} on the new one`];
  const found: string[] = [];
  for (const name of HEADERS_THAT_MATTER.filter((header) => !ignoreHeaders.includes(header))) {
    const [before, after] = [headerOf(oldSide, name), headerOf(newSide, name)];
    if (before !== after)
      found.push(`${name}: ${shown(before)} on the old side, ${shown(after)} on the new one`);
  }
  if (!ignoreHeaders.includes('location') && locationOf(oldSide) !== locationOf(newSide))
    found.push('it leads elsewhere');
  if (!ignoreHeaders.includes('set-cookie')) found.push(...cookieDifferences(one, other));
  const { missing, added } = shapeDifferences(bodyOf(one), bodyOf(other), {
    json: ignoreJson,
    html: ignoreHtml,
  });
  if (missing.length > 0) found.push(`not on the new side: ${named(missing)}`);
  if (added.length > 0) found.push(`on the new side only: ${named(added)}`);
  return found;
}

function bodyOf({ headers, body }: Answer): ReturnType<typeof shapeOf> {
  return shapeOf(headers['content-type'] ?? '', body);
}

/** The own name of each side stands for the same thing, and a nonce is another one each time. */
function headerOf({ answer, base }: Side, name: string): string | undefined {
  const value = answer.headers[name];
  const text = Array.isArray(value) ? value.join(', ') : value;
  return text
    ?.replaceAll(new URL(base).host, '{host}')
    .replaceAll(/'nonce-[^']*'/g, "'nonce'")
    .trim();
}

function locationOf({ answer, base }: Side): string | undefined {
  const location = answer.headers.location;
  if (location === undefined) return undefined;
  const url = URL.parse(location, base);
  return url === null ? location : `${url.origin === base ? '' : url.origin}${url.pathname}`;
}

function cookieDifferences(one: Answer, other: Answer): string[] {
  const flags = ({ cookies }: Answer): Map<string, string> =>
    new Map(
      cookies.flatMap((header) => {
        const cookie = readSetCookie(header);
        if (cookie === undefined) return [];
        const { name, secure, httpOnly, sameSite } = cookie;
        return [
          [
            name,
            `${secure ? 'Secure ' : ''}${httpOnly ? 'HttpOnly ' : ''}SameSite=${sameSite ?? 'none given'}`,
          ],
        ];
      }),
    );
  const [before, after] = [flags(one), flags(other)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const [was, is] = [before.get(name), after.get(name)];
    return was === is
      ? []
      : [`cookie ${name}: ${was ?? 'not set'} on the old side, ${is ?? 'not set'} on the new one`];
  });
}

function shown(text: string | undefined): string {
  return text === undefined ? 'none' : `"${text.slice(0, 80)}"`;
}

function named(lines: readonly string[]): string {
  const rest = lines.length - MOST_NAMED;
  return lines.slice(0, MOST_NAMED).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function answerOf(
  run: Pick<CheckRun, 'reach' | 'signal'>,
  base: string,
  path: string,
): Promise<Answer | string> {
  return exchange({
    method: 'GET',
    url: new URL(path, base),
    limitMs: ANSWER_LIMIT_MS,
    ...(run.reach === undefined ? {} : { reach: run.reach }),
    signal: run.signal,
  }).catch((error: unknown) => {
    run.signal.throwIfAborted();
    return whyNot(error);
  });
}
