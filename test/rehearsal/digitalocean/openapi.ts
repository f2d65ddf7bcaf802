import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';

const contracts = join(import.meta.dirname, '../../../../shared/contracts');
const file = join(contracts, 'digitalocean-openapi.trimmed.json');

/** Whether DigitalOcean's own description lies beside the project; it is never part of it. */
export const hasContract = existsSync(file);

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = Record<string, Json>;

interface Document {
  paths: Record<string, Record<string, Operation>>;
}

interface Operation {
  security?: { bearer_auth?: string[] }[];
  responses: Record<string, unknown>;
  requestBody?: unknown;
  parameters?: unknown[];
}

/** Checks answers and bodies against DigitalOcean's OpenAPI description, by method and path. */
export class Contract {
  readonly #document: Document;
  readonly #ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false });

  constructor() {
    const text = readFileSync(file, 'utf8');
    this.#document = asJsonSchema(JSON.parse(text) as Json) as unknown as Document;
    addFormats.default(this.#ajv);
    // Formats of OpenAPI that JSON Schema does not know, and one that is applied to wildcards too.
    for (const format of ['hostname', 'uint32']) this.#ajv.addFormat(format, true);
    this.#ajv.addSchema(this.#document, 'do');
  }

  describes(method: string, path: string): boolean {
    return this.#matching(method, path) !== undefined;
  }

  /** The scopes of which a token needs one. */
  scopesOf(method: string, path: string): string[] {
    return (this.#find(method, path).operation.security ?? []).flatMap(({ bearer_auth = [] }) => bearer_auth);
  }

  /** What is wrong with an answer; empty when nothing is. Throws for a path or status that is not described. */
  problemsOfAnswer(method: string, path: string, status: number, body: unknown): string[] {
    const { pattern, operation } = this.#find(method, path);
    // What is not described by its status is described by `default`, which is for errors.
    const key = [String(status), ...(status >= 400 ? ['default'] : [])].find(
      (one) => one in operation.responses,
    );
    if (key === undefined) return [`${method} ${pattern}: status ${status} is not described`];
    const at = ['paths', pattern, method.toLowerCase(), 'responses', key];
    return this.#check(at, `${method} ${pattern} ${status}`, body);
  }

  problemsOfRequest(method: string, path: string, body: unknown): string[] {
    const { pattern, operation } = this.#find(method, path);
    if (operation.requestBody === undefined) return [];
    return this.#check(
      ['paths', pattern, method.toLowerCase(), 'requestBody'],
      `${method} ${pattern} body`,
      body,
    );
  }

  /** Of the names in an address, those that are not described for it. */
  unknownParameters(method: string, path: string, names: readonly string[]): string[] {
    const { pattern, operation } = this.#find(method, path);
    const of = (at: string[], parameters: unknown): unknown[] =>
      (Array.isArray(parameters) ? parameters : []).map(
        (_, index) => this.#follow([...at, 'parameters', String(index)]).node,
      );
    const known = [
      ...of(['paths', pattern], this.#document.paths[pattern]?.['parameters']),
      ...of(['paths', pattern, method.toLowerCase()], operation.parameters),
    ].map((one) => (one as { name: string }).name);
    return names.filter((name) => !known.includes(name));
  }

  #check(at: string[], what: string, body: unknown): string[] {
    const { pointer, node } = this.#follow(at);
    const content = (node as { content?: Record<string, { schema?: unknown }> }).content;
    if (content?.['application/json']?.schema === undefined) {
      return body === undefined ? [] : [`${what}: a body where none is described`];
    }
    const validate = this.#compile([...pointer, 'content', 'application/json', 'schema']);
    if (validate(body)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message }) => `${what}: ${instancePath} ${message ?? ''}`,
    );
  }

  #compile(pointer: string[]): ValidateFunction {
    const escaped = pointer.map((part) =>
      encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')),
    );
    return this.#ajv.compile({ $ref: `do#/${escaped.join('/')}` });
  }

  /** A node of the document, through references. */
  #follow(at: string[]): { pointer: string[]; node: unknown } {
    const node = at.reduce<unknown>(
      (value, part) => (value as Record<string, unknown>)[part],
      this.#document,
    );
    const reference = (node as { $ref?: string }).$ref;
    if (reference === undefined) return { pointer: at, node };
    return this.#follow(
      reference
        .slice(2)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')),
    );
  }

  #find(method: string, path: string): { pattern: string; operation: Operation } {
    const found = this.#matching(method, path);
    if (found === undefined) throw new Error(`${method} ${path} is not described.`);
    return found;
  }

  #matching(method: string, path: string): { pattern: string; operation: Operation } | undefined {
    const given = path.replace(/\?.*$/, '').split('/');
    const fits = (pattern: string): boolean => {
      const words = pattern.split('/');
      return (
        words.length === given.length &&
        words.every((word, index) => word.startsWith('{') || word === given[index])
      );
    };
    const [pattern] = Object.keys(this.#document.paths)
      .filter((one) => fits(one) && this.#document.paths[one]?.[method.toLowerCase()] !== undefined)
      .sort((a, b) => a.split('{').length - b.split('{').length);
    const operation =
      pattern === undefined ? undefined : this.#document.paths[pattern]?.[method.toLowerCase()];
    return pattern === undefined || operation === undefined ? undefined : { pattern, operation };
  }
}

/** The description lags the service: its kinds of jobs lack SCHEDULED, which the documentation has since 2026. */
function withScheduledJobs(kinds: Json[]): Json[] {
  return kinds.includes('POST_DEPLOY') ? [...kinds, 'SCHEDULED'] : kinds;
}

/** OpenAPI 3.0 says `nullable: true` where JSON Schema says `type: [..., "null"]`; its examples are no keywords. */
function asJsonSchema(node: Json): Json {
  if (Array.isArray(node)) return node.map(asJsonSchema);
  if (node === null || typeof node !== 'object') return node;
  const { nullable, ...rest } = node;
  const converted: JsonObject = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, asJsonSchema(value)]),
  );
  if (Array.isArray(converted['enum'])) converted['enum'] = withScheduledJobs(converted['enum']);
  if (nullable === true && typeof converted['type'] === 'string') {
    converted['type'] = [converted['type'], 'null'];
    if (Array.isArray(converted['enum'])) converted['enum'].push(null);
  }
  return converted;
}

/** The fields of a type of godo, DigitalOcean's own Go client: more complete than the OpenAPI description. */
export function godoFields(type: string): string[] {
  const specs = JSON.parse(readFileSync(join(contracts, 'digitalocean-app-spec.json'), 'utf8')) as {
    types: Record<string, { fields: object } | undefined>;
  };
  return Object.keys(specs.types[type]?.fields ?? {});
}
