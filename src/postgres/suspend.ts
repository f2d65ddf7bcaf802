import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { describeAddress, withConnection, type PostgresAddress } from './connect.ts';
import { codeOf } from './errors.ts';
import { itemsOfEntries } from './deferred-entries.ts';
import {
  FOREIGN_KEY,
  PARTITIONS,
  readForeignKeys,
  spreadOverPartitions,
  type Partition,
} from './foreign-keys.ts';
import { readRowSecurity, readRules, readTriggers, refuseLeftTriggers } from './in-the-way.ts';
import type { SchemaEntry } from './schema-archive.ts';
import { applicationName } from './settle.ts';
import type { TargetSide } from './sides.ts';
import { holdEpoch, holdEpochStatement, refuseEpoch, type Run } from './stamp.ts';
import {
  countStates,
  insertItems,
  LISTED,
  readItems,
  type Item,
  type ListedItem,
  type Suspended,
} from './suspended-list.ts';
import { OUR_SCHEMA } from './user-objects.ts';

export { readSuspended, type Suspended } from './suspended-list.ts';

/*
 * While we write to a side, nothing on it may check, change, refuse or spread what we write: a row that is deleted to be
 * inserted anew would first cascade to rows that did not change. So foreign keys, user triggers, rules and row security
 * are out of the way until the last drain, and our schema on that side lists how each comes back. The list and the
 * change are one transaction, so that whatever happens, what is missing is listed.
 */

export interface SuspendOptions extends Run {
  log: Log;
  clock: Clock;
  /** When to give up getting the tables' locks, in milliseconds; default 60,000. */
  giveUpAfterMs?: number;
  signal?: AbortSignal;
}

/** undefined_table, undefined_object: dropped since by the application, which may be open again. */
const GONE = ['42P01', '42704'];

/**
 * Takes everything out of the way of our writes on a complete schema: foreign keys are dropped, triggers and rules
 * disabled (those of the fence and the capture stay), row security is taken from tables where it would hold us up.
 * What an unfinished `restore` or `validate` has put back is suspended again. Idempotent.
 */
export async function suspend(target: TargetSide, options: SuspendOptions): Promise<Suspended> {
  return inOneTransaction(target.owner, options, async (owner) => {
    const found = [
      ...(await readForeignKeys(owner)),
      ...(await readTriggers(owner)),
      ...(await readRules(owner)),
      ...(await readRowSecurity(owner, target)),
    ];
    const listed = await readItems(owner);
    const isListed = (item: Item): boolean =>
      item.kind === FOREIGN_KEY &&
      listed.some(
        (other) => other.kind === item.kind && other.relation === item.relation && other.name === item.name,
      );
    await insertItems(
      owner,
      found.filter((item) => !isListed(item)),
    );
    // Their definitions are on the list from the first time; what is in the catalogue now may be not valid yet.
    await owner.query(
      `UPDATE ${OUR_SCHEMA}.suspended SET state = 'suspended'
        WHERE kind = $1 AND ((restore = '' AND state = 'restored')
                             OR (relation, name) IN (SELECT * FROM unnest($2::text[], $3::text[])))`,
      [
        FOREIGN_KEY,
        ...columnsOf(found.filter(isListed).map(({ relation, name }): [string, string] => [relation, name])),
      ],
    );
    // A comment went with its foreign key.
    await owner.query(
      `UPDATE ${OUR_SCHEMA}.suspended SET state = 'suspended'
        WHERE kind = 'COMMENT' AND pg_catalog.starts_with(restore, 'COMMENT ON CONSTRAINT ')`,
    );
    const statements = found.map((item) => item.takeAway).filter((statement) => statement !== '');
    if (statements.length > 0) await owner.query(statements.join(';\n'));
    await refuseLeftTriggers(owner);
    return countStates(owner);
  });
}

/**
 * Lists what the end of a schema's dump would make, for a target that we go on writing to: `restore` and `validate`
 * make it. Replaces an earlier list, of which nothing may have been restored yet.
 *
 * @param entries those of the section `last`, in the order of the archive
 */
export async function deferEntries(
  target: TargetSide,
  entries: Pick<SchemaEntry, 'kind' | 'schema' | 'name' | 'sql'>[],
  options: SuspendOptions,
): Promise<Suspended> {
  const items = itemsOfEntries(entries);
  return inOneTransaction(target.owner, options, async (owner) => {
    const { restored, validated } = await countStates(owner);
    if (restored + validated > 0)
      throw new Error(
        `The last objects of the schema were already put back into ${describeAddress(target.owner)}; suspend them before the schema is copied again.`,
      );
    await owner.query(`DELETE FROM ${OUR_SCHEMA}.suspended`);
    await insertItems(owner, items);
    return countStates(owner);
  });
}

/**
 * Puts everything back after the last drain, in one transaction: triggers, rules and row security exactly as they were,
 * foreign keys without looking at the rows that are there (NOT VALID), those of partitioned tables on each partition that
 * holds rows, because Postgres refuses NOT VALID on the parent (before version 18). From then on every new write is
 * checked. Idempotent.
 */
export async function restore(target: TargetSide, options: SuspendOptions): Promise<Suspended> {
  return inOneTransaction(target.owner, options, async (owner) => {
    const [listed, partitions] = (await owner.query(`
      ${LISTED};
      ${PARTITIONS}`)) as unknown as [pg.QueryResult<ListedItem>, pg.QueryResult<Partition>];
    const spread = spreadOverPartitions(listed.rows, partitions.rows);
    if (spread.length > 0) await insertItems(owner, spread);
    const back = [...listed.rows.filter(({ state }) => state === 'suspended'), ...spread];
    await runAll(owner, back);
    await owner.query(`UPDATE ${OUR_SCHEMA}.suspended SET state = 'restored' WHERE state = 'suspended'`);
    return countStates(owner);
  });
}

/**
 * Checks the rows that are there against the foreign keys, one after the other, each in a transaction of its own and
 * without holding up readers or writers; gives partitioned parents theirs (which takes over the valid ones of the
 * partitions without looking at rows); refreshes materialized views. When all is done the list is emptied, and the
 * catalogue is as it was before `suspend`, or as the dump says. Killed at any point it goes on where it was.
 *
 * @throws Error naming the foreign keys that rows violate; they stay NOT VALID and the others are validated
 */
export async function validate(target: TargetSide, options: SuspendOptions): Promise<Suspended> {
  return withOwner(target.owner, options, async (owner) => {
    const before = await countStates(owner);
    if (before.suspended > 0)
      throw new Error(
        `${before.suspended} foreign keys, triggers or the like are still out of the way in ${describeAddress(target.owner)}; they have to be restored before they can be validated.`,
      );
    const { rows } = await owner.query<{ position: number; what: string; sql: string; kind: string }>(
      `SELECT position, kind || ' ' || name || ' of ' || relation AS what, validate AS sql, kind
         FROM ${OUR_SCHEMA}.suspended WHERE state = 'restored' AND validate IS NOT NULL
        ORDER BY restore = '', CASE WHEN kind = $1 THEN (
                   SELECT pg_catalog.count(*)
                     FROM pg_catalog.pg_partition_ancestors(pg_catalog.to_regclass(relation))) END DESC NULLS LAST, position`,
      [FOREIGN_KEY],
    );
    const failed: string[] = [];
    for (const { position, what, sql } of rows) {
      options.signal?.throwIfAborted();
      const started = options.clock.now().getTime();
      try {
        await validateOne(owner, position, sql, options);
      } catch (thrown) {
        options.signal?.throwIfAborted();
        if (GONE.includes(codeOf(thrown))) {
          options.log.warning(`${what} is not there any more (${messageOf(thrown)}); it was not validated.`);
          continue;
        }
        if (isLockProblem(thrown) || codeOf(thrown).startsWith('08') || codeOf(thrown) === '')
          throw new Error(`${what}: ${messageOf(thrown)}`, { cause: thrown });
        // Rows that violate it, mostly. The others can be validated nevertheless.
        failed.push(`${what}: ${messageOf(thrown)}`);
        continue;
      }
      options.log.info(
        `Validated ${what} in ${((options.clock.now().getTime() - started) / 1000).toFixed(1)} s.`,
      );
    }
    if (failed.length > 0)
      throw new Error(
        `${failed.length} of ${rows.length} objects could not be validated: ${failed.slice(0, 5).join('; ')}. New rows are checked all the same. Mend this and run again.`,
      );
    await owner.query(
      `DELETE FROM ${OUR_SCHEMA}.suspended
        WHERE NOT EXISTS (SELECT FROM ${OUR_SCHEMA}.suspended WHERE state = 'suspended')`,
    );
    return countStates(owner);
  });
}

function columnsOf(pairs: [string, string][]): [string[], string[]] {
  return [pairs.map(([one]) => one), pairs.map(([, other]) => other)];
}

/** All in one round trip; only when that fails one by one, to say which. */
async function runAll(client: pg.Client, items: Item[]): Promise<void> {
  const statements = items.filter((item) => item.restore !== '');
  if (statements.length === 0) return;
  const together = statements.map((item) => item.restore.replace(/;\s*$/, '')).join('\n;\n');
  try {
    await client.query(`SAVEPOINT together;\n${together}`);
  } catch (thrown) {
    if (isLockProblem(thrown)) throw thrown;
    await client.query('ROLLBACK TO SAVEPOINT together');
    for (const { kind, name, relation, restore: sql } of statements) {
      try {
        await client.query(sql);
      } catch (again) {
        if (isLockProblem(again)) throw again;
        throw new Error(`${kind} ${name} of ${relation} could not be put back: ${messageOf(again)}`, {
          cause: again,
        });
      }
    }
  }
}

/**
 * VALIDATE holds up neither readers nor writers, also while it waits for its lock; a parent's foreign key and a
 * refreshed view do for a moment, and are tried for a fifth of a second at a time.
 */
async function validateOne(
  client: pg.Client,
  position: number,
  sql: string,
  options: SuspendOptions,
): Promise<void> {
  const online = sql.includes(' VALIDATE CONSTRAINT ');
  await retryLocks(options, async () => {
    try {
      await client.query('BEGIN');
      await holdEpoch(client, options, 'shared');
      if (!online) await client.query("SET LOCAL lock_timeout = '200ms'");
      await client.query(sql);
      await client.query(`UPDATE ${OUR_SCHEMA}.suspended SET state = 'validated' WHERE position = $1`, [
        position,
      ]);
      await client.query('COMMIT');
    } catch (thrown) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw thrown;
    }
  });
}

/** lock_not_available, deadlock_detected */
function isLockProblem(thrown: unknown): boolean {
  return ['55P03', '40P01'].includes(codeOf(thrown));
}

async function retryLocks<T>(options: SuspendOptions, attempt: () => Promise<T>): Promise<T> {
  const deadline = options.clock.now().getTime() + (options.giveUpAfterMs ?? 60_000);
  for (let pause = 50; ; pause = Math.min(pause * 2, 2_000)) {
    try {
      return await attempt();
    } catch (thrown) {
      if (!isLockProblem(thrown) || options.clock.now().getTime() > deadline) throw thrown;
      options.log.debug(`Tables are in use (${messageOf(thrown)}); trying again.`);
    }
    await options.clock.sleep(pause * (0.5 + Math.random() / 2), options.signal);
  }
}

async function inOneTransaction<T>(
  owner: PostgresAddress,
  options: SuspendOptions,
  body: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return withOwner(owner, options, async (client) =>
    retryLocks(options, async () => {
      try {
        const begun = (await client.query(`
          BEGIN ISOLATION LEVEL READ COMMITTED;
          SET LOCAL lock_timeout = '800ms';
          ${holdEpochStatement(options.migrationId, 'shared')};
          LOCK TABLE ${OUR_SCHEMA}.suspended IN SHARE ROW EXCLUSIVE MODE`)) as unknown as pg.QueryResult<{
          epoch: string;
        }>[];
        refuseEpoch(begun[2]?.rows[0]?.epoch, options);
        const result = await body(client);
        await client.query('COMMIT');
        return result;
      } catch (thrown) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw thrown;
      }
    }),
  );
}

async function withOwner<T>(
  owner: PostgresAddress,
  options: SuspendOptions,
  body: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const session = {
    applicationName: applicationName(options.migrationId, options.epoch),
    log: options.log,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  return withConnection(owner, session, body);
}
