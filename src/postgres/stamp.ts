import type pg from 'pg';
import { ConfigurationError } from '../errors.ts';
import { quoteIdentifier, quoteLiteral } from './names.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/** Whose run it is: a newer epoch of the same migration ends what an older one was doing. */
export interface Run {
  migrationId: string;
  epoch: number;
}

/** A newer run of the same migration has begun; this one changed nothing more and must stop. */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';
}

/**
 * Everything that a target remembers about its migration, in our schema and owned by the role that loads. Each
 * statement can be repeated; the tables of an earlier version get what they lack.
 */
const STATE = `
  CREATE SCHEMA IF NOT EXISTS ${OUR_SCHEMA};
  CREATE TABLE IF NOT EXISTS ${OUR_SCHEMA}.stamp (
    migration_id text PRIMARY KEY,
    stamped_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    -- Null while a copy is under way.
    completed_at timestamptz,
    epoch bigint NOT NULL DEFAULT 0
  );
  ALTER TABLE ${OUR_SCHEMA}.stamp ADD COLUMN IF NOT EXISTS epoch bigint NOT NULL DEFAULT 0;
  -- What the rows that are there were copied for: the schema, and the capture that knows every change since.
  ALTER TABLE ${OUR_SCHEMA}.stamp ADD COLUMN IF NOT EXISTS basis text;
  -- Of a copy that several runners share: the snapshot whose chunks the others may commit. Null: they may commit nothing.
  ALTER TABLE ${OUR_SCHEMA}.stamp ADD COLUMN IF NOT EXISTS shared_snapshot text;
  -- A row for each chunk of a table that is there, written in the chunk's own transaction.
  CREATE TABLE IF NOT EXISTS ${OUR_SCHEMA}.copied (
    relation text NOT NULL,
    part integer NOT NULL,
    parts integer NOT NULL,
    first_page bigint NOT NULL,
    last_page bigint,
    snapshot text NOT NULL,
    -- The source table's: page numbers of one say nothing about another.
    filenode bigint NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (relation, part)
  );
  -- What is out of the way while we write: foreign keys, triggers, rules, row security.
  CREATE TABLE IF NOT EXISTS ${OUR_SCHEMA}.suspended (
    position integer PRIMARY KEY,
    relation text NOT NULL,
    kind text NOT NULL,
    -- The constraint's, trigger's or rule's own name.
    name text NOT NULL,
    -- Empty for what comes back with its validation only.
    restore text NOT NULL,
    validate text,
    state text NOT NULL DEFAULT 'suspended' CHECK (state IN ('suspended', 'restored', 'validated'))
  );
  -- What the schema was made from, one row for each entry of its dump: a later one is compared with it.
  CREATE TABLE IF NOT EXISTS ${OUR_SCHEMA}.entries (
    kind text NOT NULL,
    schema text NOT NULL,
    name text NOT NULL,
    relation text,
    digest text NOT NULL
  );
  -- Keys that drains have written since the tables were last proven equal.
  CREATE TABLE IF NOT EXISTS ${OUR_SCHEMA}.touched (relation text NOT NULL, key text[]);
  CREATE TABLE IF NOT EXISTS ${OUR_SCHEMA}.proof (
    relation text PRIMARY KEY,
    rows bigint NOT NULL,
    hash text NOT NULL,
    proven_at timestamptz NOT NULL
  );`;

const TABLES = ['entries', 'copied', 'suspended', 'touched', 'proof', 'stamp'];

/**
 * Marks the target as this migration's before anything of it is there, so that a copy that dies is recognised. Run by
 * the role that loads. `owner` is the role that owns the application's objects: it takes foreign keys and triggers out of
 * the way and notes that, and later installs the capture of the way back beside these tables.
 */
export async function stampTarget(client: pg.Client, migrationId: string, owner?: string): Promise<void> {
  // Several statements sent as one are one transaction, and one round trip.
  await client.query(`
    SET LOCAL client_min_messages = 'warning';
    ${STATE}
    ${owner === undefined || owner === client.user ? '' : grantToOwner(owner)}
    INSERT INTO ${OUR_SCHEMA}.stamp (migration_id) VALUES (${quoteLiteral(migrationId)})
    ON CONFLICT (migration_id) DO UPDATE SET completed_at = NULL, basis = NULL`);
}

/** The owner may hold the epoch (SELECT FOR SHARE asks for the right to update some column) and keep the list of what is suspended. */
function grantToOwner(owner: string): string {
  const role = quoteIdentifier(owner);
  return `
    GRANT USAGE, CREATE ON SCHEMA ${OUR_SCHEMA} TO ${role};
    GRANT SELECT, UPDATE (epoch) ON ${OUR_SCHEMA}.stamp TO ${role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ${OUR_SCHEMA}.suspended TO ${role};
    GRANT SELECT ON ${OUR_SCHEMA}.copied, ${OUR_SCHEMA}.touched, ${OUR_SCHEMA}.proof TO ${role};`;
}

/** Notes that everything of the last copy is there. */
export async function completeStamp(client: pg.Client, migrationId: string): Promise<void> {
  await client.query(
    `UPDATE ${OUR_SCHEMA}.stamp SET completed_at = pg_catalog.now() WHERE migration_id = $1`,
    [migrationId],
  );
}

/** Notes that the schema is there, and what for: an interrupted copy may go on as long as that is the same. */
export async function noteBasis(client: pg.Client, migrationId: string, basis: string): Promise<void> {
  await client.query(`UPDATE ${OUR_SCHEMA}.stamp SET basis = $2 WHERE migration_id = $1`, [
    migrationId,
    basis,
  ]);
}

/** What `noteBasis` noted last; undefined when there is no schema yet, or another migration's. */
export async function readBasis(client: pg.Client, migrationId: string): Promise<string | undefined> {
  if (!(await exists(client, 'stamp'))) return undefined;
  const { rows } = await client.query<{ basis: string | null }>(
    `SELECT pg_catalog.to_jsonb(stamp) ->> 'basis' AS basis FROM ${OUR_SCHEMA}.stamp WHERE migration_id = $1`,
    [migrationId],
  );
  return rows[0]?.basis ?? undefined;
}

/** The migration that the target belongs to; undefined when it is stamped by none. */
export async function readStamp(
  client: pg.Client,
): Promise<{ migrationId: string; completed: boolean } | undefined> {
  if (!(await exists(client, 'stamp'))) return undefined;
  const { rows } = await client.query<{ migration_id: string; completed: boolean }>(
    `SELECT migration_id, completed_at IS NOT NULL AS completed
       FROM ${OUR_SCHEMA}.stamp ORDER BY stamped_at LIMIT 1`,
  );
  const row = rows[0];
  return row === undefined ? undefined : { migrationId: row.migration_id, completed: row.completed };
}

/** Forgets the chunks, suspended objects, touched keys and proofs of a copy that is about to be replaced whole. */
export async function forgetCopy(client: pg.Client): Promise<void> {
  await client.query(
    `TRUNCATE ${OUR_SCHEMA}.copied, ${OUR_SCHEMA}.suspended, ${OUR_SCHEMA}.touched, ${OUR_SCHEMA}.proof`,
  );
}

/** Removes all of it from the target, and our schema when nothing else of ours is in it. Idempotent. */
export async function removeStamp(client: pg.Client): Promise<void> {
  await client.query('BEGIN');
  await client.query("SET LOCAL client_min_messages = 'warning'");
  await client.query(`DROP TABLE IF EXISTS ${TABLES.map((table) => `${OUR_SCHEMA}.${table}`).join(', ')}`);
  const { rows } = await client.query(`
    SELECT FROM pg_catalog.pg_namespace n
     WHERE n.nspname = '${OUR_SCHEMA}' AND pg_catalog.pg_has_role(n.nspowner, 'USAGE')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = n.oid)`);
  if (rows.length > 0) await client.query(`DROP SCHEMA ${OUR_SCHEMA}`);
  await client.query('COMMIT');
}

/**
 * Makes this run the one that may write to the target; it waits until what older runs have in flight is committed or
 * gone. To be called once, when a run begins.
 *
 * @throws SupersededError when a newer run has done so already
 */
export async function claimEpoch(client: pg.Client, run: Run): Promise<void> {
  const { rows } = await client.query(
    `UPDATE ${OUR_SCHEMA}.stamp SET epoch = $2 WHERE migration_id = $1 AND epoch <= $2 RETURNING epoch`,
    [run.migrationId, run.epoch],
  );
  if (rows.length === 0) refuseEpoch(await storedEpoch(client, run, ''), run);
}

/**
 * Inside a transaction: keeps the epoch from changing until it ends, so that nothing of a superseded run can be
 * committed. `shared` holders (chunks of a copy) do not wait for each other; an `exclusive` one (a drain) is alone.
 *
 * @throws SupersededError when a newer run has claimed the target
 */
export async function holdEpoch(client: pg.Client, run: Run, mode: 'shared' | 'exclusive'): Promise<void> {
  refuseEpoch(await storedEpoch(client, run, holdEpochLock(mode)), run);
}

/**
 * Lets the other runners of a shared copy commit chunks of this snapshot and of no other; null: none at all. It waits until
 * what they have in flight is committed or gone.
 *
 * @throws SupersededError when a newer run has claimed the target
 */
export async function shareSnapshot(client: pg.Client, run: Run, snapshot: string | null): Promise<void> {
  // A copy that is gone on with may be one that an earlier version began.
  if (snapshot !== null)
    await client.query(`
      SET client_min_messages = 'warning';
      ALTER TABLE ${OUR_SCHEMA}.stamp ADD COLUMN IF NOT EXISTS shared_snapshot text`);
  const { rows } = await client.query(
    `UPDATE ${OUR_SCHEMA}.stamp SET shared_snapshot = $3 WHERE migration_id = $1 AND epoch = $2 RETURNING epoch`,
    [run.migrationId, run.epoch, snapshot],
  );
  if (rows.length === 0) refuseEpoch(await storedEpoch(client, run, ''), run);
}

/** `holdEpochStatement` of a runner that only takes part in a copy: also answers whose chunks may be committed. */
export function holdSharedStatement(migrationId: string): string {
  return `SELECT epoch::text, shared_snapshot AS snapshot FROM ${OUR_SCHEMA}.stamp WHERE migration_id = ${quoteLiteral(migrationId)} ${holdEpochLock('shared')}`;
}

/** `holdEpoch` as text, for batches of several statements; `refuseEpoch` judges the row that it answers. */
export function holdEpochStatement(migrationId: string, mode: 'shared' | 'exclusive' | 'none'): string {
  return `SELECT epoch::text FROM ${OUR_SCHEMA}.stamp WHERE migration_id = ${quoteLiteral(migrationId)} ${holdEpochLock(mode)}`;
}

/**
 * Whose turn it was last: the transaction of the drain that wrote last. A drain reads it before it takes its snapshot of
 * the source, and once more with the lock (`ours` is then its own, see `takeTurn`): another one that wrote in between may
 * have read a newer snapshot, whose rows ours would replace by older ones.
 */
export function turnStatement(migrationId: string, mode: 'exclusive' | 'none'): string {
  return `SELECT epoch::text, xmin::text AS turn, (pg_catalog.txid_current() & 4294967295)::text AS ours
            FROM ${OUR_SCHEMA}.stamp WHERE migration_id = ${quoteLiteral(migrationId)} ${holdEpochLock(mode)}`;
}

/** With the lock: makes this transaction, when it commits, the last one whose turn it was. */
export function takeTurn(migrationId: string): string {
  return `UPDATE ${OUR_SCHEMA}.stamp SET epoch = epoch WHERE migration_id = ${quoteLiteral(migrationId)}`;
}

/** @throws SupersededError when the stored epoch is newer than ours; Error when the run has not claimed the target. */
export function refuseEpoch(stored: string | undefined, run: Run): void {
  if (stored === undefined)
    throw new ConfigurationError(
      `The target does not belong to the migration ${run.migrationId}: its stamp is missing. Nothing was written.`,
    );
  const epoch = Number(stored);
  if (epoch > run.epoch)
    throw new SupersededError(
      `A newer run of ${run.migrationId} (epoch ${epoch}) works on the target, so this one (epoch ${run.epoch}) stops and changes nothing more.`,
    );
  if (epoch < run.epoch)
    throw new Error(
      `The run ${run.epoch} of ${run.migrationId} writes before it has claimed the target (${epoch}).`,
    );
}

function holdEpochLock(mode: 'shared' | 'exclusive' | 'none'): string {
  if (mode === 'none') return '';
  return mode === 'shared' ? 'FOR SHARE' : 'FOR UPDATE';
}

async function storedEpoch(client: pg.Client, run: Run, lock: string): Promise<string | undefined> {
  const { rows } = await client.query<{ epoch: string }>(
    `SELECT epoch::text FROM ${OUR_SCHEMA}.stamp WHERE migration_id = $1 ${lock}`,
    [run.migrationId],
  );
  return rows[0]?.epoch;
}

async function exists(client: pg.Client, table: string): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(
    'SELECT pg_catalog.to_regclass($1) IS NOT NULL AS found',
    [`${OUR_SCHEMA}.${table}`],
  );
  return rows[0]?.found === true;
}
