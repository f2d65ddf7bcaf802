import type { ExpectedCookie } from '../migration/check-config.ts';

export interface SetCookie {
  name: string;
  value: string;
  secure: boolean;
  httpOnly: boolean;
  sameSite: string | undefined;
  path: string | undefined;
  /** Whether this takes the cookie away. */
  gone: boolean;
}

/** A `Set-Cookie` header; undefined for one without a name. */
export function readSetCookie(header: string): SetCookie | undefined {
  const [pair = '', ...rest] = header.split(';');
  const [name = '', ...value] = pair.split('=');
  if (name.trim() === '') return undefined;
  const attributes = new Map(
    rest.map((one): [string, string] => {
      const [key = '', ...text] = one.split('=');
      return [key.trim().toLowerCase(), text.join('=').trim()];
    }),
  );
  const age = attributes.get('max-age');
  const expires = Date.parse(attributes.get('expires') ?? '');
  return {
    name: name.trim(),
    value: value.join('=').trim(),
    secure: attributes.has('secure'),
    httpOnly: attributes.has('httponly'),
    sameSite: attributes.get('samesite')?.toLowerCase(),
    path: attributes.get('path'),
    gone: age === undefined ? expires < Date.now() : Number(age) <= 0,
  };
}

/** What is wrong with the cookies of an answer; never with a value. */
export function cookieProblems(headers: readonly string[], expected: readonly ExpectedCookie[]): string[] {
  const found = headers.flatMap((header) => readSetCookie(header) ?? []);
  return expected.flatMap((wanted) => {
    const cookie = found.find(({ name }) => name === wanted.name);
    if (cookie === undefined) return [`no cookie ${wanted.name}`];
    const problems: string[] = [];
    if (wanted.secure !== undefined && cookie.secure !== wanted.secure)
      problems.push(`${cookie.secure ? 'with' : 'without'} Secure`);
    if (wanted.httpOnly !== undefined && cookie.httpOnly !== wanted.httpOnly)
      problems.push(`${cookie.httpOnly ? 'with' : 'without'} HttpOnly`);
    if (wanted.sameSite !== undefined && cookie.sameSite !== wanted.sameSite)
      problems.push(
        `${cookie.sameSite === undefined ? 'without SameSite' : `SameSite=${cookie.sameSite}`} instead of ${wanted.sameSite}`,
      );
    return problems.length === 0 ? [] : [`cookie ${wanted.name} ${problems.join(', ')}`];
  });
}

/** Keeps the cookies of one host from request to request, as a browser does for one site. */
export class CookieJar {
  readonly #cookies = new Map<string, SetCookie>();

  take(headers: readonly string[]): void {
    for (const header of headers) {
      const cookie = readSetCookie(header);
      if (cookie === undefined) continue;
      if (cookie.gone) this.#cookies.delete(cookie.name);
      else this.#cookies.set(cookie.name, cookie);
    }
  }

  /** The header for a request of this path; undefined when there is nothing to send. */
  headerFor(path: string): string | undefined {
    const sent = [...this.#cookies.values()].filter((cookie) => {
      const below = cookie.path ?? '/';
      return below === '/' || path === below || path.startsWith(below.endsWith('/') ? below : `${below}/`);
    });
    return sent.length === 0 ? undefined : sent.map(({ name, value }) => `${name}=${value}`).join('; ');
  }
}
