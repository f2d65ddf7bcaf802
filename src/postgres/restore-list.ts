import { NotSupportedError } from '../errors.ts';
import { OUR_SCHEMA } from './user-objects.ts';

export interface RemovedEntry {
  /** The kind and name of the object, as pg_restore lists it. */
  entry: string;
  reason: string;
}

/** One line of `pg_restore --list`. */
export interface ListedEntry {
  /** pg_dump's own number. */
  id: number;
  /** The catalogue and number of the object on the source; zeros for what has none. */
  classOid: number;
  oid: number;
  kind: string;
  /** Schema, name and owner: what follows the kind. */
  rest: string;
  line: string;
}

/** Kinds that the application's own role can create, and whose restoring we have seen. */
const KEPT = new Set([
  ...['SCHEMA', 'TYPE', 'SHELL TYPE', 'DOMAIN', 'COLLATION', 'CONVERSION', 'CAST', 'OPERATOR'],
  ...['FUNCTION', 'PROCEDURE', 'AGGREGATE', 'TABLE', 'TABLE ATTACH', 'TABLE DATA', 'DEFAULT', 'COMMENT'],
  ...['SEQUENCE', 'SEQUENCE OWNED BY', 'SEQUENCE SET', 'VIEW', 'MATERIALIZED VIEW', 'MATERIALIZED VIEW DATA'],
  ...['CONSTRAINT', 'CHECK CONSTRAINT', 'FK CONSTRAINT', 'INDEX', 'INDEX ATTACH', 'STATISTICS', 'RULE'],
  ...['TRIGGER', 'POLICY', 'ROW SECURITY', 'TEXT SEARCH CONFIGURATION', 'TEXT SEARCH DICTIONARY'],
  // Which roles these name is only in their statements: looked at in grants.ts.
  ...['ACL', 'DEFAULT ACL'],
]);

const LARGE_OBJECT = 'large objects are copied on their own, with their numbers';

/** Kinds that the target does without, with the reason that is told. */
const REMOVED: Record<string, string> = {
  'EVENT TRIGGER': 'event triggers need a superuser; those on Heroku belong to Heroku',
  EXTENSION: 'extensions are created beforehand by the role that may',
  PUBLICATION: 'publications are not carried over: create them anew for the new side’s subscribers',
  'PUBLICATION TABLE': 'publications are not carried over',
  'PUBLICATION TABLES IN SCHEMA': 'publications are not carried over',
  'STATISTICS DATA': 'the planner’s statistics are made anew by analyze',
  'PUBLICATION REL': 'publications are not carried over',
  BLOB: LARGE_OBJECT,
  BLOBS: LARGE_OBJECT,
  'BLOB METADATA': LARGE_OBJECT,
  'BLOB COMMENTS': LARGE_OBJECT,
  DATABASE: 'the database exists already',
  'DATABASE PROPERTIES': 'settings of the database are carried over one by one',
};

/** Kinds that stop the run before anything is changed, with what the application can do. */
const REFUSED: Record<string, string> = {
  'FOREIGN DATA WRAPPER': 'foreign data is not supported: drop it, or recreate it on the target by hand',
  SERVER: 'foreign servers are not supported: drop them first, and recreate them on the target by hand',
  'USER MAPPING': 'user mappings are not supported: drop them first, and recreate them on the target by hand',
  'FOREIGN TABLE':
    'foreign tables are not supported: drop them first, and recreate them on the target by hand',
  SUBSCRIPTION: 'subscriptions are not supported: end the replication into this database first',
  'SECURITY LABEL': 'security labels need a provider’s module on the server: remove them first',
  'PROCEDURAL LANGUAGE':
    'procedural languages other than extensions need a superuser: drop the language first',
  'ACCESS METHOD': 'access methods need a superuser: drop it first',
  'OPERATOR CLASS': 'operator classes outside extensions need a superuser: drop it first',
  'OPERATOR FAMILY': 'operator families outside extensions need a superuser: drop it first',
  TRANSFORM: 'transforms are not supported: drop it first',
  'TEXT SEARCH PARSER': 'text search parsers need a superuser: drop it first',
  'TEXT SEARCH TEMPLATE': 'text search templates need a superuser: drop it first',
};

const KINDS = [...KEPT, ...Object.keys(REMOVED), ...Object.keys(REFUSED)].sort(
  (one, other) => other.length - one.length,
);

/**
 * Rewrites what `pg_restore --list` printed so that a role without superuser can restore all of it: what Heroku adds
 * to every database (facts of Heroku §3.4) and what the target gets otherwise is taken out, each with its reason.
 *
 * `extensionSchemas`: schemas that exist before the restore because an extension lives in them.
 *
 * @throws NotSupportedError for objects that cannot be carried over, and for kinds that this list does not know
 */
export function rewriteRestoreList(
  list: string,
  options: { extensionSchemas?: string[] } = {},
): { kept: string; entries: ListedEntry[]; removed: RemovedEntry[] } {
  const entries: ListedEntry[] = [];
  const removed: RemovedEntry[] = [];
  const refused: string[] = [];
  for (const line of list.split('\n')) {
    if (line.trim() === '' || line.startsWith(';')) continue;
    const entry = parse(line);
    const refusal = REFUSED[entry.kind];
    const reason = reasonToRemove(entry, new Set(options.extensionSchemas));
    if (reason !== undefined) removed.push({ entry: `${entry.kind} ${entry.rest}`, reason });
    else if (refusal !== undefined) refused.push(`${entry.kind} ${entry.rest}: ${refusal}`);
    else entries.push(entry);
  }
  if (refused.length > 0)
    throw new NotSupportedError(
      `The source database holds what cannot be copied; nothing was changed.\n${refused.join('\n')}`,
    );
  return { kept: entries.map((entry) => `${entry.line}\n`).join(''), entries, removed };
}

/** `3450; 1259 16402 TABLE public orders owner`, where kind and names may hold spaces. */
function parse(line: string): ListedEntry {
  // Names may hold what JavaScript, unlike PostgreSQL, takes for the end of a line.
  const match = /^(\d+); (\d+) (\d+) (.*)$/s.exec(line);
  const text = match?.[4] ?? '';
  const kind = KINDS.find((known) => text.startsWith(`${known} `));
  if (match === null || kind === undefined)
    throw new NotSupportedError(
      `The dump of the source lists something that this version does not know, so it might be restored wrongly; nothing was changed: ${line}`,
    );
  return {
    id: Number(match[1]),
    classOid: Number(match[2]),
    oid: Number(match[3]),
    kind,
    rest: text.slice(kind.length + 1),
    line,
  };
}

function reasonToRemove(entry: ListedEntry, extensionSchemas: Set<string>): string | undefined {
  const schema = schemaOf(entry);
  if (schema === '_heroku') return 'Heroku’s own hooks, which mean nothing elsewhere';
  if (schema === OUR_SCHEMA || (entry.kind === 'TRIGGER' && entry.rest.includes(` ${OUR_SCHEMA}_`)))
    return 'ours: it belongs to the migration';
  const commented = entry.kind === 'COMMENT' ? COMMENT_ON.exec(entry.rest)?.[1] : undefined;
  if (commented === 'EXTENSION') return 'comments on extensions come with the extension';
  if (commented !== undefined && commented in REMOVED) return REMOVED[commented];
  if (commented === 'LARGE OBJECT') return LARGE_OBJECT;
  if (schema === 'public' && isAboutSchema(entry)) return 'the schema public exists in every database';
  if (schema !== undefined && extensionSchemas.has(schema) && isAboutSchema(entry))
    return 'created beforehand, because an extension lives in it';
  return REMOVED[entry.kind];
}

/** Objects outside of any schema whose comments go with them. */
const COMMENT_ON = /^- (EXTENSION|EVENT TRIGGER|PUBLICATION|DATABASE|LARGE OBJECT) /;

function isAboutSchema(entry: ListedEntry): boolean {
  return (
    entry.kind === 'SCHEMA' || (['ACL', 'COMMENT'].includes(entry.kind) && entry.rest.startsWith('- SCHEMA '))
  );
}

/** The schema that an entry lies in, or is about. Names with spaces give their first word: never one of ours. */
function schemaOf(entry: ListedEntry): string | undefined {
  const words = entry.rest.split(' ');
  if (words[0] !== '-') return words[0];
  if (entry.kind === 'SCHEMA') return words[1];
  return words[1] === 'SCHEMA' ? words[2] : undefined;
}
