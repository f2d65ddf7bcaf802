import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { readCapture, type CaptureOptions } from '../../src/postgres/capture.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { quoteIdentifier } from '../../src/postgres/names.ts';

export const session = { applicationName: 'test' };

export const captureOptions: CaptureOptions = {
  migrationId: 'shop-test',
  epoch: 1,
  limits: { logBytes: 100_000_000, leaseMs: 3_600_000 },
  log: silentLog,
  clock: systemClock,
};

/** Runs statements one by one in one session of the application's role. */
export async function run(address: PostgresAddress, ...statements: string[]): Promise<void> {
  await withConnection(address, session, async (client) => {
    for (const sql of statements) await client.query(sql);
  });
}

/** What the log of a table holds: each row's key as text, sorted; '' is the mark of a table without a key. */
export async function logged(address: PostgresAddress, relation: string): Promise<string[]> {
  return withConnection(address, session, async (client) => {
    const table = (await readCapture(client, 'shop-test'))?.find(({ name }) => relation === name);
    if (table === undefined) throw new Error(`${relation} is not captured.`);
    const columns = (table.key ?? []).map((name) => `coalesce(${quoteIdentifier(name)}::text, 'NULL')`);
    const { rows } = await client.query<{ key: string }>(
      `SELECT ${columns.length === 0 ? "''" : columns.join(` || ',' || `)} AS key FROM ${table.log}`,
    );
    return rows.map(({ key }) => key).sort();
  });
}
