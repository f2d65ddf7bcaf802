import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { installCapture, readCapture, type CaptureOptions } from '../../src/postgres/capture.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { everythingSql, twoSides } from './two-sides.ts';

const session = { applicationName: 'test' };
const options: CaptureOptions = {
  migrationId: 'shop-test',
  epoch: 1,
  limits: { logBytes: 100_000_000, leaseMs: 3_600_000 },
  log: silentLog,
  clock: systemClock,
};

/** Runs statements as the application's role, in sessions of their own. */
async function run(address: PostgresAddress, ...statements: string[]): Promise<void> {
  for (const sql of statements) await withConnection(address, session, (client) => client.query(sql));
}

/** What the log of a table holds, each row's key as text, in no order. */
async function logged(address: PostgresAddress, relation: string): Promise<string[]> {
  return withConnection(address, session, async (client) => {
    const table = (await readCapture(client, 'shop-test'))?.find(
      ({ schema, name }) => relation === name || relation === `${schema}.${name}`,
    );
    if (table === undefined) throw new Error(`${relation} is not captured.`);
    const columns = (table.key ?? []).map((name) => `"${name.replaceAll('"', '""')}"`);
    const { rows } = await client.query<{ key: string | null }>(
      `SELECT concat_ws(',', ${["'>'", ...columns.map((column) => `coalesce(${column}::text, 'NULL')`)].join(', ')}) AS key FROM ${table.log}`,
    );
    return rows.map(({ key }) => (key ?? '').slice(2)).sort();
  });
}

test('every kind of table is captured, the ones without a key as a whole', async () => {
  const { source } = await twoSides(everythingSql);
  const { tables, whole, made } = await installCapture(source, options);
  expect(whole.map(({ relation }) => relation)).toEqual(['"public"."no_key"', '"public"."no_columns"']);
  expect(made).toHaveLength(tables.length);
  await run(
    source,
    'UPDATE public.users SET weight = 1 WHERE id IN (3, 4)',
    "INSERT INTO public.events VALUES ('2026-01-01', 9999, 'x')",
    "UPDATE public.events SET at = '2025-01-01' WHERE id = 9999",
    'TRUNCATE public.no_columns',
    'DELETE FROM public.no_key',
    `UPDATE "Odd Names"."Grüße; DROP TABLE" SET "the key" = 'q'`,
  );
  expect(await logged(source, 'users')).toEqual(['3', '4']);
  expect(await logged(source, 'events_2026')).toEqual(['2026-01-01,9999', '2026-01-01,9999']);
  expect(await logged(source, 'events_2025')).toEqual(['2025-01-01,9999']);
  expect(await logged(source, 'no_columns')).toEqual(['']);
  expect(await logged(source, 'no_key')).toEqual(['']);
  expect(await logged(source, 'Grüße; DROP TABLE')).toEqual(['k', 'q']);
  expect((await installCapture(source, options)).made).toEqual([]);
});
