import { z } from 'zod';
import { ConfigurationError, quoted } from '../errors.ts';

interface Facts {
  /** The HTTP status; 0 when there was no answer. */
  status: number;
  /** DigitalOcean's own word for the error, for example `unprocessable_entity`. */
  id: string;
  requestId: string | undefined;
}

/** An answer of DigitalOcean that is not a success. It never carries the token, a header or a request's body. */
export class DigitalOceanError extends Error {
  override readonly name = 'DigitalOceanError';
  readonly status: number;
  readonly id: string;
  readonly requestId: string | undefined;

  constructor(message: string, facts: Facts) {
    super(message);
    this.status = facts.status;
    this.id = facts.id;
    this.requestId = facts.requestId;
  }
}

/** Limits of an account and unpaid bills come as 422, 403, 402 or 412; only the words tell them from a wrong request. */
const QUOTA = /\b(limit|quota|exceed\w*|payment|billing|past due|verif\w+ your)\b/i;
/** What is refused for the token's sake; other reasons for a 403 ("Can not delete VPC with members") say so. */
const UNAUTHORIZED = /^$|^forbidden|not authorized|permission|scope/i;

const errorBody = z.object({
  id: z.string().default('unknown'),
  message: z.string().default(''),
  request_id: z.string().optional(),
});

/** Turns a refusal into the error for the person who must act; a wrong token, a missing scope or a quota is theirs to mend. */
export function explainRefusal(
  response: Response,
  text: string,
  asked: { method: string; path: string; redact?: (text: string) => string },
): Error {
  const { method, path, redact = (said: string) => said } = asked;
  const { request_id, ...said } = readBody(text);
  const [id, message] = [quoted(redact(said.id)), quoted(redact(said.message))];
  const requestId = request_id ?? response.headers.get('x-request-id') ?? undefined;
  const trace = requestId === undefined ? '' : ` (request ${requestId})`;
  const what = `${method} ${path.replace(/\?.*$/, '')}`;

  if (response.status === 401) {
    return new ConfigurationError(
      `DigitalOcean does not know the token${trace}. Make one at https://cloud.digitalocean.com/account/api/tokens with the ` +
        'scopes that the README of this action lists, and store it as the secret DIGITALOCEAN_TOKEN.',
    );
  }
  if ([402, 403, 412, 422].includes(response.status) && QUOTA.test(message)) {
    return new ConfigurationError(
      `DigitalOcean refuses ${what}: ${message}${trace}. Ask for a higher limit at ` +
        'https://cloud.digitalocean.com/account/team/droplet_limit_increase (or settle the bill), or remove what is not ' +
        'needed, then run this again: it goes on from here.',
    );
  }
  if (response.status === 403 && UNAUTHORIZED.test(message)) {
    return new ConfigurationError(
      `DigitalOcean refuses ${what}: ${message || 'forbidden'} The token lacks the scope \`${scopeFor(method, path)}\`${trace}: ` +
        'edit it at https://cloud.digitalocean.com/account/api/tokens, then run this again.',
    );
  }
  if (response.status === 422 && method === 'POST' && /\bregion\b/i.test(message)) {
    return new ConfigurationError(
      `DigitalOcean refuses ${what}: ${message}${trace}. The region does not offer it (now): choose another \`region\` or ` +
        'size in migration.yml, run assess again, and then this.',
    );
  }
  return new DigitalOceanError(
    `DigitalOcean answered ${what} with ${response.status} ${id}: ${message || 'no reason given'}${trace}.`,
    { status: response.status, id, requestId },
  );
}

function readBody(text: string): z.infer<typeof errorBody> {
  try {
    const parsed = errorBody.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
  } catch {
    // A proxy's page instead of DigitalOcean's JSON: the status says enough.
  }
  return { id: 'unknown', message: '' };
}

const RESOURCES: Record<string, string> = {
  apps: 'app',
  databases: 'database',
  droplets: 'droplet',
  firewalls: 'firewall',
  vpcs: 'vpc',
  domains: 'domain',
  tags: 'tag',
  account: 'account',
  projects: 'project',
  sizes: 'sizes',
  regions: 'regions',
  registries: 'registry',
};

const CREATED_BELOW = new Set(['dbs', 'users', 'pools', 'replicas']);

/** The custom scope that a request needs (API reference, "Token scopes"); `apps/propose` only reads. */
export function scopeFor(method: string, path: string): string {
  const [first = '', second = '', third = ''] = path.replace(/\?.*$/, '').split('/').filter(Boolean);
  const resource = RESOURCES[first] ?? first;
  if (first === 'apps' && second === 'propose') return 'app:read';
  // What lies below a cluster, an app or a domain is part of it; but a cluster's databases, users and pools are created,
  // alerts are all that there is of monitoring (`/monitoring/alerts/ID`), and an image is deleted as its registry is.
  const below =
    third !== '' &&
    !['monitoring', 'registries'].includes(first) &&
    !(first === 'databases' && CREATED_BELOW.has(third));
  const verb =
    method === 'GET'
      ? 'read'
      : method === 'POST' && !below
        ? 'create'
        : method === 'DELETE' && !below
          ? 'delete'
          : 'update';
  return `${resource}:${verb}`;
}
