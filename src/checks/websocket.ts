import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { Duplex } from 'node:stream';

import { openTls, whyNot } from './connection.ts';
import { USER_AGENT } from './exchange.ts';
import { filled } from './placeholders.ts';
import type { CheckRun, Seen } from './run.ts';

/** RFC 6455, 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const OPEN_LIMIT_MS = 15_000;

interface Wanted {
  path: string;
  protocol: string | undefined;
  /** Text of the first message. */
  contains: string | undefined;
  withinMs: number | undefined;
  send: Record<string, string>;
}

/** Opens a WebSocket as a browser does and, where a text is expected, waits for the first message. */
export async function openWebSocket(run: CheckRun, wanted: Wanted): Promise<Seen> {
  const url = new URL(wanted.path, run.base);
  const limitMs = wanted.withinMs ?? OPEN_LIMIT_MS;
  const started = performance.now();
  try {
    const { protocol, message } = await upgrade(run, url, wanted, limitMs);
    const milliseconds = Math.round(performance.now() - started);
    if (wanted.protocol !== undefined && protocol !== wanted.protocol)
      return {
        passed: false,
        found: `opened with ${protocol === undefined ? 'no subprotocol' : 'another subprotocol'}`,
        milliseconds,
      };
    if (wanted.contains !== undefined && !(message ?? '').includes(wanted.contains))
      return {
        passed: false,
        found: `the first message is without the text "${wanted.contains}"`,
        milliseconds,
      };
    return { passed: true, found: `opened in ${milliseconds} ms`, milliseconds };
  } catch (error) {
    run.signal.throwIfAborted();
    return { passed: false, found: whyNot(error) };
  }
}

async function upgrade(
  run: CheckRun,
  url: URL,
  wanted: Wanted,
  limitMs: number,
): Promise<{ protocol: string | undefined; message: string | undefined }> {
  const socket = await openTls(url, run.reach, limitMs);
  const key = randomBytes(16).toString('base64');
  const timer = setTimeout(
    () => socket.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })),
    limitMs,
  );
  try {
    return await new Promise((resolve, reject) => {
      const asking = request({
        method: 'GET',
        path: `${url.pathname}${url.search}`,
        headers: {
          host: url.host,
          'user-agent': USER_AGENT,
          origin: url.origin,
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': key,
          ...(wanted.protocol === undefined ? {} : { 'sec-websocket-protocol': wanted.protocol }),
          ...Object.fromEntries(
            Object.entries(wanted.send).map(([name, value]) => [
              name.toLowerCase(),
              filled(value, { captured: new Map(), secrets: run.secrets }),
            ]),
          ),
        },
        createConnection: () => socket,
        signal: run.signal,
      });
      asking.once('response', (answer) => {
        answer.resume();
        reject(new Error(`HTTP ${answer.statusCode ?? 0} instead of an upgrade`));
      });
      asking.once('upgrade', (answer, open: Duplex, head) => {
        const proof = createHash('sha1').update(`${key}${GUID}`).digest('base64');
        if (answer.headers['sec-websocket-accept'] !== proof)
          return reject(new Error('an upgrade that is none of a WebSocket'));
        const protocol = answer.headers['sec-websocket-protocol'];
        if (wanted.contains === undefined) return resolve({ protocol, message: undefined });
        open.once('close', () => reject(new Error('closed before a message came')));
        firstText(open, head, (message) => resolve({ protocol, message }));
      });
      asking.once('error', reject);
      asking.end();
    });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** The first whole text frame; pings and what is not text are passed over. */
function firstText(open: Duplex, head: Buffer, found: (text: string) => void): void {
  let pending = head;
  const look = (): void => {
    for (;;) {
      const frame = readFrame(pending);
      if (frame === undefined) return;
      pending = pending.subarray(frame.length);
      if (frame.opcode === 1) return found(frame.payload.toString('utf8'));
    }
  };
  open.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    look();
  });
  look();
}

/** RFC 6455, 5.2; a server does not mask. */
function readFrame(bytes: Buffer): { opcode: number; payload: Buffer; length: number } | undefined {
  if (bytes.length < 2) return undefined;
  const opcode = (bytes[0] ?? 0) & 0x0f;
  const short = (bytes[1] ?? 0) & 0x7f;
  const head = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < head) return undefined;
  const size =
    short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  if (bytes.length < head + size) return undefined;
  return { opcode, payload: bytes.subarray(head, head + size), length: head + size };
}
