import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/**
 * Carries what the new side cannot see by itself, signed: `<JSON, base64url>.<HMAC-SHA-256 of that text, base64url>`.
 * The JSON holds `at` (seconds since 1970) and, as Heroku's router gave them, `host`, `proto`, `port` and `for`. Signed
 * rather than with the secret beside it: a header ends up in logs, and this one is of no use after five minutes.
 */
export const SIGNED_HEADER = 'x-front-door';

/** How often a request was handed on from one forwarder that ends to the next; more than that is a circle. */
const HOPS_HEADER = 'x-front-door-hops';
const MOST_HOPS = 3;

/** Headers that are for one connection only (RFC 9110, 7.6.1). */
const ONE_CONNECTION = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
];

/** What says by whom and for what a request was made: the visitor's own words about it are never passed on. */
const OURS = [SIGNED_HEADER, HOPS_HEADER, 'host', 'forwarded', 'x-forwarded-host'];

export type HeaderList = Map<string, { name: string; values: string[] }>;

/** The headers that a request keeps on its way to the new side, with those that say where it came from. */
export function requestHeaders(
  request: IncomingMessage,
  target: { targetHost: string; secret: string },
): HeaderList {
  const headers = endToEnd(request);
  for (const name of OURS) headers.delete(name);
  // The router answers for these two: it appends the address that it saw, and says whether it was spoken to by TLS.
  const came = {
    host: request.headers.host,
    proto: last(request.headers['x-forwarded-proto']),
    port: last(request.headers['x-forwarded-port']),
    for: joined(request.headers['x-forwarded-for']),
  };
  // App Platform routes by the name that it knows, and the domain may not be on the app yet.
  put(headers, 'Host', target.targetHost);
  if (came.host !== undefined) put(headers, 'X-Forwarded-Host', came.host);
  put(headers, 'X-Front-Door', signed({ at: Math.floor(Date.now() / 1000), ...came }, target.secret));
  return framed(headers, request);
}

/**
 * The headers as they came: whoever takes this dyno's place is told by the router whatever it has to know. `undefined`
 * for a request that has been handed on too often.
 */
export function successorHeaders(request: IncomingMessage): HeaderList | undefined {
  const headers = endToEnd(request);
  const hops = Number(headers.get(HOPS_HEADER)?.values.at(-1) ?? 0);
  if (!(hops < MOST_HOPS)) return undefined;
  headers.delete(SIGNED_HEADER);
  put(headers, 'X-Front-Door-Hops', String(hops + 1));
  return framed(headers, request);
}

/** What has a body keeps it: its length is among the headers, or it is sent in chunks as it came. */
function framed(headers: HeaderList, { headers: came, method }: IncomingMessage): HeaderList {
  if ((came.te ?? '').includes('trailers')) put(headers, 'TE', 'trailers');
  if (came['transfer-encoding'] !== undefined) put(headers, 'Transfer-Encoding', 'chunked');
  else if (
    came['content-length'] === undefined &&
    !['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE'].includes(method ?? '')
  )
    put(headers, 'Content-Length', '0');
  return headers;
}

/** Every header but those that are for one connection, each under the name and in the order in which it came. */
export function endToEnd(message: IncomingMessage): HeaderList {
  const headers: HeaderList = new Map();
  for (let at = 0; at + 1 < message.rawHeaders.length; at += 2) {
    const [name, value] = [message.rawHeaders[at] ?? '', message.rawHeaders[at + 1] ?? ''];
    const known = headers.get(name.toLowerCase());
    if (known === undefined) headers.set(name.toLowerCase(), { name, values: [value] });
    else known.values.push(value);
  }
  const named = (message.headers.connection ?? '').toLowerCase().split(',');
  for (const name of [...ONE_CONNECTION, ...named]) headers.delete(name.trim());
  return headers;
}

export function put(headers: HeaderList, name: string, value: string): void {
  headers.set(name.toLowerCase(), { name, values: [value] });
}

/** As Node's functions take them; a header that came once stays a single one. */
export function asObject(headers: HeaderList): Record<string, string | string[]> {
  return Object.fromEntries(
    [...headers.values()].map(({ name, values }) => [name, values.length === 1 ? (values[0] ?? '') : values]),
  );
}

export function signed(content: Record<string, unknown>, secret: string): string {
  const payload = Buffer.from(JSON.stringify(content)).toString('base64url');
  return `${payload}.${signature(payload, secret)}`;
}

export function signature(text: string, secret: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url');
}

function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The router's own word stands last, should a visitor have sent one, too. */
function last(value: string | string[] | undefined): string | undefined {
  return joined(value)?.split(',').at(-1)?.trim();
}
