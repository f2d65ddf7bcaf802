import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';

/** One request to a played platform and its answer, for tests that hold both against the platforms' own descriptions. */
export interface Asked {
  platform: 'heroku' | 'digitalocean';
  method: string;
  /** The route's path with its `:names`. */
  path: string;
  /** Which of Heroku's APIs; for the others what they are called. */
  dialect: string;
  /** What a token needs for it. */
  scope: string;
  /** Whether our own clients sent it, not a test or a platform's CLI. */
  ours: boolean;
  status: number;
  /** Names of the parameters in its address, sorted. */
  query?: string[];
  /** Parsed JSON, when there was one. */
  body?: unknown;
  answer?: unknown;
}

const seen = new Set<string>();

/**
 * Appends it as a line of JSON to the file that `REHEARSAL_ASKED` names, once for each shape that a process meets;
 * nothing without such a file.
 */
export function noteAsked(request: IncomingMessage, asked: Omit<Asked, 'ours' | 'query'>): void {
  const file = process.env['REHEARSAL_ASKED'];
  if (file === undefined || file === '') return;
  const query = [...new Set(new URL(request.url ?? '/', 'http://played').searchParams.keys())].sort();
  const noted: Asked = {
    ...asked,
    ...(query.length === 0 ? {} : { query }),
    ours: request.headers['user-agent']?.startsWith('heroku-to-digitalocean') ?? false,
  };
  const { body, answer, ...rest } = noted;
  const shape = createHash('sha256')
    .update(`${JSON.stringify(rest)} ${shapeOf(body)} ${shapeOf(answer)}`)
    .digest('base64');
  if (seen.has(shape)) return;
  seen.add(shape);
  appendFileSync(file, `${JSON.stringify(noted)}\n`);
}

/** Names and types, and words that look like values of an enumeration; what else a text says makes no difference. */
function shapeOf(value: unknown): string {
  if (Array.isArray(value)) return `[${[...new Set(value.map(shapeOf))].sort().join('|')}]`;
  if (value === null) return 'null';
  if (typeof value === 'string') return /^[A-Za-z][A-Za-z_-]{1,23}$/.test(value) ? value : 'text';
  if (typeof value !== 'object') return typeof value;
  return `{${Object.entries(value)
    .map(([key, one]) => `${key}:${shapeOf(one)}`)
    .join(',')}}`;
}
