import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../../../src/errors.ts';
import { noteAsked } from '../../asked.ts';
import { sendTruncated, sufferSilently, type FaultKind, type FaultSwitch } from '../../faults.ts';
import type { RecordedRequest } from '../../recorded-request.ts';
import { findNamed } from '../catalogue.ts';
import type { App, Platform } from '../platform.ts';
import { allows, type Token, type TokenStore } from '../tokens.ts';
import { pageOf } from './range.ts';
import { createRateLimit, type RateLimit } from './rate-limit.ts';
import { notFound, Refusal } from './refusal.ts';
import { findRoute, type Answer, type Call, type Route } from './route.ts';
import { routes } from './routes.ts';

export interface ControlPlane {
  url: string;
  close(): Promise<void>;
}

export interface ControlPlaneOptions {
  platform: Platform;
  tokens: TokenStore;
  faults: FaultSwitch;
  requests: RecordedRequest[];
}

/**
 * Serves the Platform API, the data API and the dashboard's Scheduler API on one port of 127.0.0.1. The CLI needs the
 * first two together.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const rateLimit = createRateLimit(options.platform.played.requestsPerHour);
  const server = createServer((request, response) => {
    serve(options, rateLimit, request, response).catch((error: unknown) => {
      options.platform.log.warning(`The played Heroku failed: ${messageOf(error)}`);
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(
  options: ControlPlaneOptions,
  rateLimit: RateLimit,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { platform, faults, requests } = options;
  const method = request.method ?? 'GET';
  const path = request.url ?? '/';
  const requestId = platform.ids.uuid();
  const bytes = await bodyOf(request);
  const record: RecordedRequest = { at: new Date(), method, path, status: 0, requestId };
  requests.push(record);

  const fault = faults.take(method, path);
  if (fault !== undefined && sufferSilently(fault, request)) return;
  let sent: Sent;
  try {
    if (typeof fault === 'number') throw played(fault);
    if (typeof fault === 'object') throw new Refusal(fault.status, fault.id, fault.message);
    const body = parse(bytes);
    if (body !== undefined) record.body = body;
    const asked = { request, method, path, bytes, body };
    if (fault === 'twice') {
      const { status } = await answer(options, rateLimit, asked);
      requests.push({ ...record, status });
    }
    sent = await answer(options, rateLimit, asked);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    sent = { status: error.status, headers: {}, body: { id: error.id, message: error.message } };
  }
  record.status = sent.status;
  if (fault === undefined) note(request, record, new URL(path, platform.baseUrl).pathname, sent);
  send(response, requestId, rateLimit, sent, fault, request);
}

/** What was asked of a route, for whoever holds it against the API's description. */
function note(request: IncomingMessage, record: RecordedRequest, pathname: string, sent: Sent): void {
  const route = findRoute(routes, record.method, pathname)?.route;
  if (route === undefined) return;
  // The CLI asks for more in an answer than is described; our clients do not.
  if ('accept-expansion' in request.headers || 'accept-inclusion' in request.headers) return;
  const { method, path, dialect, need } = route;
  const { status, body: answer } = sent;
  const asked = { platform: 'heroku', method, path, dialect, scope: need, status, answer } as const;
  noteAsked(request, { ...asked, body: record.body });
}

interface Asked {
  request: IncomingMessage;
  method: string;
  path: string;
  bytes: Buffer;
  body: unknown;
}

interface Sent {
  status: number;
  headers: Record<string, string>;
  body: unknown;
}

async function answer(options: ControlPlaneOptions, rateLimit: RateLimit, asked: Asked): Promise<Sent> {
  const { platform } = options;
  const url = new URL(asked.path, platform.baseUrl);
  const found = findRoute(routes, asked.method, url.pathname);
  if (found?.route.dialect === 'open') {
    return sentOf(await found.route.handle(callOf(asked, url, platform, found.params, nobody, rateLimit)));
  }
  const token = authenticate(options.tokens, asked.request);
  if (!found?.route.free && !rateLimit.take()) {
    throw new Refusal(
      429,
      'rate_limit',
      'Your account reached the API rate limit\nPlease wait a few minutes before making new requests',
    );
  }
  if ((found?.route.dialect ?? 'platform') === 'platform') needVersion(asked.request);
  if (!found) {
    throw new Refusal(
      404,
      'not_found',
      'The requested API endpoint was not found. Are you using the right HTTP verb (i.e. `GET` vs. `POST`), and did you specify your intended version with the `Accept` header?',
    );
  }
  const { route, params } = found;
  const call = callOf(asked, url, platform, params, token, rateLimit);
  admit(route, call);
  const given = sentOf(await route.handle(call));
  // In every answer of the Platform API, next to `Oauth-Scope-Accepted` (seen in recorded answers, 2022-12).
  const scopes = { 'oauth-scope': token.scopes.join(' ') };
  if (!route.ranges || !Array.isArray(given.body)) return { ...given, headers: scopes };
  const page = pageOf(given.body, route.ranges, call.headers['range']);
  return { status: page.status, headers: { ...page.headers, ...scopes }, body: page.items };
}

const nobody: Token = { scopes: [], apps: undefined };

function sentOf({ status, body }: Answer): Sent {
  return { status: status ?? 200, headers: {}, body };
}

function callOf(
  { request, bytes, body }: Asked,
  url: URL,
  platform: Platform,
  params: Record<string, string>,
  token: Token,
  rateLimit: RateLimit,
): Call {
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  );
  return {
    platform,
    params,
    query: url.searchParams,
    headers,
    body,
    bytes,
    token,
    rateLimit,
    get app(): App {
      const app = findNamed(platform.apps, params['app'] ?? '');
      if (!app) throw notFound('app');
      return app;
    },
  };
}

/** Bearer, or Basic with the token as the password, which the CLI uses on the data API. */
function authenticate(tokens: TokenStore, request: IncomingMessage): Token {
  const [scheme = '', value = ''] = (request.headers.authorization ?? '').split(' ');
  const given =
    scheme.toLowerCase() === 'basic'
      ? Buffer.from(value, 'base64')
          .toString()
          .replace(/^[^:]*:/, '')
      : value;
  const token = /^(bearer|basic)$/i.test(scheme) ? tokens.find(given) : undefined;
  if (!token) throw new Refusal(401, 'unauthorized', 'Invalid credentials provided.');
  return token;
}

/** `application/vnd.heroku+json; version=3`, also in its variants (`3.sdk`, `3.webhooks`). */
function needVersion(request: IncomingMessage): void {
  if (/application\/vnd\.heroku\+json;\s*version=3(\.|$|[\s,;])/.test(request.headers.accept ?? '')) return;
  throw new Refusal(
    406,
    'not_acceptable',
    'Specify the version of the API with the header `Accept: application/vnd.heroku+json; version=3`.',
  );
}

/** First whether the app is there and may be touched, then whether the token's scope reaches so far. */
function admit(route: Route, call: Call): void {
  const app = 'app' in call.params ? call.app : undefined;
  if (app && call.token.apps?.includes(app.name) === false) {
    throw new Refusal(403, 'forbidden', `You do not have access to the app ${app.name}.`);
  }
  if (!allows(call.token, route.need)) {
    throw new Refusal(
      403,
      'forbidden',
      'The scope of this OAuth authorization does not allow access to this resource.',
    );
  }
}

function send(
  response: ServerResponse,
  requestId: string,
  rateLimit: RateLimit,
  { status, headers, body }: Sent,
  fault: FaultKind | undefined,
  request: IncomingMessage,
): void {
  const isText = typeof body === 'string';
  const text = isText ? body : JSON.stringify(body);
  const etag = `"${createHash('sha256').update(text).digest('hex').slice(0, 32)}"`;
  response.setHeader('request-id', requestId);
  response.setHeader('ratelimit-remaining', String(rateLimit.remaining()));
  response.setHeader('content-type', isText ? 'text/plain; charset=utf-8' : 'application/json');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (request.method === 'GET' && status < 300) {
    response.setHeader('etag', etag);
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304).end();
      return;
    }
  }
  if (fault === 'truncate') {
    sendTruncated(response, status, text);
    return;
  }
  if (status === 204) {
    response.writeHead(status).end();
    return;
  }
  response.writeHead(status, { 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function played(status: 429 | 500 | 503): Refusal {
  if (status === 429) return new Refusal(429, 'rate_limit', 'Your account reached the API rate limit');
  if (status === 503) return new Refusal(503, 'service_unavailable', 'Service temporarily unavailable.');
  return new Refusal(500, 'internal_server_error', 'Internal server error.');
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** What is not JSON (a slug's archive) is left to whoever wants the bytes. */
function parse(bytes: Buffer): unknown {
  try {
    return bytes.length === 0 ? undefined : (JSON.parse(bytes.toString()) as unknown);
  } catch {
    return undefined;
  }
}
