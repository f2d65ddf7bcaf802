import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { buildEntries } from '../../src/postgres/build.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { readRoles } from '../../src/postgres/grants.ts';
import { preDataSql } from '../../src/postgres/schema-archive.ts';
import { swapSchema } from '../../src/postgres/swap.ts';
import { testPostgres } from '../support/servers.ts';
import { dumpOf, prepareTarget } from './schema-sides.ts';
import { recordingLog, twoSides } from './two-sides.ts';

const session = { applicationName: 'h2d test 0' };

test('grants to roles that the target has arrive; the others are left out with the reason, and nothing is less protected', async () => {
  const server = await testPostgres();
  await server.query('postgres', 'CREATE ROLE reporting; CREATE ROLE "Back Office"; CREATE ROLE gone');
  const sides = await twoSides(`
    CREATE SCHEMA own;
    CREATE TABLE own.things (id serial, a text, secret text);
    CREATE TABLE limited (id integer);
    CREATE FUNCTION own.careful() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
    CREATE POLICY few ON own.things FOR SELECT TO reporting, CURRENT_USER USING (true);
    GRANT USAGE ON SCHEMA own TO reporting;
    GRANT SELECT (id, a), UPDATE (a) ON own.things TO "Back Office";
    GRANT SELECT ON own.things TO reporting WITH GRANT OPTION;
    GRANT SELECT ON own.things TO gone;
    REVOKE TRUNCATE ON limited FROM CURRENT_USER;
    REVOKE EXECUTE ON FUNCTION own.careful() FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION own.careful() TO gone;
    ALTER DEFAULT PRIVILEGES IN SCHEMA own GRANT SELECT ON TABLES TO reporting`);
  await prepareTarget(sides);
  const roles = await withConnection(sides.owner, session, (client) => readRoles(client, sides.owner.user));
  const names = new Set([...roles.names].filter((name) => name !== 'gone'));
  const log = recordingLog();
  const archive = await dumpOf(sides, { targetRoles: { ...roles, names }, log });
  expect(log.lines.filter((line) => line.includes('no role gone'))).toEqual([
    'Left out: ACL own.FUNCTION careful(): GRANT ALL ON FUNCTION own.careful() TO gone; (the target has no role gone)',
    'Left out: ACL own.TABLE things: GRANT SELECT ON TABLE own.things TO gone; (the target has no role gone)',
  ]);
  expect(log.lines.filter((line) => line.includes('grants to write'))).toEqual([
    expect.stringMatching(/owner: Back Office\.$/),
  ]);
  await withConnection(sides.owner, session, async (owner) => {
    await swapSchema(owner, preDataSql(archive), sides.loader.user);
    await buildEntries(archive.entries, {
      owner: sides.owner,
      connections: 2,
      tableReady: () => Promise.resolve(),
      ...session,
      log: silentLog,
      clock: systemClock,
    });
    // Still closed, also where the source's owner had named its own rights.
    await expect(owner.query('INSERT INTO public.limited VALUES (1)')).rejects.toMatchObject({
      code: '42501',
    });
    await owner.query('CREATE TABLE own.later ()');
  });
  const [rights] = await sides.onTarget(`
    SELECT has_table_privilege('reporting', 'own.things', 'SELECT WITH GRANT OPTION') AS "passes on",
           has_column_privilege('Back Office', 'own.things', 'a', 'UPDATE') AS "column",
           has_column_privilege('Back Office', 'own.things', 'secret', 'SELECT') AS "other column",
           has_schema_privilege('reporting', 'own', 'USAGE') AS "schema",
           has_function_privilege('reporting', 'own.careful()', 'EXECUTE') AS "function",
           has_function_privilege('${sides.owner.user}', 'own.careful()', 'EXECUTE') AS "own function",
           has_table_privilege('gone', 'own.things', 'SELECT') AS "gone",
           has_table_privilege('reporting', 'own.later', 'SELECT') AS "default"`);
  expect(rights).toEqual({
    'passes on': true,
    column: true,
    'other column': false,
    schema: true,
    function: false,
    'own function': true,
    gone: false,
    default: true,
  });
  const policies = await sides.onTarget<{ roles: string[] }>(
    `SELECT roles::text[] FROM pg_policies WHERE tablename = 'things'`,
  );
  expect(policies[0]?.roles.sort()).toEqual(['reporting', sides.owner.user].sort());
});

test('a policy of a role that the target lacks stops the run: without it other rows would be seen', async () => {
  const server = await testPostgres();
  await server.query('postgres', 'CREATE ROLE auditors');
  const sides = await twoSides(
    'CREATE TABLE things (id integer); CREATE POLICY audited ON things TO auditors USING (id > 5)',
  );
  await expect(
    dumpOf(sides, { targetRoles: { owner: sides.owner.user, names: new Set([sides.owner.user]) } }),
  ).rejects.toThrow(/POLICY public\.things audited \(auditors\)/);
});
