import type { Client } from 'pg';

import { withConnection, type PostgresAddress } from '../postgres/connect.ts';
import { quoteIdentifier, quoteQualified } from '../postgres/names.ts';
import type { OldHost } from './old-hosts.ts';
import type { Check } from './result.ts';

/** Rows of one table that are looked at, and how long a statement and all of them may take. */
const ROWS_OF_A_TABLE = 20_000;
const STATEMENT_MS = 5_000;
const ALL_MS = 60_000;
const MOST_NAMED = 15;

interface TextTable {
  schema: string;
  name: string;
  rows: number;
  columns: string[];
}

/**
 * Text columns of the new database that name the old side: a link in a mail that was stored, an address of a picture.
 * SELECT only, in a transaction that cannot write, of a sample where a table is large; what was not looked at is told.
 */
export async function oldHostsInRows(
  database: PostgresAddress,
  hosts: readonly OldHost[],
  signal: AbortSignal,
): Promise<Check> {
  const base = {
    id: 'third-parties/rows',
    area: 'third-parties',
    what: 'Rows that name the old side',
  } as const;
  const found: string[] = [];
  const notLooked: string[] = [];
  let tables = 0;
  const started = performance.now();
  const session = { applicationName: 'h2d verify rows', statementTimeoutMs: STATEMENT_MS, signal };
  await withConnection(database, session, async (client) => {
    for (const table of await textTables(client)) {
      const name = `${table.schema}.${table.name}`;
      if (performance.now() - started > ALL_MS) {
        notLooked.push(name);
        continue;
      }
      try {
        const hits = await lookAt(client, table, hosts);
        tables += 1;
        if (table.rows > ROWS_OF_A_TABLE)
          notLooked.push(`${name} beyond a sample of ${ROWS_OF_A_TABLE} rows`);
        for (const [column, count] of hits)
          found.push(`${name}.${column} (${count} rows of those looked at)`);
      } catch (error) {
        signal.throwIfAborted();
        notLooked.push(`${name} (${reasonOf(error)})`);
      }
    }
  });
  const missing = notLooked.length === 0 ? '' : `; not looked at: ${shortened(notLooked)}`;
  if (tables === 0 && notLooked.length > 0)
    return { ...base, found: `no table could be looked at${missing}`, state: 'failed' };
  return found.length === 0
    ? { ...base, found: `none in ${tables} tables with text${missing}`, state: 'passed' }
    : {
        ...base,
        found: `${shortened(found)}${missing}`,
        state: 'told',
        remedy:
          'Look at each: an address of the app at Heroku ends there, and one of its databases is a secret’s place.',
      };
}

async function textTables(client: Client): Promise<TextTable[]> {
  const { rows } = await client.query<TextTable>(`
    SELECT n.nspname AS schema, c.relname AS name, c.reltuples::float8 AS rows,
           pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) AS columns
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
     WHERE c.relkind = 'r'
       AND n.nspname !~ '^(pg_|information_schema$|heroku_to_digitalocean)'
       AND t.typname IN ('text', 'varchar', 'bpchar', 'citext', 'json', 'jsonb', 'xml', 'hstore')
       AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
     GROUP BY n.nspname, c.relname, c.reltuples
     ORDER BY c.reltuples`);
  return rows;
}

/** Columns that name a host, each with how many rows of the sample do. */
async function lookAt(
  client: Client,
  { schema, name, rows, columns }: TextTable,
  hosts: readonly OldHost[],
): Promise<[string, number][]> {
  // A sample of blocks, so that a large table is not read as a whole only to be cut.
  const share = rows > ROWS_OF_A_TABLE ? (100 * ROWS_OF_A_TABLE) / rows : 100;
  const sample = share < 100 ? `TABLESAMPLE SYSTEM (${share.toFixed(6)})` : '';
  const pattern = hosts.map(({ host }) => host.replaceAll(/[.\\+*?[^\]$(){}=!<>|:#-]/g, '\\$&')).join('|');
  const counts = columns.map(
    (column, index) =>
      `pg_catalog.count(*) FILTER (WHERE t.${quoteIdentifier(column)}::text ~* $1)::int AS c${index}`,
  );
  await client.query('BEGIN TRANSACTION READ ONLY');
  try {
    const answer = await client.query<Record<string, number>>(
      `SELECT ${counts.join(', ')}
         FROM (SELECT * FROM ${quoteQualified(schema, name)} ${sample} LIMIT ${ROWS_OF_A_TABLE}) AS t`,
      [pattern],
    );
    return columns.flatMap((column, index): [string, number][] => {
      const count = answer.rows[0]?.[`c${index}`] ?? 0;
      return count > 0 ? [[column, count]] : [];
    });
  } finally {
    await client.query('ROLLBACK');
  }
}

function reasonOf(error: unknown): string {
  const { code } = error as { code?: string };
  return code === '57014' ? `longer than ${STATEMENT_MS / 1000} s` : 'it could not be read';
}

function shortened(names: readonly string[]): string {
  const rest = names.length - MOST_NAMED;
  return `${names.slice(0, MOST_NAMED).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
