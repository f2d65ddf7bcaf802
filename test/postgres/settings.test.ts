import { expect, test } from '@jest/globals';
import { withConnection } from '../../src/postgres/connect.ts';
import { readPreparationFacts } from '../../src/postgres/facts.ts';
import { applySettings } from '../../src/postgres/settings.ts';
import { prepareExtensions } from '../../src/postgres/target.ts';
import { silentLog, type Log } from '../../src/log.ts';
import { testPostgres } from '../support/servers.ts';
import { twoSides } from './two-sides.ts';

const session = { applicationName: 'h2d test 0' };
const SECRET = 'jwt-9f8e7d6c5b4a';

function listening(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const note = (line: string): void => {
    lines.push(line);
  };
  return { log: { ...silentLog, info: note, warning: note, debug: note }, lines };
}

test('what the database and the role set is carried over once, word for word, and a secret is never printed', async () => {
  const sides = await twoSides();
  const server = await testPostgres();
  const { database, user } = sides.source;
  await server.query(
    'postgres',
    `ALTER DATABASE "${database}" SET work_mem = '24MB'; ALTER ROLE "${user}" SET statement_timeout = 30000;
     ALTER ROLE "${user}" IN DATABASE "${database}" SET idle_in_transaction_session_timeout = '2min';
     ALTER DATABASE "${database}" SET search_path = "$user", public, heroku_ext;
     ALTER DATABASE "${database}" SET app.jwt_secret = '${SECRET}';
     ALTER DATABASE "${database}" SET log_min_duration_statement = '2s';
     ALTER DATABASE "${database}" SET default_transaction_read_only = off`,
  );
  const facts = await withConnection(sides.source, session, readPreparationFacts);
  const first = listening();
  const fates = await applySettings(sides.loader, sides.owner, facts, { ...session, log: first.log });
  expect(Object.fromEntries(fates.map(({ name, fate }) => [name, fate]))).toEqual({
    work_mem: 'set',
    statement_timeout: 'set',
    idle_in_transaction_session_timeout: 'set',
    search_path: 'set',
    'app.jwt_secret': 'refused',
    log_min_duration_statement: 'refused',
    default_transaction_read_only: 'left',
  });
  expect(fates.find(({ name }) => name === 'app.jwt_secret')?.why).toContain('when it connects');
  expect(JSON.stringify([first.lines, fates])).not.toContain(SECRET);
  expect(first.lines.join('\n')).toContain('work_mem = 24MB');

  const [row] = await server.query<{ settings: string[] }>(
    'postgres',
    `SELECT setconfig AS settings FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
      WHERE d.datname = '${sides.owner.database}' AND s.setrole = 0`,
  );
  expect(row?.settings.sort()).toEqual([
    'idle_in_transaction_session_timeout=2min',
    'search_path="$user", public, heroku_ext',
    'statement_timeout=30000',
    'work_mem=24MB',
  ]);

  const again = await applySettings(sides.loader, sides.owner, facts, { ...session, log: silentLog });
  expect(again.filter(({ fate }) => fate === 'set')).toEqual([]);
});

test('extensions, heroku_ext and rights are made once; a second call and the copy change nothing', async () => {
  const sides = await twoSides();
  const server = await testPostgres();
  await server.query(
    sides.source.database,
    'CREATE SCHEMA IF NOT EXISTS heroku_ext; CREATE EXTENSION IF NOT EXISTS hstore SCHEMA heroku_ext; CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public',
  );
  await server.query(
    'postgres',
    `ALTER DATABASE "${sides.source.database}" SET search_path = "$user", public, heroku_ext`,
  );
  const facts = await withConnection(sides.source, session, readPreparationFacts);
  const prepare = (): Promise<string[]> =>
    withConnection(sides.loader, session, (client) =>
      prepareExtensions(client, facts, sides.owner, silentLog),
    );
  expect(await prepare()).toEqual(
    expect.arrayContaining(['schema heroku_ext', 'extension hstore', 'extension pg_trgm']),
  );
  expect(await prepare()).toEqual([]);
  await applySettings(sides.loader, sides.owner, facts, { ...session, log: silentLog });

  // The copy asks for the same, and finds all of it there: no row of the catalogues is written again.
  const written = (): Promise<object[]> =>
    sides.onTarget(`SELECT extname::text AS name, xmin::text FROM pg_extension
      UNION ALL SELECT 'settings', s.xmin::text FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
                 WHERE d.datname = current_database()
      UNION ALL SELECT nspname, xmin::text FROM pg_namespace WHERE nspname IN ('public', 'heroku_ext') ORDER BY 1`);
  const before = await written();
  await sides.copy();
  expect(await written()).toEqual(before);
  await withConnection(sides.owner, session, (client) =>
    client.query('CREATE TABLE heroku_ext.mine (id int); CREATE TABLE public.mine (id int)'),
  );
});
