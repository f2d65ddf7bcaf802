import { quoteIdentifier, quoteLiteral, quoteQualified } from './names.ts';

/**
 * How the text of a column is taken into a row's text so that no two different rows have the same one:
 * `plain`: its text is never empty and never holds the separator, as for numbers, times and jsonb;
 * `text`: characters as they are, preceded by their number of bytes;
 * `bytes`: by its md5, so that large values are not doubled into hexadecimal;
 * `other`: quoted by Postgres as a field of a row.
 */
export type ColumnClass = 'plain' | 'text' | 'bytes' | 'other';

export interface HashedColumn {
  name: string;
  kind: ColumnClass;
}

/**
 * `fast`: hashtextextended; the same number for the same text within one major version, and across majors where a probe
 * of both servers says so. `portable`: half of an md5, the same everywhere (in UTF-8, whatever the database's encoding).
 */
export type HashFunction = 'fast' | 'portable';

/** SQL: one number that tells whether two servers' fast hash functions are the same, over texts of all short lengths. */
export const PROBE_OF_FAST_HASH = `
  SELECT pg_catalog.sum(${hashOfText('pg_catalog.repeat(pg_catalog.chr(33 + n % 90), n)', 'fast')})::text AS probe
    FROM pg_catalog.generate_series(0, 300) AS n`;

/** What is hashed of a table, the same on both sides. */
export interface HashedTable {
  schema: string;
  name: string;
  columns: HashedColumn[];
  /** Columns that tell one row from another; null where no index says so. */
  key: string[] | null;
}

/** The unit separator: none of the types taken as `plain` has it in its text. */
const SEPARATOR = `pg_catalog.chr(31)`;
/** A function takes at most 100 arguments; each column brings its separator along. */
const ARGUMENTS = 90;

/**
 * SQL: a 64-bit number of the text. The collation is said, because a nondeterministic one would make equal what is only
 * equivalent, and columns of several collations have none in common.
 */
export function hashOfText(text: string, hash: HashFunction, seed = 0): string {
  if (hash === 'fast') return `pg_catalog.hashtextextended(${text} COLLATE pg_catalog."C", ${seed})`;
  const salted = seed === 0 ? text : `${quoteLiteral(`${seed}:`)} || ${text}`;
  const bytes = `pg_catalog.convert_to(${salted}, 'UTF8')`;
  return `('x' || pg_catalog.left(pg_catalog.md5(${bytes}), 16))::bit(64)::bigint`;
}

/** SQL: a 64-bit number of the row `t`'s content: every byte of it, whatever the collation or the type's own equality. */
export function hashOfRow(columns: HashedColumn[], hash: HashFunction): string {
  return hashOfText(textOfRow(columns), hash);
}

/** SQL: a 64-bit number of the row's key, other than the row's own. */
export function hashOfKey(key: string[], hash: HashFunction, seed = 0): string {
  const parts = key.flatMap((column) => [columnOf(column), SEPARATOR]).slice(0, -1);
  return hashOfText(parts.length === 1 ? `${columnOf(key[0] ?? '')}::text` : joined(parts), hash, seed);
}

/** SQL: the key's values as an array of texts, as people and the list of touched keys have them. */
export function textsOfKey(key: string[]): string {
  return `ARRAY[${key.map((column) => `${columnOf(column)}::text`).join(', ')}]::text[]`;
}

/** SQL: `ONLY schema.table AS t`. */
export function rowsOfTable(table: { schema: string; name: string }): string {
  return `ONLY ${quoteQualified(table.schema, table.name)} AS t`;
}

export function columnOf(name: string): string {
  return `t.${quoteIdentifier(name)}`;
}

/**
 * A row's own text form costs twice as much (it looks at every character for what it must quote), and the record's hash
 * function is blind to what its types' equality is blind to: numeric scale, −0, the case of citext, '1 day' against
 * '24:00'. NULL is an empty text here, which no `plain` value has and no length.
 */
function textOfRow(columns: HashedColumn[]): string {
  const parts: string[] = [];
  for (const { name, kind } of columns) {
    if (kind === 'plain') parts.push(columnOf(name), SEPARATOR);
    if (kind === 'bytes') parts.push(`pg_catalog.md5(${columnOf(name)})`, SEPARATOR);
    if (kind === 'text') parts.push(`pg_catalog.octet_length(${columnOf(name)})`, SEPARATOR);
  }
  parts.push(...columns.filter(({ kind }) => kind === 'text').map(({ name }) => columnOf(name)));
  const others = columns.filter(({ kind }) => kind === 'other').map(({ name }) => columnOf(name));
  if (others.length > 0) parts.push(`ROW(${others.join(', ')})::text`);
  return parts.length === 0 ? `''::text` : joined(parts);
}

function joined(parts: string[]): string {
  if (parts.length <= ARGUMENTS) return `pg_catalog.concat(${parts.join(', ')})`;
  const groups: string[] = [];
  for (let start = 0; start < parts.length; start += ARGUMENTS)
    groups.push(joined(parts.slice(start, start + ARGUMENTS)));
  return joined(groups);
}
