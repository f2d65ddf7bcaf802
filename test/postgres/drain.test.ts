import { expect, test } from '@jest/globals';
import { withConnection } from '../../src/postgres/connect.ts';
import { addressOf, draining, shopRows, shopSql } from './draining.ts';

test('a drain brings every change of every kind of table, and the next one finds nothing to do', async () => {
  const { source, target, pass, contents } = await draining(shopSql, shopRows);
  const first = await pass();
  expect(first.rows).toBeGreaterThan(950);
  expect(first.whole.sort()).toEqual(['"public"."empty"', '"public"."plain"']);
  expect(await contents(target)).toEqual(await contents(source));
  expect(await pass()).toMatchObject({ rows: 0, keys: 0, tables: 0 });
  const touched = await target.query<{ relation: string; keys: number; whole: boolean }>(
    `SELECT relation, count(key)::int AS keys, bool_or(key IS NULL) AS whole FROM heroku_to_digitalocean.touched GROUP BY 1 ORDER BY 1`,
  );
  expect(touched).toContainEqual({ relation: '"public"."users"', keys: 100, whole: false });
  expect(touched).toContainEqual({ relation: '"public"."plain"', keys: 0, whole: true });
});

test('changes of keys, cascades, moves between partitions, emptied tables and rows after that arrive', async () => {
  const { source, target, pass, contents } = await draining(shopSql, shopRows);
  await pass();
  await source.query(`
    UPDATE users SET id = id + 1000 WHERE id > 90 AND id NOT IN (SELECT "the user" FROM orders);
    INSERT INTO users VALUES (200, 'new', 200, ''); UPDATE users SET id = 201 WHERE id = 200;
    DELETE FROM users WHERE id <= 5;
    DELETE FROM orders WHERE id BETWEEN 200 AND 210;
    UPDATE lines SET n = DEFAULT WHERE n < 10;
    UPDATE places SET region = 'south' WHERE "Id" <= 10;
    UPDATE plain SET b = 7 WHERE ctid = (SELECT min(ctid) FROM plain);
    DELETE FROM plain WHERE ctid = (SELECT max(ctid) FROM plain)`);
  const drained = await pass();
  expect(await contents(target)).toEqual(await contents(source));
  expect(drained.keys).toBeLessThanOrEqual(drained.rows);
  await source.query(
    `TRUNCATE lines; INSERT INTO lines (order_id) VALUES (150), (NULL); TRUNCATE places_north`,
  );
  expect((await pass()).whole.sort()).toEqual(['"public"."lines"', '"public"."places_north"']);
  expect(await contents(target)).toEqual(await contents(source));
  await source.query('TRUNCATE plain');
  await pass();
  expect(await contents(target)).toEqual(await contents(source));
});

test('tables without a key wait for the window, and their changes are not forgotten', async () => {
  const { source, target, pass, contents } = await draining(shopSql, shopRows);
  const drained = await pass({ tables: 'keyed' });
  expect(drained.whole).toEqual([]);
  expect(drained.skippedWhole.map(({ relation }) => relation)).toEqual([
    '"public"."plain"',
    '"public"."empty"',
  ]);
  expect((await contents(target))['plain']).toEqual([]);
  expect((await pass()).whole).toHaveLength(2);
  expect(await contents(target)).toEqual(await contents(source));
});

test('a change committed late with an early id is drained: commit order decides nothing', async () => {
  const { source, target, pass, contents } = await draining(shopSql, shopRows);
  await withConnection(addressOf(source), { applicationName: 'late' }, async (late) => {
    await late.query('BEGIN');
    await late.query(`UPDATE public.users SET note = 'late' WHERE id = 1`);
    await source.query(`UPDATE users SET note = 'early' WHERE id = 2`);
    await pass();
    await source.query(`UPDATE users SET note = 'in between' WHERE id = 3`);
    await pass();
    // Open across two snapshots.
    expect((await contents(target))['users']).not.toContain('(1,u1,1,late)');
    await late.query('COMMIT');
  });
  expect((await pass()).rows).toBe(1);
  expect(await contents(target)).toEqual(await contents(source));
});

test('what is rolled back is not drained, savepoints included', async () => {
  const { source, target, pass, contents } = await draining(shopSql, shopRows);
  await pass();
  await source.query(`
    BEGIN; UPDATE users SET note = 'kept' WHERE id = 1;
    SAVEPOINT a; UPDATE users SET note = 'lost' WHERE id = 2; DELETE FROM users WHERE id = 3; ROLLBACK TO a;
    SAVEPOINT b; INSERT INTO plain VALUES ('lost', 0); ROLLBACK TO b; INSERT INTO plain VALUES ('kept', 0); COMMIT`);
  await source.query(`BEGIN; DELETE FROM users; TRUNCATE plain; ROLLBACK`);
  const drained = await pass();
  expect(drained.keys).toBe(1);
  expect(drained.whole).toEqual(['"public"."plain"']);
  expect(await contents(target)).toEqual(await contents(source));
});

test('values of unique columns that two rows have exchanged arrive, deferrable or not', async () => {
  const { source, target, pass, contents } = await draining(shopSql, shopRows);
  await pass();
  await source.query(`
    BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE users SET code = 3 - code WHERE id IN (1, 2); COMMIT;
    UPDATE users SET email = 'tmp' WHERE id = 1; UPDATE users SET email = 'u1' WHERE id = 2; UPDATE users SET email = 'u2' WHERE id = 1`);
  await pass();
  expect(await contents(target)).toEqual(await contents(source));
});

test('a hot row is written once however often it changed', async () => {
  const { source, target, pass, contents } = await draining(shopSql, shopRows);
  await pass();
  for (let n = 0; n < 30; n += 1) await source.query(`UPDATE users SET note = 'hot ${n}' WHERE id = 1`);
  expect(await pass()).toMatchObject({ rows: 30, keys: 1, tables: 1 });
  expect(await contents(target)).toEqual(await contents(source));
});
