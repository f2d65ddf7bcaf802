import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import type { Readable } from 'node:stream';

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  trailers: IncomingMessage['trailers'];
  body: string;
  /** The whole answer came. */
  whole: boolean;
}

/** As Heroku's router hands a visitor's request to a dyno. */
export const ROUTED = {
  host: 'shop.example.com',
  'x-forwarded-for': '203.0.113.7',
  'x-forwarded-proto': 'https',
  'x-forwarded-port': '443',
};

/**
 * One request on a connection of its own; a stream as the body is sent in chunks. `onBegun` is told of the first of the
 * answer's body. Rejects without an answer.
 */
export function ask(
  url: string,
  options: RequestOptions & { body?: string | Readable } = {},
  onBegun?: (chunk: Buffer) => void,
): Promise<Answer> {
  const { body, headers, ...rest } = options;
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, {
      agent: false,
      headers: { ...ROUTED, ...(headers as Record<string, string>) },
      ...rest,
    });
    let answered = false;
    outgoing.on('error', (error) => {
      // Who is answered early may still be sending.
      if (!answered) reject(error);
    });
    outgoing.once('response', (incoming) => {
      answered = true;
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      if (onBegun !== undefined) incoming.once('data', onBegun);
      incoming.on('error', () => undefined);
      incoming.once('close', () => {
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          trailers: incoming.trailers,
          body: Buffer.concat(chunks).toString(),
          whole: incoming.complete,
        });
      });
    });
    if (typeof body === 'object') body.pipe(outgoing);
    else outgoing.end(body);
  });
}
