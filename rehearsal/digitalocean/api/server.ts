import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../../../src/errors.ts';
import type { Log } from '../../../src/log.ts';
import { noteAsked } from '../../asked.ts';
import { sendTruncated, sufferSilently, type FaultKind, type FaultSwitch } from '../../faults.ts';
import type { RecordedRequest } from '../../recorded-request.ts';
import { ApiError, notFound } from './error.ts';
import { findRoute, type Answer, type Route } from './route.ts';
import type { TokenStore } from './tokens.ts';

export interface ApiServerOptions {
  log: Log;
  tokens: TokenStore;
  faults: FaultSwitch;
  /** Every request is appended. */
  requests: RecordedRequest[];
  /** Answers a path outside `/v2` without a token, for example a deployment's logs; undefined = 404. */
  plain?: (path: string) => string | undefined;
}

export interface ApiServer {
  url: string;
  /** Adds routes; may be called while it serves. */
  serve(routes: readonly Route[]): void;
  stop(): Promise<void>;
}

/** What becomes of a request before it is sent: status, body and headers. */
interface Reply extends Answer {
  headers: Record<string, string>;
}

/**
 * The HTTP side that all resources share: Bearer tokens and their scopes, rate limits, request ids, error bodies,
 * faults on order, and a record of what was asked.
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const routes: Route[] = [];
  const server = createServer((request, response) => {
    void respond(request, response, routes, options, url()).catch((error: unknown) => {
      options.log.warning(`The played DigitalOcean failed: ${messageOf(error)}`);
      response.destroy();
    });
  });
  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: url(),
    serve: (more) => routes.push(...more),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  routes: readonly Route[],
  options: ApiServerOptions,
  base: string,
): Promise<void> {
  const method = request.method ?? 'GET';
  const target = new URL(request.url ?? '/', base);
  const path = `${target.pathname}${target.search}`;
  const plain = target.pathname.startsWith('/v2/') ? undefined : options.plain?.(target.pathname);
  if (plain !== undefined) {
    response.writeHead(200, { 'content-type': 'text/plain' }).end(plain);
    return;
  }

  const requestId = randomUUID();
  const body = await readJson(request);
  const record: RecordedRequest = { at: new Date(), method, path, status: 0, requestId, body };
  options.requests.push(record);
  const fault = options.faults.take(method, path);
  if (fault !== undefined && sufferSilently(fault, request)) return;

  const asked = { method, target, body, fault };
  if (fault === 'twice') {
    const { status } = await decide(request, routes, options, asked);
    options.requests.push({ ...record, status });
  }
  const reply = await decide(request, routes, options, asked);
  record.status = reply.status;
  const route = findRoute(routes, method, target.pathname)?.route;
  if (fault === undefined && route !== undefined) {
    const { path: pattern, scope } = route;
    const { status, body: answer } = reply;
    const noted = { platform: 'digitalocean', method, path: pattern, dialect: 'v2', scope, status } as const;
    noteAsked(request, { ...noted, body, answer });
  }
  send(response, reply, requestId, fault);
}

async function decide(
  request: IncomingMessage,
  routes: readonly Route[],
  { tokens, log }: ApiServerOptions,
  asked: { method: string; target: URL; body: unknown; fault: FaultKind | undefined },
): Promise<Reply> {
  const { method, target, body, fault } = asked;
  let headers: Record<string, string> = {};
  try {
    if (typeof fault === 'number') throw orderedError(fault);
    if (typeof fault === 'object') throw new ApiError(fault.status, fault.id, fault.message);
    const token = tokens.find(/^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '');
    if (token === undefined) throw new ApiError(401, 'Unauthorized', 'Unable to authenticate you');
    const limit = token.limit.take();
    headers = limit.headers;
    if (limit.refused) throw new ApiError(429, 'too_many_requests', 'API rate limit exceeded.');

    const found = findRoute(routes, method, target.pathname);
    if (found === undefined) throw notFound();
    if (!token.may(found.route.scope)) {
      throw new ApiError(403, 'Forbidden', 'You are not authorized to perform this operation');
    }
    const url = `${target.origin}${target.pathname}`;
    const call = { params: found.params, query: target.searchParams, body, token, url };
    return { ...(await found.route.handle(call)), headers };
  } catch (error) {
    if (error instanceof ApiError) {
      return { status: error.status, body: { id: error.id, message: error.message }, headers };
    }
    log.warning(`The played DigitalOcean failed on ${method} ${target.pathname}: ${messageOf(error)}`);
    return { status: 500, body: { id: 'server_error', message: 'Unexpected server-side error' }, headers };
  }
}

function orderedError(status: 429 | 500 | 503): ApiError {
  if (status === 429) return new ApiError(429, 'too_many_requests', 'API rate limit exceeded.');
  if (status === 503) return new ApiError(503, 'service_unavailable', 'Server Error');
  return new ApiError(500, 'server_error', 'Unexpected server-side error');
}

function send(response: ServerResponse, reply: Reply, requestId: string, fault: FaultKind | undefined): void {
  if (response.destroyed) return;
  const isError = reply.status >= 400;
  const body = isError ? { ...(reply.body as object), request_id: requestId } : reply.body;
  const text = body === undefined ? '' : JSON.stringify(body);
  if (fault === 'truncate') {
    sendTruncated(response, reply.status, text);
    return;
  }
  response.writeHead(reply.status, {
    ...reply.headers,
    'x-request-id': requestId,
    ...(fault === 429 ? { 'retry-after': '1' } : {}),
    ...(text === '' ? {} : { 'content-type': 'application/json; charset=utf-8' }),
  });
  response.end(text);
}

/** Anything that is not JSON is as good as nothing: the route then says what it misses. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
