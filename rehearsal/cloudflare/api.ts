import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';
import { sendTruncated, sufferSilently, type FaultKind, type FaultSwitch } from '../faults.ts';
import type { RecordedRequest } from '../recorded-request.ts';
import { ApiError, forbidden } from './api-error.ts';
import { addRule, changeRule, removeRule, replaceRules, rulesOf } from './origin-rules.ts';
import { addRecord, changeInBatch, changeRecord, removeRecord } from './records.ts';
import type { Zone, ZoneRecord } from './zone.ts';

/** A permission of a token, as the dashboard names them. */
export type Permission = 'zone:read' | 'settings:read' | 'dns:edit' | 'origin-rules:edit';

export interface ApiOptions {
  log: Log;
  zones: readonly Zone[];
  tokens: ReadonlyMap<string, ReadonlySet<Permission>>;
  faults: FaultSwitch;
  requests: RecordedRequest[];
}

const BASE = '/client/v4';

interface Call {
  method: string;
  query: URLSearchParams;
  body: unknown;
  may: ReadonlySet<Permission>;
}

interface Reply {
  status: number;
  result: unknown;
  info?: object;
}

/** Cloudflare's API v4, as far as a migration speaks it: every answer in the one envelope. */
export async function startCloudflareApi(
  options: ApiOptions,
): Promise<{ url: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    respond(options, request, response).catch((error: unknown) => {
      options.log.warning(`The played Cloudflare failed: ${messageOf(error)}`);
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${BASE}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(
  options: ApiOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const target = new URL(request.url ?? '/', 'http://played');
  const method = request.method ?? 'GET';
  const path = `${target.pathname}${target.search}`;
  const body = await readJson(request);
  const requestId = `${options.requests.length + 1}-FRA`;
  const record: RecordedRequest = { at: new Date(), method, path, status: 0, requestId, body };
  options.requests.push(record);
  const fault = options.faults.take(method, path);
  if (fault !== undefined && sufferSilently(fault, request)) return;
  const asked = { method, target, body, fault };
  if (fault === 'twice') options.requests.push({ ...record, status: decide(options, request, asked).status });
  const { status, text } = decide(options, request, asked);
  record.status = status;
  if (fault === 'truncate') {
    sendTruncated(response, status, text);
    return;
  }
  response.writeHead(status, {
    'content-type': 'application/json',
    'cf-ray': requestId,
    ...(status === 429 ? { 'retry-after': '1' } : {}),
  });
  response.end(text);
}

function decide(
  options: ApiOptions,
  request: IncomingMessage,
  {
    method,
    target,
    body,
    fault,
  }: { method: string; target: URL; body: unknown; fault: FaultKind | undefined },
): { status: number; text: string } {
  try {
    if (fault === 429) throw new ApiError(429, 971, 'Please wait and consider throttling your request speed');
    if (typeof fault === 'number') throw new ApiError(fault, 10_001, 'internal server error');
    if (typeof fault === 'object') throw new ApiError(fault.status, Number(fault.id), fault.message);
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) throw new ApiError(400, 6003, 'Invalid request headers');
    const may = options.tokens.get(token);
    if (may === undefined) throw new ApiError(403, 9109, 'Invalid access token');
    const reply = route(options.zones, target, { method, query: target.searchParams, body, may });
    return {
      status: reply.status,
      text: JSON.stringify({
        result: reply.result,
        success: true,
        errors: [],
        messages: [],
        ...(reply.info === undefined ? {} : { result_info: reply.info }),
      }),
    };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { status, code, message } = error;
    return {
      status,
      text: JSON.stringify({ result: null, success: false, errors: [{ code, message }], messages: [] }),
    };
  }
}

function route(zones: readonly Zone[], target: URL, call: Call): Reply {
  const [, , , section, zoneId, part, ...rest] = target.pathname.split('/');
  const { method } = call;
  if (section !== 'zones') throw new ApiError(404, 7003, 'Could not route to the path');
  if (zoneId === undefined) {
    // Whoever may not read a zone is not told that it exists.
    const seen = call.may.has('zone:read') ? zones : [];
    const name = call.query.get('name');
    return page(seen.filter((zone) => name === null || zone.name === name).map(showZone), call.query);
  }
  const zone = zones.find(({ id }) => id === zoneId);
  if (zone === undefined) throw new ApiError(404, 7003, 'Could not route to the zone');
  const need = (permission: Permission): void => {
    if (!call.may.has(permission)) throw forbidden();
  };
  if (part === undefined) {
    need('zone:read');
    return ok(showZone(zone));
  }
  if (part === 'settings' && rest[0] === 'ssl') {
    need('settings:read');
    return ok({ id: 'ssl', value: zone.ssl, editable: true });
  }
  if (part === 'dns_records') {
    need('dns:edit');
    return records(zone, rest[0], call);
  }
  if (part === 'rulesets') {
    need('origin-rules:edit');
    return rulesets(zone, rest, call);
  }
  throw new ApiError(404, 7003, `Could not route ${method} to the path`);
}

function records(zone: Zone, id: string | undefined, { method, query, body }: Call): Reply {
  if (id === undefined) {
    if (method === 'POST') return ok(addRecord(zone, body));
    const [name, type] = [query.get('name.exact') ?? query.get('name'), query.get('type')];
    const found = zone.records.filter(
      (record) => (name === null || record.name === name) && (type === null || record.type === type),
    );
    return page(found.map(show), query);
  }
  if (id === 'batch' && method === 'POST') return ok(changeInBatch(zone, body));
  if (method === 'DELETE') return ok(removeRecord(zone, id));
  return ok(changeRecord(zone, id, body));
}

function rulesets(zone: Zone, [first, second, third, fourth]: string[], { method, body }: Call): Reply {
  if (first === 'phases' && second === 'http_request_origin' && third === 'entrypoint') {
    return ok(method === 'PUT' ? replaceRules(zone, body) : rulesOf(zone));
  }
  if (second !== 'rules' || first === undefined) throw new ApiError(404, 7003, 'Could not route to the path');
  if (third === undefined) return ok(addRule(zone, first, body));
  if (fourth !== undefined) throw new ApiError(404, 7003, 'Could not route to the path');
  return ok(method === 'DELETE' ? removeRule(zone, first, third) : changeRule(zone, first, third, body));
}

function ok(result: unknown): Reply {
  return { status: 200, result };
}

function page(items: readonly unknown[], query: URLSearchParams): Reply {
  const number = Number(query.get('page') ?? 1);
  const size = Number(query.get('per_page') ?? 20);
  const part = items.slice((number - 1) * size, number * size);
  const info = {
    page: number,
    per_page: size,
    count: part.length,
    total_count: items.length,
    total_pages: Math.ceil(items.length / size),
  };
  return { status: 200, result: part, info };
}

function showZone({ id, name, plan, type, status }: Zone): object {
  return { id, name, status, type, paused: false, plan: { id, name: plan, legacy_id: plan } };
}

function show(record: ZoneRecord): object {
  return { ...record, proxiable: ['A', 'AAAA', 'CNAME'].includes(record.type), settings: {}, meta: {} };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
