import { expect, test } from '@jest/globals';
import { withConnection } from '../../src/postgres/connect.ts';
import { readLiveFacts } from '../../src/postgres/live-facts.ts';
import { twoSides, type TwoSides } from './two-sides.ts';

function factsOf({ source }: TwoSides): ReturnType<typeof readLiveFacts> {
  return withConnection(source, { applicationName: 'facts' }, readLiveFacts);
}

test('a role as Heroku hands it out may capture changes, and says how many connections it has left', async () => {
  const sides = await twoSides('CREATE TABLE orders (id int PRIMARY KEY)');
  await sides.onSource(`ALTER ROLE "${sides.source.user}" CONNECTION LIMIT 7`);
  expect(await factsOf(sides)).toMatchObject({
    inRecovery: false,
    mayCreateSchema: true,
    foreignTables: [],
    largeObjectBytes: 0,
    freeConnections: 6,
  });
});

test('tables of another role, a missing right and large objects are seen; those of _heroku and extensions are not', async () => {
  const sides = await twoSides("CREATE TABLE orders (id int PRIMARY KEY); SELECT lo_from_bytea(0, 'x')");
  await sides.onSource(`
    CREATE TABLE audits (id int);
    REVOKE CREATE ON DATABASE "${sides.source.database}" FROM "${sides.source.user}"`);
  const facts = await factsOf(sides);
  expect(facts.foreignTables).toEqual(['public.audits']);
  expect(facts.largeObjectBytes).toBeGreaterThan(0);
  expect(facts.freeConnections).toBeNull();
});
