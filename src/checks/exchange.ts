import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';

import { openTls, type Reach } from './connection.ts';

export interface Exchange {
  method: string;
  url: URL;
  headers?: Record<string, string>;
  /** With a stream, its length stands in `headers`. */
  body?: string | Readable;
  /** For all of it. */
  limitMs: number;
  reach?: Reach;
  signal?: AbortSignal;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Each `Set-Cookie` as it was sent. */
  cookies: string[];
  /** As text, of its first megabyte. */
  body: string;
  /** From the request on an open connection to the end of the answer. */
  milliseconds: number;
  certificate: ServedCertificate;
}

/** The certificate under which a host is served, and nothing else asked of it. @throws as `exchange` does */
export async function servedCertificate(url: URL, reach?: Reach): Promise<ServedCertificate> {
  const socket = await openTls(url, reach);
  try {
    return certificateOf(socket);
  } finally {
    socket.destroy();
  }
}

export interface ServedCertificate {
  validTo: Date;
  /** How many certificates the server sent or Node found up to a trusted one. */
  chain: number;
  protocol: string;
}

const LONGEST_BODY = 1024 * 1024;
export const USER_AGENT = 'heroku-to-digitalocean';

/**
 * One request over HTTPS on a connection of its own. Redirects are answers, not followed.
 *
 * @throws Error when there is no answer; `whyNot` puts it into words
 */
export async function exchange(asked: Exchange): Promise<Answer> {
  const { url, reach, limitMs, signal } = asked;
  signal?.throwIfAborted();
  const socket = await openTls(url, reach, Math.min(limitMs, 15_000));
  try {
    const certificate = certificateOf(socket);
    const started = performance.now();
    const response = await answerOn(socket, asked);
    const body = await readText(response);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      cookies: response.headers['set-cookie'] ?? [],
      body,
      milliseconds: Math.round(performance.now() - started),
      certificate,
    };
  } finally {
    socket.destroy();
  }
}

function answerOn(socket: TLSSocket, asked: Exchange): Promise<IncomingMessage> {
  const { method, url, headers = {}, body, limitMs, signal } = asked;
  return new Promise((resolve, reject) => {
    let answered = false;
    const sending = request({
      method,
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        'user-agent': USER_AGENT,
        accept: '*/*',
        'accept-encoding': 'identity',
        ...(typeof body === 'string' ? { 'content-length': String(Buffer.byteLength(body)) } : {}),
        connection: 'close',
        ...headers,
      },
      createConnection: () => socket,
      ...(signal === undefined ? {} : { signal }),
    });
    const timer = setTimeout(
      () => socket.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })),
      limitMs,
    );
    socket.once('close', () => clearTimeout(timer));
    sending.once('response', (response) => {
      answered = true;
      resolve(response);
    });
    // A server may answer before it has read everything, and cut the rest off.
    sending.on('error', (error) => {
      if (!answered) reject(error);
    });
    if (typeof body === 'string' || body === undefined) sending.end(body);
    else pipeline(body, sending).catch(() => undefined);
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (length < LONGEST_BODY) chunks.push(chunk);
    length += chunk.length;
  }
  if (!response.complete) throw Object.assign(new Error('the answer was cut'), { code: 'ECONNRESET' });
  return Buffer.concat(chunks).subarray(0, LONGEST_BODY).toString('utf8');
}

function certificateOf(socket: TLSSocket): ServedCertificate {
  const leaf = socket.getPeerCertificate(true);
  let chain = 1;
  // The last one is its own issuer; where the chain was not sent as a whole, none is named.
  let one: { fingerprint256: string; issuerCertificate?: DetailedPeerCertificate | undefined } = leaf;
  while (
    one.issuerCertificate !== undefined &&
    one.issuerCertificate.fingerprint256 !== one.fingerprint256 &&
    chain < 10
  ) {
    one = one.issuerCertificate;
    chain += 1;
  }
  return { validTo: new Date(leaf.valid_to), chain, protocol: socket.getProtocol() ?? 'unknown' };
}
