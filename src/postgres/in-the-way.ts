import type pg from 'pg';
import { quoteIdentifier, quoteQualified } from './names.ts';
import type { TargetSide } from './sides.ts';
import type { Found } from './suspended-list.ts';
import { isNoExtensionMember, isUserSchema, OUR_SCHEMA } from './user-objects.ts';

/* What would change, refuse or hide what we write, apart from foreign keys, and how it is put back as it was. */

/** tgenabled and ev_enabled: O fires for ordinary sessions, A for all, R for replicas only, D never. */
const ENABLE: Record<string, string> = { O: 'ENABLE', A: 'ENABLE ALWAYS' };

/** Triggers that would fire for us. The ones of partitions are told apart from their parents' and put back one by one. */
export async function readTriggers(client: pg.Client): Promise<Found[]> {
  const { rows } = await client.query<{ schema: string; relation: string; name: string; enabled: string }>(`
    SELECT n.nspname AS schema, c.relname AS relation, t.tgname AS name, t.tgenabled AS enabled
      FROM pg_catalog.pg_trigger t
      JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE ${firesForUs}
     ORDER BY t.oid`);
  return rows.map((row) => ({
    relation: quoteQualified(row.schema, row.relation),
    kind: 'TRIGGER STATE',
    name: row.name,
    ...switched(row, 'TRIGGER'),
    validate: null,
  }));
}

/** Before PostgreSQL 15 a partition's copy of its parent's trigger counts as internal; those of constraints always do. */
const firesForUs = `
  (NOT t.tgisinternal OR (t.tgparentid <> 0 AND t.tgconstraint = 0)) AND t.tgenabled IN ('O', 'A') AND c.relkind IN ('r', 'p')
  AND NOT pg_catalog.starts_with(t.tgname, '${OUR_SCHEMA}_')
  AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}`;

function switched(
  row: { schema: string; relation: string; name: string; enabled: string },
  what: 'TRIGGER' | 'RULE',
): { takeAway: string; restore: string } {
  const alter = `ALTER TABLE ONLY ${quoteQualified(row.schema, row.relation)}`;
  const name = quoteIdentifier(row.name);
  return {
    takeAway: `${alter} DISABLE ${what} ${name}`,
    restore: `${alter} ${ENABLE[row.enabled] ?? ''} ${what} ${name}`,
  };
}

export async function refuseLeftTriggers(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(`
    SELECT pg_catalog.format('%I on %I.%I', t.tgname, n.nspname, c.relname) AS name
      FROM pg_catalog.pg_trigger t
      JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE ${firesForUs} LIMIT 3`);
  if (rows.length > 0)
    throw new Error(`Triggers could not be disabled: ${rows.map(({ name }) => name).join(', ')}.`);
}

/** COPY passes rules by, our DELETE would not. */
export async function readRules(client: pg.Client): Promise<Found[]> {
  const { rows } = await client.query<{ schema: string; relation: string; name: string; enabled: string }>(`
    SELECT n.nspname AS schema, c.relname AS relation, r.rulename AS name, r.ev_enabled AS enabled
      FROM pg_catalog.pg_rewrite r
      JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE r.rulename <> '_RETURN' AND r.ev_enabled IN ('O', 'A') AND c.relkind IN ('r', 'p')
       AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
     ORDER BY r.oid`);
  return rows.map((row) => ({
    relation: quoteQualified(row.schema, row.relation),
    kind: 'RULE STATE',
    name: row.name,
    ...switched(row, 'RULE'),
    validate: null,
  }));
}

/** The owner is held up by FORCE only; a loader that is another role by row security itself. */
export async function readRowSecurity(client: pg.Client, target: TargetSide): Promise<Found[]> {
  const { rows } = await client.query<{
    schema: string;
    relation: string;
    forced: boolean;
    enabled: boolean;
  }>(`
    SELECT n.nspname AS schema, c.relname AS relation, c.relforcerowsecurity AS forced, c.relrowsecurity AS enabled
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND (c.relforcerowsecurity OR c.relrowsecurity)
       AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
     ORDER BY c.oid`);
  const ownerLoads = target.loader.user === target.owner.user;
  return rows.flatMap((row) => {
    const relation = quoteQualified(row.schema, row.relation);
    const item = (name: string, off: string, on: string): Found => ({
      relation,
      kind: 'ROW SECURITY STATE',
      name,
      takeAway: `ALTER TABLE ONLY ${relation} ${off}`,
      restore: `ALTER TABLE ONLY ${relation} ${on}`,
      validate: null,
    });
    return [
      ...(row.forced ? [item('forced', 'NO FORCE ROW LEVEL SECURITY', 'FORCE ROW LEVEL SECURITY')] : []),
      ...(row.enabled && !ownerLoads
        ? [item('enabled', 'DISABLE ROW LEVEL SECURITY', 'ENABLE ROW LEVEL SECURITY')]
        : []),
    ];
  });
}
