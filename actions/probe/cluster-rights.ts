import { quoteIdentifier } from '../../src/postgres/names.ts';
import { closeWrites, openWrites } from '../../src/postgres/rights.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import type { DigitalOceanGround } from './digitalocean-ground.ts';
import { may, mustNot } from './may.ts';

const INSUFFICIENT_PRIVILEGE = /^42501$/;

/** Extensions, and rows in a table of a user that the API made: what provision and migrate-db do as `doadmin`. */
export async function doadmin(ground: DigitalOceanGround, signal: AbortSignal): Promise<string> {
  const { owner, loader } = await ground.database();
  const session = { applicationName: 'h2d probe', statementTimeoutMs: 30_000, signal };
  const user = quoteIdentifier(owner.user);
  const database = quoteIdentifier(owner.database);
  await withConnection(loader, session, async (admin) => {
    await may(admin, 'make a schema', 'CREATE SCHEMA heroku_ext');
    await may(admin, 'create an extension there', 'CREATE EXTENSION pg_trgm SCHEMA heroku_ext');
    await may(
      admin,
      'grant the user the database',
      `GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${database} TO ${user}`,
    );
    await may(admin, 'grant the user the schema public', `GRANT USAGE, CREATE ON SCHEMA public TO ${user}`);
  });
  await withConnection(owner, session, async (client) => {
    await may(client, 'make a table', 'CREATE TABLE public.loaded (id bigint PRIMARY KEY, note text)');
    await may(
      client,
      'grant its table to doadmin',
      `GRANT SELECT, INSERT ON public.loaded TO ${quoteIdentifier(loader.user)}`,
    );
  });
  await withConnection(loader, session, (admin) =>
    may(admin, 'load rows into a table of that user', "INSERT INTO public.loaded VALUES (1, 'one')"),
  );
  return `${loader.user} created an extension in a schema of its own, and loaded a row into a table of ${owner.user}`;
}

/** The closing and the opening of the new side, seen from a session that was there before. */
export async function openSessions(ground: DigitalOceanGround, signal: AbortSignal): Promise<string> {
  const { owner, loader } = await ground.database();
  const session = { applicationName: 'h2d probe', statementTimeoutMs: 30_000, signal };
  await withConnection(loader, session, (admin) =>
    may(
      admin,
      'grant the user the schema public',
      `GRANT USAGE, CREATE ON SCHEMA public TO ${quoteIdentifier(owner.user)}`,
    ),
  );
  return withConnection(owner, session, async (application) => {
    await may(application, 'make a table', 'CREATE TABLE public.switched (id bigint PRIMARY KEY)');
    await may(application, 'write before', 'INSERT INTO public.switched VALUES (1)');
    await closeWrites(owner, { applicationName: 'h2d probe', signal });
    await mustNot(
      application,
      'a write in a session that was open when the right was taken',
      'INSERT INTO public.switched VALUES (2)',
      INSUFFICIENT_PRIVILEGE,
    );
    await may(application, 'read meanwhile', 'SELECT id FROM public.switched');
    await openWrites(owner, { applicationName: 'h2d probe', signal });
    await may(application, 'write again in the same session', 'INSERT INTO public.switched VALUES (2)');
    return 'a session that was open wrote, was refused with 42501 when the right was taken, read on, and wrote again when it was given back';
  });
}
