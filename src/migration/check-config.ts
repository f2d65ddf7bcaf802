import { parseByteSize } from './byte-size.ts';
import type { CheckFile, StepFile } from './check-schema.ts';
import { parseDuration } from './duration.ts';
import type { Json } from './json.ts';

/** What an answer must be; what is undefined is not looked at. */
export interface Expectation {
  /** Undefined: 200, or any redirect when `redirect` is given. */
  status?: number;
  contains?: string;
  matches?: string;
  /** By JSON pointer. */
  json?: Record<string, Json>;
  /** A text that each must hold; null: it must not be there. */
  headers?: Record<string, string | null>;
  redirect?: string;
  cookies?: ExpectedCookie[];
  withinMs?: number;
}

export interface ExpectedCookie {
  name: string;
  secure?: boolean;
  httpOnly?: boolean;
  sameSite?: 'strict' | 'lax' | 'none';
}

/** Texts with placeholders: `{{name}}` of something captured, `{{secret.NAME}}`. */
export interface Asked {
  form?: Record<string, string>;
  body?: string;
  send?: Record<string, string>;
}

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Capture {
  matches?: string;
  json?: string;
  header?: string;
}

export interface Step extends Asked {
  method: Method;
  path: string;
  expected: Expectation;
  capture: Record<string, Capture>;
}

/** One check as migration.yml declares it. Durations in milliseconds. */
export type DeclaredCheck = { name: string } & (
  | ({
      kind: 'request';
      method: Method;
      path: string;
      expected: Expectation;
      withinFactor: number | undefined;
      certificateDays: number;
    } & Asked)
  | { kind: 'script'; steps: Step[]; withinMs: number | undefined }
  | {
      kind: 'websocket';
      path: string;
      protocol: string | undefined;
      contains: string | undefined;
      withinMs: number | undefined;
      send: Record<string, string>;
    }
  | ({
      kind: 'upload';
      method: 'POST' | 'PUT';
      path: string;
      bytes: number;
      field: string | undefined;
      expected: Expectation;
    } & Asked)
  | ({ kind: 'long-request'; path: string; lastingMs: number; expected: Expectation } & Asked)
  | { kind: 'job'; enqueue: Step; done: Step | undefined; withinMs: number }
  | { kind: 'command'; command: string; secrets: string[]; withinMs: number }
);

/** Days for which a certificate must still be valid: those that renew by themselves do so earlier. */
export const CERTIFICATE_DAYS = 21;
const JOB_LIMIT_MS = 60_000;
const COMMAND_LIMIT_MS = 120_000;

/** A check of the file, which passed the schema. */
export function declaredCheck(check: CheckFile): DeclaredCheck {
  const name = check.name ?? check.path ?? '';
  const expected = expectationOf(check);
  const asked = askedOf(check);
  const withinMs = optionalMs(check.within);
  if (check.script !== undefined) return { name, kind: 'script', steps: check.script.map(stepOf), withinMs };
  if (check.websocket !== undefined) {
    const { protocol, contains, send = {} } = check;
    return { name, kind: 'websocket', path: check.websocket, protocol, contains, withinMs, send };
  }
  if (check.upload !== undefined) {
    const method = check.method === 'PUT' ? 'PUT' : 'POST';
    const bytes = parseByteSize(check.size ?? '') ?? 0;
    return {
      name,
      kind: 'upload',
      method,
      path: check.upload,
      bytes,
      field: check.field,
      expected,
      ...asked,
    };
  }
  if (check['long-request'] !== undefined) {
    const lastingMs = optionalMs(check.lasting) ?? 0;
    return { name, kind: 'long-request', path: check['long-request'], lastingMs, expected, ...asked };
  }
  if (check.job !== undefined) {
    const { enqueue, done } = check.job;
    return {
      name,
      kind: 'job',
      enqueue: stepOf(enqueue),
      done: done === undefined ? undefined : stepOf(done),
      withinMs: withinMs ?? JOB_LIMIT_MS,
    };
  }
  if (check.command !== undefined) {
    const { command, secrets = [] } = check;
    return { name, kind: 'command', command, secrets, withinMs: withinMs ?? COMMAND_LIMIT_MS };
  }
  return {
    name,
    kind: 'request',
    method: check.method ?? 'GET',
    path: check.path ?? '/',
    expected,
    withinFactor: check['within-factor'],
    certificateDays: check['certificate-days'] ?? CERTIFICATE_DAYS,
    ...asked,
  };
}

function stepOf(step: StepFile): Step {
  const verbs = {
    get: 'GET',
    head: 'HEAD',
    post: 'POST',
    put: 'PUT',
    patch: 'PATCH',
    delete: 'DELETE',
  } as const;
  const verb = (Object.keys(verbs) as (keyof typeof verbs)[]).find((one) => step[one] !== undefined) ?? 'get';
  return {
    method: verbs[verb],
    path: step[verb] ?? '/',
    expected: expectationOf(step),
    capture: Object.fromEntries(
      Object.entries(step.capture ?? {}).map(([name, how]) => [name, withoutGaps(how)]),
    ),
    ...askedOf(step),
  };
}

function expectationOf(
  from: Omit<StepFile, 'capture' | 'get' | 'head' | 'post' | 'put' | 'patch' | 'delete'>,
): Expectation {
  return withoutGaps({
    status: from.status,
    contains: from.contains,
    matches: from.matches,
    json: from.json,
    headers: from.headers,
    redirect: from.redirect,
    cookies: from.cookies?.map(({ name, secure, 'http-only': httpOnly, 'same-site': sameSite }) => ({
      name,
      ...withoutGaps({ secure, httpOnly, sameSite }),
    })),
    withinMs: optionalMs(from.within),
  });
}

function askedOf({ form, body, send }: Pick<StepFile, 'form' | 'body' | 'send'>): Asked {
  return withoutGaps({ form, body, send });
}

/** Without keys that are there and hold nothing. */
function withoutGaps<T extends object>(from: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function optionalMs(duration: string | undefined): number | undefined {
  if (duration === undefined) return undefined;
  const parsed = parseDuration(duration);
  if (parsed === undefined) throw new Error(`"${duration}" passed the schema and is no duration.`);
  return parsed;
}
