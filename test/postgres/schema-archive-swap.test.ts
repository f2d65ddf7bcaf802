import { expect, test } from '@jest/globals';
import { withConnection } from '../../src/postgres/connect.ts';
import { preDataSql } from '../../src/postgres/schema-archive.ts';
import { swapSchema } from '../../src/postgres/swap.ts';
import { dumpOf, prepareTarget } from './schema-sides.ts';
import { rareSql, twoSides } from './two-sides.ts';

const session = { applicationName: 'test' };

test('the schema is exchanged in one round trip, and again over what is there', async () => {
  const sides = await twoSides(rareSql);
  const preData = preDataSql(await dumpOf(sides));
  await prepareTarget(sides);
  await withConnection(sides.owner, session, async (owner) => {
    let trips = 0;
    owner.connection.on('readyForQuery', () => (trips += 1));
    await swapSchema(owner, preData, sides.loader.user);
    await swapSchema(owner, preData, sides.loader.user);
    expect(trips).toBe(2);
  });
  const tables = await sides.onTarget(
    `SELECT FROM pg_tables WHERE tableowner = '${sides.owner.user}' AND schemaname IN ('public', 'Odd Names')`,
  );
  const expected = await sides.onSource(
    `SELECT FROM pg_tables WHERE tableowner = '${sides.source.user}' AND schemaname IN ('public', 'Odd Names')`,
  );
  expect(tables).toHaveLength(expected.length);
});

test('the loader may read, insert, delete and empty tables and set sequences; the owner may only read', async () => {
  const sides = await twoSides('CREATE SCHEMA own; CREATE TABLE own.things (id serial, a text)');
  const preData = preDataSql(await dumpOf(sides));
  await prepareTarget(sides);
  await withConnection(sides.owner, session, async (owner) => {
    await swapSchema(owner, preData, sides.loader.user);
    await owner.query('SELECT FROM own.things');
    for (const write of [
      'INSERT INTO own.things VALUES (1)',
      'DELETE FROM own.things',
      'TRUNCATE own.things',
    ])
      await expect(owner.query(write)).rejects.toMatchObject({ code: '42501' });
  });
  await withConnection(sides.loader, session, async (loader) => {
    await loader.query("INSERT INTO own.things VALUES (1); SELECT setval('own.things_id_seq', 7)");
    await loader.query('SELECT FROM own.things; DELETE FROM own.things; TRUNCATE own.things');
    await expect(loader.query('UPDATE own.things SET id = 1')).rejects.toMatchObject({ code: '42501' });
  });
});

test('a role that owns and loads keeps its rights', async () => {
  const sides = await twoSides('CREATE TABLE things (id integer)');
  const preData = preDataSql(await dumpOf(sides));
  await prepareTarget(sides);
  await withConnection(sides.owner, session, async (owner) => {
    await swapSchema(owner, preData, sides.owner.user);
    await owner.query('INSERT INTO public.things VALUES (1)');
  });
});

test('an exchange that fails names the object, leaves the earlier copy whole and the session usable', async () => {
  const sides = await twoSides('CREATE TABLE things (id integer)');
  await prepareTarget(sides);
  const before = preDataSql(await dumpOf(sides));
  await sides.onSource(
    `CREATE FUNCTION public.hard(text) RETURNS text LANGUAGE internal AS 'upper'; ALTER FUNCTION public.hard(text) OWNER TO "${sides.source.user}"; SET ROLE "${sides.source.user}"; CREATE TABLE public.later ()`,
  );
  const after = preDataSql(await dumpOf(sides));
  await withConnection(sides.owner, session, async (owner) => {
    await swapSchema(owner, before, sides.loader.user);
    await expect(swapSchema(owner, after, sides.loader.user)).rejects.toThrow(
      /Could not create FUNCTION public\.hard\(text\) on the target.*permission denied for language internal/,
    );
    expect((await owner.query('SELECT FROM public.things')).rowCount).toBe(0);
    await expect(owner.query('SELECT FROM public.later')).rejects.toMatchObject({ code: '42P01' });
  });
});

test('default privileges that an earlier copy restored are not given to the objects of the next one', async () => {
  const sides = await twoSides(
    'CREATE TABLE things (id integer); CREATE SCHEMA own; CREATE TABLE own.things ()',
  );
  const preData = preDataSql(await dumpOf(sides));
  await prepareTarget(sides);
  await withConnection(sides.owner, session, async (owner) => {
    await swapSchema(owner, preData, sides.loader.user);
    await owner.query(`
      ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
      ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT INSERT ON TABLES TO PUBLIC`);
    await swapSchema(owner, preData, sides.loader.user);
  });
  expect(await sides.onTarget('SELECT * FROM pg_default_acl')).toEqual([]);
  expect(
    await sides.onTarget(
      `SELECT has_table_privilege('pg_monitor', 'public.things', 'SELECT, INSERT') AS given`,
    ),
  ).toEqual([{ given: false }]);
});
