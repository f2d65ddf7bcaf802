import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

import type { Asked, Expectation } from '../migration/check-config.ts';
import { whyNot } from './connection.ts';
import { exchange } from './exchange.ts';
import { problemsOf } from './expectation.ts';
import { filled } from './placeholders.ts';
import type { CheckRun, Seen } from './run.ts';

const CHUNK = Buffer.alloc(64 * 1024, 'heroku-to-digitalocean ');
/** As much as App Platform lets a request take (60 s) and some for the way there. */
const UPLOAD_LIMIT_MS = 5 * 60_000;

interface Wanted extends Asked {
  method: 'POST' | 'PUT';
  path: string;
  bytes: number;
  /** Of a multipart form; undefined: the body is the file. */
  field: string | undefined;
  expected: Expectation;
}

/** Sends a file of that size, made on the way and never held as a whole. */
export async function upload(run: CheckRun, wanted: Wanted): Promise<Seen> {
  const url = new URL(wanted.path, run.base);
  const { headers, body } = fileBody(wanted);
  try {
    const answer = await exchange({
      method: wanted.method,
      url,
      headers: {
        ...headers,
        origin: url.origin,
        ...Object.fromEntries(
          Object.entries(wanted.send ?? {}).map(([name, value]) => [
            name.toLowerCase(),
            filled(value, { captured: new Map(), secrets: run.secrets }),
          ]),
        ),
      },
      body,
      limitMs: Math.max(UPLOAD_LIMIT_MS, wanted.expected.withinMs ?? 0),
      ...(run.reach === undefined ? {} : { reach: run.reach }),
      signal: run.signal,
    });
    const { milliseconds } = answer;
    const problems = problemsOf(answer, wanted.expected, url);
    const size = `${wanted.bytes / 1e6} MB`;
    return problems.length === 0
      ? { passed: true, found: `HTTP ${answer.status} for ${size} in ${milliseconds} ms`, milliseconds }
      : { passed: false, found: `${size}: ${problems.join('; ')}`, milliseconds };
  } catch (error) {
    run.signal.throwIfAborted();
    return { passed: false, found: `no answer (${whyNot(error)})` };
  } finally {
    body.destroy();
  }
}

function fileBody({ bytes, field }: Wanted): { headers: Record<string, string>; body: Readable } {
  if (field === undefined) {
    return {
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(bytes) },
      body: Readable.from(file(bytes), { objectMode: false }),
    };
  }
  const boundary = `h2d-${randomBytes(12).toString('hex')}`;
  const before = Buffer.from(
    `--${boundary}\r\ncontent-disposition: form-data; name="${field.replaceAll(/["\r\n]/g, '_')}"; filename="check.bin"\r\n` +
      'content-type: application/octet-stream\r\n\r\n',
  );
  const after = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': String(before.length + bytes + after.length),
    },
    body: Readable.from(around(before, file(bytes), after), { objectMode: false }),
  };
}

function* file(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK.length)
    yield left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left);
}

function* around(before: Buffer, within: Iterable<Buffer>, after: Buffer): Generator<Buffer> {
  yield before;
  yield* within;
  yield after;
}
