import type pg from 'pg';
import type { Log } from '../log.ts';
import { closeConnection, connect, withConnection, type PostgresAddress } from './connect.ts';
import { quoteLiteral, quoteQualified } from './names.ts';
import type { Side } from './parity-side.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/** A table that an earlier comparison has proven equal. */
export interface ProvenTable {
  rows: number;
  hash: string;
}

/** Where proofs are kept: a row of the target's table `proof` for each table that was equal. */
export interface ProofKeeper {
  /** Tables proven before, by `quoteQualified` name; empty unless the comparison continues an earlier one. */
  proven: Map<string, ProvenTable>;
  /** Notes that a table was equal in the state that the target's side reads. Written in the background. */
  note(relation: string, proven: ProvenTable): void;
  /** Waits until everything noted is written. Throws what writing threw. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

export interface ProofOptions {
  /** A role that may write to our schema on the target. */
  writer: PostgresAddress;
  /** Continues the proof that is there: what it proved has since been changed by drains only, which note the keys. */
  resume: boolean;
  applicationName: string;
  log: Log;
  signal: AbortSignal | undefined;
}

const CREATE = `
  CREATE SCHEMA IF NOT EXISTS ${OUR_SCHEMA};
  CREATE TABLE IF NOT EXISTS ${OUR_SCHEMA}.proof (
    relation text PRIMARY KEY,
    rows bigint NOT NULL,
    hash text NOT NULL,
    proven_at timestamptz NOT NULL
  );
  CREATE TABLE IF NOT EXISTS ${OUR_SCHEMA}.touched (relation text NOT NULL, key text[])`;

/** As proofs and lists of touched keys name a table. */
export function relationOf(table: { schema: string; name: string }): string {
  return quoteQualified(table.schema, table.name);
}

/** Reads what is proven, or forgets it; `write` then notes what the comparison at the target's snapshot proves. */
export async function keepProof(
  options: ProofOptions,
): Promise<ProofKeeper & { attach(target: Side): void }> {
  const client = await connect(options.writer, {
    applicationName: options.applicationName,
    log: options.log,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  try {
    await prepare(client);
    const proven = options.resume ? await readProof(client) : new Map<string, ProvenTable>();
    if (!options.resume) await client.query(`DELETE FROM ${OUR_SCHEMA}.proof`);
    return keeper(client, proven);
  } catch (thrown) {
    await closeConnection(client);
    throw thrown;
  }
}

async function prepare(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ there: boolean }>(
    `SELECT pg_catalog.to_regclass('${OUR_SCHEMA}.proof') IS NOT NULL
        AND pg_catalog.to_regclass('${OUR_SCHEMA}.touched') IS NOT NULL AS there`,
  );
  if (rows[0]?.there !== true) await client.query(CREATE);
}

async function readProof(client: pg.Client): Promise<Map<string, ProvenTable>> {
  const { rows } = await client.query<{ relation: string; rows: string; hash: string }>(
    `SELECT relation, rows::text, hash FROM ${OUR_SCHEMA}.proof`,
  );
  return new Map(rows.map((row) => [row.relation, { rows: Number(row.rows), hash: row.hash }]));
}

function keeper(
  client: pg.Client,
  proven: Map<string, ProvenTable>,
): ProofKeeper & { attach(target: Side): void } {
  const noted = new Map<string, ProvenTable>();
  let snapshot: string | undefined;
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    if (noted.size === 0 || snapshot === undefined) return;
    const tables = [...noted];
    noted.clear();
    await writeProof(client, snapshot, tables);
  };
  return {
    proven,
    attach: (target) => {
      snapshot = target.snapshot;
    },
    note: (relation, table) => {
      noted.set(relation, table);
      // One after the other: what comes meanwhile is written together.
      writing = writing.then(flush);
      writing.catch(() => undefined);
    },
    finish: () => writing,
    close: () => closeConnection(client),
  };
}

/**
 * Keys that were touched before the state which was compared are proven with the table. Deleting under that very snapshot
 * takes those and none that a drain has written since.
 */
async function writeProof(
  client: pg.Client,
  snapshot: string,
  tables: [string, ProvenTable][],
): Promise<void> {
  await client.query(
    `BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT ${quoteLiteral(snapshot)}`,
  );
  const relations = tables.map(([relation]) => relation);
  await client.query(`DELETE FROM ${OUR_SCHEMA}.touched WHERE relation = ANY ($1::text[])`, [relations]);
  await client.query(
    `INSERT INTO ${OUR_SCHEMA}.proof (relation, rows, hash, proven_at)
     SELECT *, pg_catalog.now() FROM unnest($1::text[], $2::bigint[], $3::text[])
     ON CONFLICT (relation) DO UPDATE
        SET rows = EXCLUDED.rows, hash = EXCLUDED.hash, proven_at = EXCLUDED.proven_at`,
    [relations, tables.map(([, table]) => table.rows), tables.map(([, table]) => table.hash)],
  );
  await client.query('COMMIT');
}

/**
 * Takes the touched keys of these relations out of the list that were there in the target's state; later ones stay. What
 * was proven before is proven as of now.
 */
export async function clearTouched(
  writer: PostgresAddress,
  target: Side,
  options: { applicationName: string; log: Log; signal: AbortSignal | undefined; relations: string[] },
): Promise<void> {
  const { applicationName, log, signal, relations } = options;
  const session = { applicationName, log, ...(signal === undefined ? {} : { signal }) };
  await withConnection(writer, session, async (client) => {
    await client.query(
      `BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT ${quoteLiteral(target.snapshot)}`,
    );
    await client.query(`DELETE FROM ${OUR_SCHEMA}.touched WHERE relation = ANY ($1::text[])`, [relations]);
    await client.query(
      `UPDATE ${OUR_SCHEMA}.proof SET proven_at = pg_catalog.now() WHERE relation = ANY ($1::text[])`,
      [relations],
    );
    await client.query('COMMIT');
  });
}
