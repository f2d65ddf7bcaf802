import type pg from 'pg';
import { constantsFor } from './capacity-constants.ts';
import { effectOf, unsafeCallIn } from './capacity-effects.ts';
import { readPlan, type Explained } from './capacity-plan.ts';
import type { ExpensiveRead } from './capacity-reads.ts';
import { codeOf } from './errors.ts';

const NAME = 'h2d_capacity';
const LOCK_TIMEOUT = '1s';

/** A statement that may be run, with literals for its parameters. */
export interface Runnable {
  read: ExpensiveRead;
  literals: string[];
}

/** What happened to a statement on one side. */
export type Tried = { plan: Ran } | { reason: string; timedOut: boolean };

export type Ran = Explained & { executionMs: number };

/**
 * Makes sure, on the source, that a statement only reads, and finds constants for it; or says why it is not run. Nothing
 * of the statement is executed here.
 */
export async function prepareRead(
  client: pg.Client,
  read: ExpensiveRead,
): Promise<Runnable | { reason: string }> {
  const before = await unsafeCallIn(client, [read.text]);
  if (before !== undefined) return { reason: before };
  try {
    return await readOnly(client, 5_000, async () => {
      const types = await prepare(client, read.text);
      // A generic plan shows its parameters as they are written (PREPARE, "Notes").
      await client.query(`SET LOCAL plan_cache_mode = 'force_generic_plan'`);
      const plan = readPlan(
        await explain(
          client,
          'VERBOSE',
          types.map(() => 'NULL'),
        ),
      );
      const effect = effectOf(plan) ?? (await unsafeCallIn(client, plan.expressions));
      if (effect !== undefined) return { reason: effect };
      const constants = await constantsFor(client, { text: read.text, rows: read.rows, types }, plan);
      return 'unknown' in constants ? { reason: constants.unknown } : { read, literals: constants.literals };
    });
  } catch (thrown) {
    return { reason: reasonOf(thrown) };
  }
}

/**
 * Runs a statement so many times, inside the server: its rows are made and thrown away, and nothing of them is sent. In a
 * transaction that is read only, rolled back, and waits for no lock; each run ends after `limitMs`, and none begins once
 * `goesOn` says no. The plan is that of the quickest run.
 */
export async function tryRead(
  client: pg.Client,
  { read, literals }: Runnable,
  { limitMs, runs, goesOn }: { limitMs: number; runs: number; goesOn: () => boolean },
): Promise<Tried> {
  try {
    return await readOnly(client, limitMs, async () => {
      await prepare(client, read.text);
      await client.query(`SET LOCAL plan_cache_mode = 'force_custom_plan'`);
      // Once more before it runs: on the other side the same names may be other functions.
      const planned = readPlan(await explain(client, 'VERBOSE', literals));
      const effect = effectOf(planned) ?? (await unsafeCallIn(client, [read.text, ...planned.expressions]));
      if (effect !== undefined) throw new Refused(effect);
      let best: Ran | undefined;
      for (let run = 0; run < runs && (run === 0 || goesOn()); run += 1) {
        const plan = readPlan(await explain(client, 'ANALYZE, VERBOSE, TIMING OFF, BUFFERS', literals));
        const { executionMs } = plan;
        if (executionMs === undefined) throw new Error('Postgres ran a statement and told no time.');
        if (best === undefined || executionMs < best.executionMs) best = { ...plan, executionMs };
      }
      if (best === undefined) throw new Error('A statement was to be run no time at all.');
      return { plan: best };
    });
  } catch (thrown) {
    return { reason: reasonOf(thrown), timedOut: codeOf(thrown) === '57014' };
  }
}

class Refused extends Error {
  override readonly name = 'Refused';
}

async function readOnly<T>(client: pg.Client, limitMs: number, body: () => Promise<T>): Promise<T> {
  // In one message: each of these runs is short, and the way there is not.
  await client.query(`
    BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SELECT pg_catalog.set_config('statement_timeout', '${Math.max(1, Math.round(limitMs))}ms', true),
           pg_catalog.set_config('lock_timeout', '${LOCK_TIMEOUT}', true),
           -- The application's own names, as its sessions find them.
           (SELECT pg_catalog.set_config('search_path', s.reset_val, true)
              FROM pg_catalog.pg_settings s WHERE s.name = 'search_path')`);
  try {
    return await body();
  } finally {
    // A connection that is gone has rolled back by itself, and the first error is the one to tell.
    await client.query('ROLLBACK; DEALLOCATE ALL').catch(() => undefined);
  }
}

/** As one statement and no more: the extended protocol takes no second one behind a semicolon. */
async function prepare(client: pg.Client, text: string): Promise<string[]> {
  await client.query({ text: `PREPARE ${NAME} AS ${text}`, queryMode: 'extended' } as pg.QueryConfig);
  const { rows } = await client.query<{ types: string[] }>(
    `SELECT p.parameter_types::text[] AS types FROM pg_catalog.pg_prepared_statements p WHERE p.name = '${NAME}'`,
  );
  return rows[0]?.types ?? [];
}

async function explain(client: pg.Client, options: string, literals: readonly string[]): Promise<unknown> {
  const values = literals.length === 0 ? '' : `(${literals.join(', ')})`;
  const { rows } = await client.query<{ 'QUERY PLAN': unknown }>(
    `EXPLAIN (${options}, FORMAT JSON) EXECUTE ${NAME}${values}`,
  );
  return rows[0]?.['QUERY PLAN'];
}

/** By its kind: the server's own words may hold values of rows. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof Refused) return thrown.message;
  const code = codeOf(thrown);
  const known = REASONS[code];
  if (known !== undefined) return known;
  if (code === '') throw thrown;
  return `Postgres refuses it (${code})`;
}

const REASONS: Record<string, string> = {
  '25006': 'it writes, which a read-only transaction refuses',
  '42601': 'it cannot be run without its constants (SQL syntax)',
  '42P18': 'the type of a parameter cannot be told without its constant',
  '42P01': 'a table that it reads is not there',
  '42703': 'a column that it reads is not there',
  '42883': 'a function or operator that it uses is not there',
  '42501': 'the role may not read what it reads',
  '55P03': 'another session holds a lock on a table that it reads',
  '57014': 'it did not end within its time limit',
};
