import type pg from 'pg';
import { quoteQualified } from './names.ts';

interface Ledger {
  table: string;
  /** Columns that together name a migration. */
  named: readonly string[];
  /** Of rows that stand for a migration that was begun, which ones have ended well; all of them where absent. */
  done?: string;
}

/** Where Rails and Ecto, Django, Knex, Sequelize, Prisma, Flyway and Alembic note which migrations were run. */
export const MIGRATION_LEDGERS: readonly Ledger[] = [
  { table: 'schema_migrations', named: ['version'] },
  { table: 'django_migrations', named: ['app', 'name'] },
  { table: 'knex_migrations', named: ['name'] },
  { table: 'SequelizeMeta', named: ['name'] },
  {
    table: '_prisma_migrations',
    named: ['migration_name'],
    done: 'finished_at IS NOT NULL AND rolled_back_at IS NULL',
  },
  { table: 'flyway_schema_history', named: ['script'], done: 'success' },
  { table: 'alembic_version', named: ['version_num'] },
];

/** The migrations that a database says were run, each with its table; none where no tool known to us keeps such a table. */
export async function readMigrations(client: pg.Client): Promise<{ table: string; name: string }[]> {
  const { rows: tables } = await client.query<{ schema: string; table: string; columns: string[] }>(
    `SELECT n.nspname AS schema, c.relname AS table,
            (SELECT pg_catalog.array_agg(a.attname::text) FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
       FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND c.relname = ANY ($1::text[])
        AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
      ORDER BY 1, 2`,
    [MIGRATION_LEDGERS.map(({ table }) => table)],
  );
  const found: { table: string; name: string }[] = [];
  for (const { schema, table, columns } of tables) {
    const ledger = MIGRATION_LEDGERS.find((one) => one.table === table);
    // A table of the application's own that happens to have the name.
    if (ledger === undefined || !ledger.named.every((column) => columns.includes(column))) continue;
    const { rows } = await client.query<{ name: string }>(
      `SELECT pg_catalog.concat_ws('.', ${ledger.named.join(', ')}) AS name
         FROM ${quoteQualified(schema, table)} ${ledger.done === undefined ? '' : `WHERE ${ledger.done}`}
        ORDER BY 1`,
    );
    found.push(...rows.map(({ name }) => ({ table: `${schema}.${table}`, name })));
  }
  return found;
}
