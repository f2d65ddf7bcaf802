import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { planTables, type TableToCopy } from '../../src/postgres/chunks.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { copyTables, type CopiedTables, type CopyTablesOptions } from '../../src/postgres/copy-tables.ts';
import { readDatabaseFacts } from '../../src/postgres/facts.ts';
import { exportSnapshot, withSnapshot, type Snapshot } from '../../src/postgres/snapshot.ts';
import { claimEpoch, stampTarget } from '../../src/postgres/stamp.ts';
import { twoSides, type TwoSides } from './two-sides.ts';

/** Both sides with the same tables; rows on the source only. */
export interface Copying extends TwoSides {
  migrationId: string;
  plan: (snapshot: Snapshot, chunkBytes?: number) => Promise<TableToCopy[]>;
  /** Plans and copies everything under a snapshot of its own, unless the options bring one. */
  copyRows: (
    options?: Partial<CopyTablesOptions> & { chunkBytes?: number },
  ) => Promise<CopiedTables & { planned: TableToCopy[] }>;
  /** For each table of the source whose rows differ from the target's, what differs; empty when all are equal. */
  differences: () => Promise<string[]>;
}

const session = { applicationName: 'h2d shop-test 1', log: silentLog, clock: systemClock };

/** `ddl` is run on both sides (as whoever owns there), `rows` on the source. */
export async function copying(ddl: string, rows = ''): Promise<Copying> {
  const sides = await twoSides(`${ddl}; ${rows}`);
  await sides.onTarget(`
    CREATE SCHEMA heroku_ext AUTHORIZATION "${sides.loader.user}";
    CREATE EXTENSION citext SCHEMA heroku_ext; CREATE EXTENSION pgcrypto SCHEMA public;
    GRANT CREATE ON SCHEMA public TO "${sides.loader.user}";
    SET search_path = public, heroku_ext; SET SESSION AUTHORIZATION "${sides.loader.user}"; ${ddl}`);
  const migrationId = 'shop-test';
  await withConnection(sides.loader, session, async (client) => {
    await stampTarget(client, migrationId);
    await claimEpoch(client, { migrationId, epoch: 1 });
  });
  const plan = (snapshot: Snapshot, chunkBytes = 1e9): Promise<TableToCopy[]> =>
    planned(sides.source, sides.loader, snapshot, chunkBytes);
  return {
    ...sides,
    migrationId,
    plan,
    copyRows: async ({ chunkBytes, ...options } = {}) => {
      const snapshot = options.snapshot ?? (await exportSnapshot(sides.source, session));
      try {
        const tables = options.tables ?? (await plan(snapshot, chunkBytes));
        const copied = await copyTables({
          ...{
            source: sides.source,
            loader: sides.loader,
            snapshot,
            tables,
            pairs: 3,
            migrationId,
            epoch: 1,
          },
          ...{ resume: false, log: silentLog, clock: systemClock },
          ...options,
        });
        return { ...copied, planned: tables };
      } finally {
        if (options.snapshot === undefined) await snapshot.release();
      }
    },
    differences: () => differences(sides),
  };
}

async function planned(
  source: PostgresAddress,
  target: PostgresAddress,
  snapshot: Snapshot,
  chunkBytes: number,
): Promise<TableToCopy[]> {
  const onTarget = await withConnection(target, session, readDatabaseFacts);
  return withSnapshot(source, snapshot, session, async (client) => {
    const onSource = await readDatabaseFacts(client);
    return planTables(client, { source: onSource, target: onTarget }, chunkBytes);
  });
}

/** Every row as text, in no order. */
async function differences(sides: TwoSides): Promise<string[]> {
  const tables = await sides.onSource<{ name: string }>(`
    SELECT format('%I.%I', n.nspname, c.relname) AS name
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema|_heroku|heroku_to)' ORDER BY 1`);
  const found: string[] = [];
  for (const { name } of tables) {
    const sql = `
      SET extra_float_digits = 1; SET DateStyle = ISO; SET search_path = '';
      SELECT count(*)::text || ' rows, ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') AS sum FROM ONLY ${name} t`;
    const [[source], [target]] = await Promise.all([
      sides.onSource<{ sum: string }>(sql),
      sides.onTarget<{ sum: string }>(sql),
    ]);
    if (source?.sum !== target?.sum)
      found.push(`${name}: ${source?.sum ?? ''} on the source, ${target?.sum ?? ''} on the target`);
  }
  return found;
}
