import { z } from 'zod';
import { ConfigurationError, quoted } from '../errors.ts';

interface Facts {
  /** The HTTP status; 0 when there was no answer at all. */
  status: number;
  /** Heroku's own word for the error, for example `not_found`. */
  id: string;
  /** What Heroku's support asks for. */
  requestId: string | undefined;
}

/** An answer of Heroku that is not a success. It never carries the token, a request header or a body. */
export class HerokuError extends Error {
  override readonly name = 'HerokuError';
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

/** Heroku knows the token not at all: nothing else can be asked either. */
export class UnknownTokenError extends ConfigurationError {}

/** The token may not do this one thing; `scope` would allow it. */
export class ForbiddenError extends ConfigurationError {
  readonly scope: string;

  constructor(message: string, scope: string) {
    super(message);
    this.scope = scope;
  }
}

const errorBody = z.object({ id: z.string().default('unknown'), message: z.string().default('') });

/**
 * Turns a refusal into the error for the person who must act: a wrong token, a missing scope and a suspended app are
 * theirs to mend (ConfigurationError), anything else is a HerokuError. `redact` takes secrets out of what Heroku says.
 */
export async function explainRefusal(
  response: Response,
  method: string,
  path: string,
  redact: (text: string) => string = (text) => text,
): Promise<Error> {
  const body = errorBody.safeParse(await response.json().catch(() => undefined));
  const said = body.success ? body.data : { id: 'unknown', message: '' };
  const [id, message] = [quoted(redact(said.id)), quoted(redact(said.message))];
  const requestId = response.headers.get('request-id') ?? undefined;
  const trace = requestId === undefined ? '' : ` (Request-Id ${requestId})`;
  const what = `${method} ${path}`;

  switch (response.status) {
    case 401:
      return new UnknownTokenError(
        `Heroku does not know the token${trace}. Make one with ` +
          '`heroku authorizations:create --scope read-protected,write-protected` and store it as the secret HEROKU_TOKEN.',
      );
    case 402:
      return new ConfigurationError(
        `Heroku refuses ${what}: the account has an unpaid bill${trace}. ${message}`.trim(),
      );
    case 403:
      return new ForbiddenError(forbidden(id, message, method, path) + trace, scopeFor(method, path));
    default:
      return new HerokuError(
        `Heroku answered ${what} with ${response.status} ${id}: ${message || 'no reason given'}${trace}.`,
        { status: response.status, id, requestId },
      );
  }
}

function forbidden(id: string, message: string, method: string, path: string): string {
  if (id === 'two_factor') {
    return (
      `Heroku asks for a second factor for ${method} ${path}: use an authorization's token ` +
      '(`heroku authorizations:create`), which needs none, instead of a password session.'
    );
  }
  if (id === 'suspended') return `Heroku has suspended what ${method} ${path} asks for: ${message}`;
  return (
    `Heroku refuses ${method} ${path}: ${message || 'forbidden'} The token lacks the scope \`${scopeFor(method, path)}\`, ` +
    'or its account is not a collaborator of the app with that right. A fitting token: ' +
    `\`heroku authorizations:create --scope ${method === 'GET' ? 'read-protected' : 'read-protected,write-protected'}\`.`
  );
}

/**
 * The OAuth scope that a request needs. Config vars, and what carries them (releases, slugs, the databases of the data
 * API, whose answers hold their addresses), want the `-protected` kinds (Heroku Dev Center, "OAuth", scopes).
 */
export function scopeFor(method: string, path: string): string {
  const isProtected = /\/(config-vars|releases|slugs|databases)\b/.test(path);
  const verb = method === 'GET' ? 'read' : 'write';
  return isProtected ? `${verb}-protected` : verb;
}
