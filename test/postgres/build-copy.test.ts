import { expect, test } from '@jest/globals';
import { compareDatabases } from '../../src/postgres/parity.ts';
import { silentLog } from '../../src/log.ts';
import { testPostgres } from '../support/servers.ts';
import { rareSql, twoSides } from './two-sides.ts';

test('what few databases have is copied too, and every row and object is as it was', async () => {
  const sides = await twoSides(rareSql);
  await sides.copy();
  const parity = await compareDatabases({ source: sides.source, target: sides.owner, log: silentLog });
  expect(parity).toMatchObject({ equal: true, catalogue: [], sequences: [] });
});

test('a table with forced row security fails the copy instead of arriving short', async () => {
  const sides = await twoSides(`
    CREATE TABLE things (id integer); INSERT INTO things VALUES (1), (2);
    CREATE POLICY odd_ones ON things USING (id % 2 = 1);
    ALTER TABLE things ENABLE ROW LEVEL SECURITY; ALTER TABLE things FORCE ROW LEVEL SECURITY`);
  await expect(sides.copy()).rejects.toThrow(/row-level security/);
});

test('a role that exists on both sides keeps what it was granted', async () => {
  const server = await testPostgres();
  await server.query('postgres', 'CREATE ROLE reporting');
  const sides = await twoSides('CREATE TABLE things (id integer); GRANT SELECT ON things TO reporting');
  await sides.copy();
  expect(
    await sides.onTarget(`SELECT has_table_privilege('reporting', 'public.things', 'SELECT') AS given`),
  ).toEqual([{ given: true }]);
});
