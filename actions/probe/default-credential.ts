import { parsePostgresUrl, withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { holdFence, passPointOfNoReturn } from '../../src/postgres/fence.ts';
import { liftFence } from '../../src/postgres/lift-fence.ts';
import { codeOf } from '../../src/postgres/errors.ts';
import { readLiveFacts } from '../../src/postgres/live-facts.ts';
import { liveObstacles } from '../../src/migration/strategy.ts';
import { messageOf } from '../../src/errors.ts';
import type { HerokuGround } from './heroku-ground.ts';
import { may, mustNot } from './may.ts';
import { Disproved } from './outcome.ts';

/** The fence's own code closes the table: what it needs is what is tried, whatever the documents call it. */
export async function defaultCredential(
  ground: HerokuGround,
  { plan, migrationId }: { plan: string; migrationId: string },
  signal: AbortSignal,
): Promise<string> {
  const { DATABASE_URL: url } = await ground.withAddOn(plan);
  if (url === undefined) throw new Error('The add-on gave the app no DATABASE_URL.');
  const address = parsePostgresUrl(url, { mode: 'unverified' });
  const session = { applicationName: 'h2d probe', statementTimeoutMs: 30_000, signal };

  await withConnection(address, session, async (client) => {
    const sql = (what: string, text: string): Promise<void> => may(client, what, text);
    await sql('make a table', 'CREATE TABLE public.orders (id bigint PRIMARY KEY, note text)');
    await sql('write to it', "INSERT INTO public.orders VALUES (1, 'one')");
    await sql('make a schema', 'CREATE SCHEMA h2d_probe');
    await sql('make a table in it', 'CREATE TABLE h2d_probe.log (id uuid, key bigint)');
    await sql(
      'make a trigger function',
      `CREATE FUNCTION h2d_probe.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN
           INSERT INTO h2d_probe.log VALUES (pg_catalog.gen_random_uuid(), NEW.id);
           RETURN NULL;
         END $$`,
    );
    await sql(
      'put a row trigger on it',
      'CREATE TRIGGER note AFTER INSERT ON public.orders FOR EACH ROW EXECUTE FUNCTION h2d_probe.note()',
    );
    await sql('write while changes are logged', "INSERT INTO public.orders VALUES (2, 'two')");
    const logged = await client.query('SELECT FROM h2d_probe.log WHERE key = 2');
    if (logged.rowCount !== 1) throw new Disproved('the row trigger logged nothing');
    await sql('take the logs away', 'DROP SCHEMA h2d_probe CASCADE');
    const [obstacle] = liveObstacles(await readLiveFacts(client)).filter((one) => one.passes !== true);
    if (obstacle !== undefined)
      throw new Disproved(`the live strategy would be refused: ${obstacle.what}, since ${obstacle.why}`);
  });
  await endOwnSession(address, session);
  await fence(address, { migrationId, ground, signal });
  return `with ${plan} it made a table, a schema, a function and a row trigger, ended a session of its own, locked the table, and closed it for good and opened it again`;
}

async function endOwnSession(
  address: PostgresAddress,
  session: { applicationName: string; signal: AbortSignal },
): Promise<void> {
  await withConnection(address, session, async (client) => {
    const ended = withConnection(
      address,
      { ...session, applicationName: 'h2d probe, to be ended' },
      (other) => other.query('SELECT pg_catalog.pg_sleep(30)'),
    ).then(
      () => false,
      () => true,
    );
    // Until the other one is there to be ended.
    for (let attempt = 0; attempt < 100; attempt += 1) {
      const { rowCount } = await client
        .query(
          `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
            WHERE usename = current_user AND application_name = 'h2d probe, to be ended' AND state = 'active'`,
        )
        .catch((error: unknown) => {
          throw new Disproved(`it may not end a session of its own: ${messageOf(error)}`);
        });
      if (rowCount !== null && rowCount > 0) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    if (!(await ended)) throw new Disproved('a session of its own went on after it was ended');
  });
}

async function fence(
  address: PostgresAddress,
  { migrationId, ground, signal }: { migrationId: string; ground: HerokuGround; signal: AbortSignal },
): Promise<void> {
  const { log, clock } = ground.client;
  try {
    const held = await holdFence(address, { migrationId, log, clock, signal });
    await passPointOfNoReturn(held);
    const session = { applicationName: 'h2d probe', signal };
    await withConnection(address, session, (client) =>
      mustNot(client, 'a write past the fence', "INSERT INTO public.orders VALUES (3, 'three')", /./),
    );
    await liftFence(address, migrationId, { log, clock, signal });
    await withConnection(address, session, (client) =>
      may(client, 'write when the fence is lifted', "INSERT INTO public.orders VALUES (3, 'three')"),
    );
  } catch (error) {
    // Insufficient privilege: the server's own answer.
    if (codeOf(error) === '42501') throw new Disproved(`the fence was refused: ${messageOf(error)}`);
    throw error;
  }
}
