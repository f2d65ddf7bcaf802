import type pg from 'pg';
import { both, type Side } from './parity-side.ts';
import type { Difference } from './catalogue.ts';
import { isSettingLeft, mayBeSecret, readStartValues } from './settings.ts';

/**
 * Settings with which the application's sessions start on the source (of the database, the role, or the role in it) and
 * that are other on the target. What only the target has is the new provider's affair. What counts is the value that a
 * session gets: `30000` and `30s` are one, and so are a setting of the database and the same one of the whole cluster.
 * A setting that PostgreSQL itself does not know (`app.jwt_secret`) can only be attached by a superuser: where the target
 * has none, it is no difference that a copy could mend, and provision has told it.
 */
export async function compareSettings(source: Side, target: Side): Promise<Difference[]> {
  const [left, right] = await both(readSettings(source.clients[0]), readSettings(target.clients[0]));
  const differing = [...left]
    .filter(([name, value]) => right.get(name) !== value && !isSettingLeft(name))
    .map(([name]) => name);
  if (differing.length === 0) return [];
  const [given, got] = await both(
    readStartValues(source.clients[0], differing),
    readStartValues(target.clients[0], differing),
  );
  return differing.flatMap((name): Difference[] => {
    const key = name.toLowerCase();
    if (name !== 'search_path' && got.has(key) && got.get(key) === given.get(key)) return [];
    if (mayBeSecret(name) && !right.has(name) && !got.has(key)) return [];
    const other = right.get(name);
    return [
      {
        how: 'different',
        object: `setting ${name}`,
        line: mayBeSecret(name)
          ? `different: setting ${name}`
          : `different: setting ${name}: ${left.get(name) ?? ''} on the source, ${other ?? 'the default'} on the target`,
      },
    ];
  });
}

async function readSettings(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; value: string }>(`
    SELECT pg_catalog.split_part(setting, '=', 1) AS name,
           pg_catalog.substr(setting, pg_catalog.strpos(setting, '=') + 1) AS value
      FROM pg_catalog.pg_db_role_setting s
     CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS setting
      JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
      JOIN pg_catalog.pg_roles r ON r.rolname = current_user
     WHERE s.setdatabase IN (0, d.oid) AND s.setrole IN (0, r.oid)
     -- The role's in the database win over the role's, and those over the database's.
     ORDER BY (s.setrole <> 0)::integer + (s.setrole <> 0 AND s.setdatabase <> 0)::integer`);
  const settings = new Map(rows.map((row) => [row.name, row.value]));
  // The search path may also come from the server's own configuration.
  const { rows: path } = await client.query<{ value: string | null }>(`
    SELECT NULLIF(reset_val, boot_val) AS value FROM pg_catalog.pg_settings WHERE name = 'search_path'`);
  settings.set('search_path', path[0]?.value ?? 'the default');
  return settings;
}
