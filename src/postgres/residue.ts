import { withConnection, type PostgresAddress } from './connect.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/** Everything of ours that a database still holds, one line each; empty: nothing. */
export async function readResidue(
  address: PostgresAddress,
  options: { signal?: AbortSignal } = {},
): Promise<string[]> {
  return withConnection(address, { applicationName: 'h2d residue', ...options }, async (client) => {
    const { rows } = await client.query<{ what: string }>(
      `SELECT pg_catalog.format('schema %s', n.nspname) AS what
         FROM pg_catalog.pg_namespace n WHERE n.nspname = $1
        UNION ALL
       SELECT pg_catalog.format('trigger %s on %s', t.tgname, t.tgrelid::pg_catalog.regclass)
         FROM pg_catalog.pg_trigger t
        WHERE t.tgparentid = 0 AND pg_catalog.starts_with(t.tgname, $1)
        UNION ALL
       SELECT pg_catalog.format('function %s', p.oid::pg_catalog.regprocedure)
         FROM pg_catalog.pg_proc p
         JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = $1
        ORDER BY 1`,
      [OUR_SCHEMA],
    );
    return rows.map(({ what }) => what);
  });
}
