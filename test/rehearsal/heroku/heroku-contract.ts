import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type AnySchema, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';

/** Heroku's published schemas lie beside the checkout where they may; they are never part of it. */
const contracts = join(import.meta.dirname, '../../../../shared/contracts');

export const hasContracts = existsSync(contracts);

/** Finds the check for the answer to a request, by its method and the path of our route; undefined: not described. */
export type Contract = (method: string, path: string) => ((body: unknown) => string[]) | undefined;

/** A request that the real CLI made. */
export interface CliRequest {
  method: string;
  path: string;
  accept: string;
  range?: string;
  body?: string;
  'accept-expansion'?: string;
  'accept-inclusion'?: string;
}

/** What the CLI asks for in a command, recorded from heroku@11.10.0. */
export function cliRequests(command: string): CliRequest[] {
  const { commands } = reading('heroku-cli-requests.json') as { commands: Record<string, CliRequest[]> };
  return commands[command] ?? [];
}

interface Link {
  method: string;
  href: string;
  /** Of the body. */
  schema?: AnySchema;
  /** Of the answer. */
  targetSchema?: AnySchema;
}

/** The Platform API's own hyper-schema: its answers. */
export function platformContract(): Contract {
  return platformSchema(({ targetSchema }) => targetSchema, { whole: true });
}

/** What it says of the bodies of requests; a request that it describes without a body has none to check. */
export function platformRequests(): Contract {
  return platformSchema(({ schema }) => schema ?? {}, { whole: false });
}

/** `whole`: every property that is described must be there, as in answers; a request may leave out what it does not say. */
function platformSchema(
  schemaOf: (link: Link) => AnySchema | undefined,
  { whole }: { whole: boolean },
): Contract {
  const { definitions } = reading('heroku-platform-api.3.sdk.schema.json') as {
    definitions: Record<string, { links?: Link[] }>;
  };
  const ajv = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true });
  formats.default(ajv);
  // A host name stands where the schema says URI.
  ajv.addFormat('uri', true);
  // Only definitions are compiled: the links around them hold templates.
  ajv.addSchema({ $id: 'heroku', definitions: strict(definitions, whole) });
  const shape = (path: string): string =>
    path.replace(/\{\([^)]*\)\}|:[a-z]+/g, '*').replace('/users/~', '/users/*');
  const links = Object.values(definitions).flatMap((definition) => definition.links ?? []);
  return (method, path) => {
    const link = links.find((one) => one.method === method && shape(one.href) === shape(path));
    const schema = link === undefined ? undefined : schemaOf(link);
    return schema === undefined ? undefined : check(ajv.compile(absolute(schema)));
  };
}

/** The data API's answers as Heroku inferred them from its own tests. */
export function dataContract(): Contract {
  const { endpoints } = reading('heroku-data-api.client-schemas.json') as {
    endpoints: Record<string, { responses: Record<string, unknown> }>;
  };
  const ajv = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true });
  const shape = (path: string): string => path.replace(/\{[^}]*\}|:[a-z]+/g, '*');
  return (method, path) => {
    const name = Object.keys(endpoints).find((key) => shape(key) === `${method} ${shape(path)}`);
    if (name === undefined) return undefined;
    // A list that was always empty has no description of its items.
    const schema = JSON.stringify(endpoints[name]?.responses['200']).replaceAll('"items":null', '"items":{}');
    return check(ajv.compile(JSON.parse(schema) as AnySchema));
  };
}

function check(validate: ValidateFunction): (body: unknown) => string[] {
  return (body) => {
    if (validate(body)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`,
    );
  };
}

function reading(file: string): unknown {
  return JSON.parse(readFileSync(join(contracts, file), 'utf8'));
}

/** `strictProperties` is Heroku's word for "these properties, all of them, and no other". */
function strict(schema: unknown, whole: boolean): unknown {
  if (Array.isArray(schema)) return schema.map((one) => strict(one, whole));
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = Object.fromEntries(
    Object.entries(schema)
      .filter(([key, value]) => !(key === 'links' && Array.isArray(value)))
      .map(([key, value]) => [key, strict(value, whole)]),
  );
  if ('strictProperties' in schema && schema.strictProperties === true && 'properties' in schema) {
    if (whole) copy['required'] = Object.keys(schema.properties ?? {});
    copy['additionalProperties'] = false;
  }
  return copy;
}

function absolute(schema: AnySchema): AnySchema {
  return JSON.parse(
    JSON.stringify(schema).replaceAll('"#/definitions/', '"heroku#/definitions/'),
  ) as AnySchema;
}
