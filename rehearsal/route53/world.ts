import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';
import {
  createFaultSwitch,
  sendTruncated,
  sufferSilently,
  type FaultKind,
  type FaultSwitch,
} from '../faults.ts';
import type { PublicAnswer, PublicZones } from '../public-dns/answers.ts';
import type { RecordedRequest } from '../recorded-request.ts';
import { applyChanges } from './changes.ts';
import { compareSets, inOrder, type HostedZone, type RecordSet } from './record-set.ts';
import { documentOf, element, readChanges, setXml, zoneXml } from './xml.ts';

/** An action of IAM that a user may do. */
export type Route53Action =
  'GetHostedZone' | 'ListHostedZonesByName' | 'ListResourceRecordSets' | 'ChangeResourceRecordSets';

export interface Route53World extends PublicZones {
  apiUrl: string;
  /** Users by their access key id. The signature is not computed again: a wrong secret is played by a fault. */
  users: { add(accessKeyId: string, may?: readonly Route53Action[]): void };
  faults: FaultSwitch;
  requests: readonly RecordedRequest[];
  zones: readonly HostedZone[];
  createZone(name: string, options?: { private?: boolean }): HostedZone;
  /** As somebody at the console would. */
  addSet(zone: HostedZone, set: Omit<RecordSet, 'name'> & { name: string }): void;
  stop(): Promise<void>;
}

const ALL: readonly Route53Action[] = [
  'GetHostedZone',
  'ListHostedZonesByName',
  'ListResourceRecordSets',
  'ChangeResourceRecordSets',
];
/** Route 53's largest page is 300 sets; a small one here, so that pages are met at all. */
const PAGE = 5;
const VERSION = '2013-04-01';

class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A played Route 53 on a free loopback port: the four requests of its REST API that a migration makes, in XML. */
export async function startRoute53({ log }: { log: Log }): Promise<Route53World> {
  const zones: HostedZone[] = [];
  const users = new Map<string, ReadonlySet<Route53Action>>();
  const faults = createFaultSwitch();
  const requests: RecordedRequest[] = [];
  let nextId = 1;
  const server = createServer((request, response) => {
    respond({ zones, users, faults, requests }, request, response).catch((error: unknown) => {
      log.warning(`The played Route 53 failed: ${messageOf(error)}`);
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const publicZone = (name: string): HostedZone | undefined =>
    zones.find((zone) => !zone.private && (`${name}.` === zone.name || `${name}.`.endsWith(`.${zone.name}`)));
  return {
    apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    users: {
      add: (id, may = ALL) => {
        users.set(id, new Set(may));
      },
    },
    faults,
    requests,
    zones,
    createZone: (name, { private: isPrivate = false } = {}) => {
      const id = `Z${String(nextId++).padStart(20, '0')}`;
      const zone: HostedZone = { id, name: `${name}.`, private: isPrivate, sets: [] };
      zones.push(zone);
      return zone;
    },
    addSet: (zone, set) => {
      zone.sets.push({ ...set, name: `${set.name}.` });
      zone.sets.sort(compareSets);
    },
    zoneOf: (name) => publicZone(name)?.name.slice(0, -1),
    has: (name) => publicZone(name)?.sets.some((set) => set.name === `${name}.`) ?? false,
    answers: (name, type) =>
      (publicZone(name)?.sets ?? [])
        .filter((set) => set.name === `${name}.` && set.type === type)
        .flatMap((set) => asAnswers(name, set)),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An alias answers what its target does; here an address of a load balancer. */
function asAnswers(name: string, { type, ttl = 60, values, alias }: RecordSet): PublicAnswer[] {
  if (alias !== undefined) return type === 'A' ? [{ name, type, ttl: 60, data: '198.51.100.20' }] : [];
  return values.map((data) => ({ name, type, ttl, data }));
}

interface Played {
  zones: HostedZone[];
  users: ReadonlyMap<string, ReadonlySet<Route53Action>>;
  faults: FaultSwitch;
  requests: RecordedRequest[];
}

async function respond(played: Played, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = new URL(request.url ?? '/', 'http://played');
  const method = request.method ?? 'GET';
  const path = `${target.pathname}${target.search}`;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString('utf8');
  const requestId = `played-${played.requests.length + 1}`;
  const record: RecordedRequest = { at: new Date(), method, path, status: 0, requestId, body };
  played.requests.push(record);
  const fault = played.faults.take(method, path);
  if (fault !== undefined && sufferSilently(fault, request)) return;
  const asked = { method, target, body, fault, requestId };
  if (fault === 'twice') played.requests.push({ ...record, status: decide(played, request, asked).status });
  const { status, text } = decide(played, request, asked);
  record.status = status;
  if (fault === 'truncate') {
    sendTruncated(response, status, text);
    return;
  }
  response.writeHead(status, { 'content-type': 'text/xml', 'x-amzn-requestid': requestId }).end(text);
}

function decide(
  played: Played,
  request: IncomingMessage,
  asked: { method: string; target: URL; body: string; fault: FaultKind | undefined; requestId: string },
): { status: number; text: string } {
  try {
    const { fault } = asked;
    if (fault === 429) throw new Refusal(400, 'Throttling', 'Rate exceeded');
    if (typeof fault === 'number') throw new Refusal(fault, 'InternalFailure', 'An internal error occurred.');
    if (typeof fault === 'object') throw new Refusal(fault.status, fault.id, fault.message);
    const user = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/us-east-1\/route53\/aws4_request, /.exec(
      request.headers.authorization ?? '',
    )?.[1];
    const may = played.users.get(user ?? '');
    if (may === undefined) {
      throw new Refusal(
        403,
        'InvalidClientTokenId',
        'The security token included in the request is invalid.',
      );
    }
    return { status: 200, text: route(played.zones, may, asked) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const inner = element('Type', 'Sender') + element('Code', error.code) + element('Message', error.message);
    const text = documentOf(
      'ErrorResponse',
      `<Error>${inner}</Error>${element('RequestId', asked.requestId)}`,
    );
    return { status: error.status, text };
  }
}

function route(
  zones: readonly HostedZone[],
  may: ReadonlySet<Route53Action>,
  { method, target, body }: { method: string; target: URL; body: string },
): string {
  const [, version, section, id, part] = target.pathname.split('/');
  if (version !== VERSION) throw new Refusal(404, 'UnknownOperationException', 'Unknown operation');
  const need = (action: Route53Action): void => {
    if (may.has(action)) return;
    throw new Refusal(
      403,
      'AccessDenied',
      `User: arn:aws:iam::123456789012:user/mover is not authorized to perform: route53:${action}`,
    );
  };
  if (section === 'hostedzonesbyname') {
    need('ListHostedZonesByName');
    return zonesByName(zones, target.searchParams);
  }
  if (section !== 'hostedzone') throw new Refusal(404, 'UnknownOperationException', 'Unknown operation');
  if (part === undefined) {
    need('GetHostedZone');
    return documentOf('GetHostedZoneResponse', zoneXml(zoneOf(zones, id)));
  }
  if (method === 'POST') {
    need('ChangeResourceRecordSets');
    return change(zoneOf(zones, id), body);
  }
  need('ListResourceRecordSets');
  return sets(zoneOf(zones, id), target.searchParams);
}

function zoneOf(zones: readonly HostedZone[], id: string | undefined): HostedZone {
  const zone = zones.find((one) => one.id === id);
  if (zone !== undefined) return zone;
  throw new Refusal(404, 'NoSuchHostedZone', `No hosted zone found with ID: ${id ?? ''}`);
}

function zonesByName(zones: readonly HostedZone[], query: URLSearchParams): string {
  const wanted = query.get('dnsname') ?? '';
  const from = wanted === '' || wanted.endsWith('.') ? wanted : `${wanted}.`;
  const fromId = query.get('hostedzoneid') ?? '';
  const ordered = [...zones].sort(
    (one, other) => inOrder(one.name, other.name) || (one.id < other.id ? -1 : 1),
  );
  const start = ordered.findIndex(
    (zone) => inOrder(zone.name, from) > 0 || (zone.name === from && zone.id >= fromId),
  );
  const rest = start === -1 ? [] : ordered.slice(start);
  const page = rest.slice(0, PAGE);
  const next = rest[PAGE];
  return documentOf(
    'ListHostedZonesByNameResponse',
    `<HostedZones>${page.map(zoneXml).join('')}</HostedZones>${element('DNSName', from)}` +
      element('IsTruncated', next !== undefined) +
      (next === undefined ? '' : element('NextDNSName', next.name) + element('NextHostedZoneId', next.id)) +
      element('MaxItems', PAGE),
  );
}

function sets(zone: HostedZone, query: URLSearchParams): string {
  const wanted = (query.get('name') ?? '').toLowerCase();
  const name = wanted === '' || wanted.endsWith('.') ? wanted : `${wanted}.`;
  const [type, identifier] = [query.get('type') ?? '', query.get('identifier') ?? ''];
  const start = zone.sets.findIndex((set) => compareSets(set, { name, type, identifier, values: [] }) >= 0);
  const rest = name === '' ? zone.sets : start === -1 ? [] : zone.sets.slice(start);
  const page = rest.slice(0, PAGE);
  const next = rest[PAGE];
  return documentOf(
    'ListResourceRecordSetsResponse',
    `<ResourceRecordSets>${page.map(setXml).join('')}</ResourceRecordSets>` +
      element('IsTruncated', next !== undefined) +
      (next === undefined
        ? ''
        : element('NextRecordName', next.name) +
          element('NextRecordType', next.type) +
          element('NextRecordIdentifier', next.identifier)) +
      element('MaxItems', PAGE),
  );
}

function change(zone: HostedZone, body: string): string {
  const problems = applyChanges(zone, readChanges(body));
  if (problems.length > 0) throw new Refusal(400, 'InvalidChangeBatch', `[${problems.join(', ')}]`);
  const info =
    element('Id', '/change/C2682N5HXP0BZ4') +
    element('Status', 'PENDING') +
    element('SubmittedAt', new Date().toISOString());
  return documentOf('ChangeResourceRecordSetsResponse', `<ChangeInfo>${info}</ChangeInfo>`);
}
