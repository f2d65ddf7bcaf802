import type pg from 'pg';
import { quoteLiteral, quoteQualified } from './names.ts';
import { both, type Side } from './parity-side.ts';
import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

/** Sequences that stand elsewhere, one line each. They are as they are now: snapshots do not hold them. */
export async function compareSequences(source: Side, target: Side): Promise<string[]> {
  const [left, right] = await both(readSequences(source.clients[0]), readSequences(target.clients[0]));
  const differences: string[] = [];
  for (const [name, value] of left) {
    const there = right.get(name);
    if (there !== value)
      differences.push(`${name}: ${value} on the source, ${there ?? 'missing'} on the target`);
  }
  for (const name of right.keys()) if (!left.has(name)) differences.push(`${name}: only on the target`);
  return differences;
}

async function readSequences(client: pg.Client): Promise<Map<string, string>> {
  const { rows: sequences } = await client.query<{ schema: string; name: string }>(`
    SELECT n.nspname AS schema, c.relname AS name
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'S' AND c.relpersistence <> 't'
       AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
     ORDER BY 1, 2`);
  const values = new Map<string, string>();
  for (let start = 0; start < sequences.length; start += 200) {
    const { rows } = await client.query<{ name: string; value: string }>(
      sequences
        .slice(start, start + 200)
        .map(
          ({ schema, name }) =>
            `SELECT ${quoteLiteral(`${schema}.${name}`)} AS name,
                    last_value || CASE WHEN is_called THEN '' ELSE ' (not called)' END AS value
               FROM ${quoteQualified(schema, name)}`,
        )
        .join(' UNION ALL '),
    );
    for (const row of rows) values.set(row.name, row.value);
  }
  return values;
}
