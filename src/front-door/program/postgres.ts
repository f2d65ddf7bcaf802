import { createHash } from 'node:crypto';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { readMessages, type Message, type Messages } from './postgres-messages.ts';
import { startScram } from './scram.ts';

/** One session of the old database, for a simple query at a time. */
export interface Session {
  /** Rows as text. Throws what the server says, or when it says nothing in time; the session is then to be closed. */
  query(sql: string): Promise<(string | null)[][]>;
  close(): void;
}

/** What the server refused, by its SQLSTATE. */
class Refused extends Error {
  readonly code: string;
  constructor(code: string) {
    super(`The server refused (${code}).`);
    this.code = code;
  }
}

/**
 * Opens a session at `postgres://user:password@host:port/database`. It is always encrypted, and the server's certificate
 * is not verified: Heroku's is signed by nobody, and Heroku's own clients do the same. Connecting, logging in and each
 * query may take `limitMs`.
 */
export async function openSession(url: string, limitMs = 5_000): Promise<Session> {
  const address = new URL(url);
  const stream = await within(limitMs, (signal) => encrypted(address, signal));
  const messages = readMessages(stream);
  const limited = async <T>(talk: () => Promise<T>): Promise<T> => {
    const timer = setTimeout(() => stream.destroy(timeout()), limitMs);
    try {
      return await talk();
    } finally {
      clearTimeout(timer);
    }
  };
  try {
    await limited(() => logIn(stream, messages, address));
  } catch (error) {
    stream.destroy();
    throw error;
  }
  return {
    query: (sql) =>
      limited(async () => {
        stream.write(message('Q', text(sql)));
        return readRows(messages);
      }),
    close: () => {
      stream.end(message('X'));
      stream.destroySoon();
    },
  };
}

function timeout(): Error {
  return Object.assign(new Error('No answer in time.'), { code: 'ETIMEDOUT' });
}

async function within<T>(limitMs: number, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(timeout());
  }, limitMs);
  try {
    return await act(controller.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Postgres begins in clear: one request, one letter as the answer, and then TLS on the same connection. */
function encrypted(address: URL, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const host = address.hostname.replace(/^\[(.*)\]$/, '$1');
    const socket = connectTcp({ host, port: Number(address.port || 5432), noDelay: true, keepAlive: true });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    signal.addEventListener('abort', () => {
      fail(signal.reason as Error);
    });
    socket.on('error', fail);
    socket.once('close', () => {
      fail(new Error('The connection was closed.'));
    });
    socket.once('connect', () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
    socket.once('data', (answer) => {
      // More than the letter would be somebody's words from before the encryption.
      if (answer.toString('latin1') !== 'S') {
        fail(Object.assign(new Error('The server does not encrypt.'), { code: 'NO_TLS' }));
        return;
      }
      const servername = isIP(host) === 0 ? host : '';
      const stream = connectTls({ socket, servername, rejectUnauthorized: false }, () => {
        resolve(stream);
      });
      stream.on('error', fail);
    });
  });
}

async function logIn(stream: Socket, messages: Messages, address: URL): Promise<void> {
  const user = decodeURIComponent(address.username);
  const password = decodeURIComponent(address.password);
  const parameters = [
    ['user', user],
    ['database', decodeURIComponent(address.pathname.slice(1))],
    // Sessions of this name are ours: nobody takes them for stray ones of the application.
    ['application_name', 'h2d front-door'],
  ].flat();
  stream.write(sized(Buffer.concat([Buffer.from([0, 3, 0, 0]), ...parameters.map(text), Buffer.from([0])])));

  const scram = startScram(password);
  for (;;) {
    const { type, body } = await messages.next();
    if (type === 'Z') return;
    if (type !== 'R') {
      refuse(type, body);
      continue;
    }
    const [kind, rest] = [body.readInt32BE(0), body.subarray(4)];
    if (kind === 0) continue;
    else if (kind === 3) stream.write(message('p', text(password)));
    else if (kind === 5) {
      const inner = md5(Buffer.from(password + user));
      stream.write(message('p', text(`md5${md5(Buffer.concat([Buffer.from(inner), rest]))}`)));
    } else if (kind === 10) {
      if (!rest.toString('utf8').split('\0').includes('SCRAM-SHA-256'))
        throw new Error('The server knows no way of logging in that is known here.');
      const first = Buffer.from(scram.first);
      stream.write(message('p', text('SCRAM-SHA-256'), length(first.length), first));
    } else if (kind === 11)
      stream.write(message('p', Buffer.from(await scram.answer(rest.toString('utf8')))));
    else if (kind === 12) scram.verify(rest.toString('utf8'));
    else throw new Error('The server knows no way of logging in that is known here.');
  }
}

async function readRows(messages: Messages): Promise<(string | null)[][]> {
  const rows: (string | null)[][] = [];
  let failure: Error | undefined;
  for (;;) {
    const { type, body } = await messages.next();
    if (type === 'Z') break;
    if (type === 'D') rows.push(readRow(body));
    else
      try {
        refuse(type, body);
      } catch (error) {
        // The server says that it is ready again before the next query may be sent.
        failure = error as Error;
      }
  }
  if (failure !== undefined) throw failure;
  return rows;
}

function readRow(body: Buffer): (string | null)[] {
  const row: (string | null)[] = [];
  for (let at = 2; at < body.length;) {
    const size = body.readInt32BE(at);
    at += 4;
    row.push(size === -1 ? null : body.toString('utf8', at, at + size));
    at += Math.max(size, 0);
  }
  return row;
}

/** Throws for an error's message; what else the server tells by the way is left unread. */
function refuse(type: Message['type'], body: Buffer): void {
  if (type !== 'E') return;
  const code = body
    .toString('utf8')
    .split('\0')
    .find((field) => field.startsWith('C'));
  throw new Refused(code?.slice(1) ?? 'unknown');
}

function md5(data: Buffer): string {
  return createHash('md5').update(data).digest('hex');
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function length(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function sized(body: Buffer): Buffer {
  return Buffer.concat([length(body.length + 4), body]);
}

function message(type: string, ...parts: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(type), sized(Buffer.concat(parts))]);
}
