import type { Client } from 'pg';

import type { PostgresAddress } from '../../src/postgres/connect.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readDatabaseFacts } from '../../src/postgres/facts.ts';
import { quoteIdentifier, quoteQualified } from '../../src/postgres/names.ts';

const BATCH = 5000;

/**
 * Keys that stand on the old side and not on the new one: a row that the fenced old side holds has been deleted since
 * the switch, or was lost. Tables without a key cannot be told and are named. One line a table.
 */
export async function lostRows(
  source: PostgresAddress,
  target: PostgresAddress,
  tables: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  if (tables.length === 0) return [];
  const session = { applicationName: 'h2d verify', signal };
  return withConnection(source, session, (old) =>
    withConnection(target, session, async (now) => {
      const { tables: known } = await readDatabaseFacts(old);
      const lines: string[] = [];
      for (const { schema, name, key } of known) {
        if (!tables.includes(`${schema}.${name}`) || key === null) continue;
        const missing = await missingKeys(old, now, quoteQualified(schema, name), key);
        if (missing.count > 0) {
          lines.push(
            `table ${schema}.${name}: ${missing.count} rows of Heroku are not on DigitalOcean, for example ${missing.examples.join(', ')}`,
          );
        }
      }
      return lines;
    }),
  );
}

async function missingKeys(
  old: Client,
  now: Client,
  table: string,
  key: readonly string[],
): Promise<{ count: number; examples: string[] }> {
  const columns = key.map((column) => `t.${quoteIdentifier(column)}`).join(', ');
  const text = `select row(${columns})::text as key from ${table} as t`;
  const found = { count: 0, examples: [] as string[] };
  await old.query('begin transaction isolation level repeatable read read only');
  try {
    await old.query(`declare old_keys no scroll cursor for ${text}`);
    for (;;) {
      const { rows } = await old.query<{ key: string }>(`fetch ${BATCH} from old_keys`);
      if (rows.length === 0) return found;
      const missing = await now.query<{ key: string }>(
        `select old.key from unnest($1::text[]) as old (key)
          where not exists (select from ${table} as t where row(${columns})::text = old.key)`,
        [rows.map((row) => row.key)],
      );
      found.count += missing.rows.length;
      for (const row of missing.rows) if (found.examples.length < 5) found.examples.push(row.key);
    }
  } finally {
    await old.query('rollback');
  }
}
