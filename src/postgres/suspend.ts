import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { describeAddress, withConnection, type PostgresAddress } from './connect.ts';
import { codeOf } from './errors.ts';
import { quoteIdentifier, quoteLiteral, quoteQualified } from './names.ts';
import { titleOf, type SchemaEntry } from './schema-archive.ts';
import { applicationName } from './settle.ts';
import type { TargetSide } from './sides.ts';
import { holdEpoch, holdEpochStatement, refuseEpoch, type Run } from './stamp.ts';
import { isNoExtensionMember, isUserSchema, OUR_SCHEMA } from './user-objects.ts';

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

/** What is listed, by state. All zero: everything is as the application made it. */
export interface Suspended {
  suspended: number;
  /** There again, and to be validated (foreign keys), or ready (everything else). */
  restored: number;
  validated: number;
}

const FOREIGN_KEY = 'FK CONSTRAINT';
/** Shown at once when its rows are there, but it may take long: together with what is validated while the side is open. */
const MATERIALIZED_VIEW = 'MATERIALIZED VIEW DATA';

/** undefined_table, undefined_object: dropped since by the application, which may be open again. */
const GONE = ['42P01', '42704'];

/** One line of the list. */
interface Item {
  relation: string;
  kind: string;
  name: string;
  restore: string;
  validate: string | null;
}

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
  const items = withComments(entries);
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

/** What is out of the way on a side; run by either of its roles. All zero where nothing of ours is there. */
export async function readSuspended(client: pg.Client): Promise<Suspended> {
  const { rows } = await client.query<{ found: boolean }>(
    'SELECT pg_catalog.to_regclass($1) IS NOT NULL AS found',
    [`${OUR_SCHEMA}.suspended`],
  );
  return rows[0]?.found === true ? countStates(client) : { suspended: 0, restored: 0, validated: 0 };
}

interface ListedItem extends Item {
  state: keyof Suspended;
}

const LISTED = `
  SELECT relation, kind, name, restore, validate, state FROM ${OUR_SCHEMA}.suspended ORDER BY position`;

async function countStates(client: pg.Client): Promise<Suspended> {
  const { rows } = await client.query<Suspended>(
    `SELECT pg_catalog.count(*) FILTER (WHERE state = 'suspended')::integer AS suspended,
            pg_catalog.count(*) FILTER (WHERE state = 'restored')::integer AS restored,
            pg_catalog.count(*) FILTER (WHERE state = 'validated')::integer AS validated
       FROM ${OUR_SCHEMA}.suspended`,
  );
  return rows[0] ?? { suspended: 0, restored: 0, validated: 0 };
}

async function readItems(client: pg.Client): Promise<ListedItem[]> {
  const { rows } = await client.query<ListedItem>(LISTED);
  return rows;
}

async function insertItems(client: pg.Client, items: Item[]): Promise<void> {
  await client.query(
    `INSERT INTO ${OUR_SCHEMA}.suspended (position, relation, kind, name, restore, validate)
     SELECT last.position + item.number, item.relation, item.kind, item.name, item.restore, item.validate
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
              WITH ORDINALITY AS item(relation, kind, name, restore, validate, number)
      CROSS JOIN (SELECT COALESCE(pg_catalog.max(position), 0) AS position FROM ${OUR_SCHEMA}.suspended) last`,
    [
      items.map((item) => item.relation),
      items.map((item) => item.kind),
      items.map((item) => item.name),
      items.map((item) => item.restore),
      items.map((item) => item.validate),
    ],
  );
}

function columnsOf(pairs: [string, string][]): [string[], string[]] {
  return [pairs.map(([one]) => one), pairs.map(([, other]) => other)];
}

/** What is there now, with the statement that takes it out of the way. */
type Found = Item & { takeAway: string };

/**
 * Foreign keys, partitions' before their parents'. Those that Postgres keeps for each partition of the referenced table
 * (same referencing table as their parent) come and go with it.
 */
async function readForeignKeys(client: pg.Client): Promise<Found[]> {
  const { rows } = await client.query<{
    schema: string;
    relation: string;
    name: string;
    definition: string;
    valid: boolean;
    partitioned: boolean;
    inherited: boolean;
    comment: string | null;
  }>(`
    SELECT n.nspname AS schema, c.relname AS relation, k.conname AS name,
           pg_catalog.pg_get_constraintdef(k.oid) AS definition, k.convalidated AS valid,
           c.relkind = 'p' AS partitioned, k.conparentid <> 0 AS inherited,
           pg_catalog.obj_description(k.oid, 'pg_constraint') AS comment
      FROM pg_catalog.pg_constraint k
      JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_constraint parent ON parent.oid = k.conparentid
     WHERE k.contype = 'f' AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
       AND (k.conparentid = 0 OR parent.conrelid <> k.conrelid)
     ORDER BY (SELECT pg_catalog.count(*) FROM pg_catalog.pg_partition_ancestors(c.oid)) DESC, k.oid`);
  return rows.map((row) => {
    const relation = quoteQualified(row.schema, row.relation);
    const name = quoteIdentifier(row.name);
    const commented =
      row.comment === null
        ? ''
        : `;\nCOMMENT ON CONSTRAINT ${name} ON ${relation} IS ${quoteLiteral(row.comment)}`;
    const add = `ALTER TABLE ${row.partitioned ? '' : 'ONLY '}${relation} ADD CONSTRAINT ${name} ${row.definition}`;
    return {
      relation,
      kind: FOREIGN_KEY,
      name: row.name,
      ...foreignKeyStatements({
        relation,
        name,
        add,
        commented,
        valid: row.valid,
        partitioned: row.partitioned,
      }),
      takeAway: row.inherited ? '' : `ALTER TABLE ${relation} DROP CONSTRAINT ${name}`,
    };
  });
}

function foreignKeyStatements(key: {
  relation: string;
  name: string;
  add: string;
  commented: string;
  valid: boolean;
  partitioned: boolean;
}): { restore: string; validate: string | null } {
  // One that was never validated comes back like that; its definition says so.
  if (!key.valid) return { restore: key.add + key.commented, validate: null };
  if (key.partitioned) return { restore: '', validate: key.add + key.commented };
  return {
    restore: `${key.add} NOT VALID${key.commented}`,
    validate: `ALTER TABLE ${key.relation} VALIDATE CONSTRAINT ${key.name}`,
  };
}

/** tgenabled and ev_enabled: O fires for ordinary sessions, A for all, R for replicas only, D never. */
const ENABLE: Record<string, string> = { O: 'ENABLE', A: 'ENABLE ALWAYS' };

/** Triggers that would fire for us. The ones of partitions are told apart from their parents' and put back one by one. */
async function readTriggers(client: pg.Client): Promise<Found[]> {
  const { rows } = await client.query<{ schema: string; relation: string; name: string; enabled: string }>(`
    SELECT n.nspname AS schema, c.relname AS relation, t.tgname AS name, t.tgenabled AS enabled
      FROM pg_catalog.pg_trigger t
      JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE ${firesForUs}
     ORDER BY t.oid`);
  return rows.map((row) => ({
    relation: quoteQualified(row.schema, row.relation),
    kind: 'TRIGGER STATE',
    name: row.name,
    ...switched(row, 'TRIGGER'),
    validate: null,
  }));
}

/** Before PostgreSQL 15 a partition's copy of its parent's trigger counts as internal; those of constraints always do. */
const firesForUs = `
  (NOT t.tgisinternal OR (t.tgparentid <> 0 AND t.tgconstraint = 0)) AND t.tgenabled IN ('O', 'A') AND c.relkind IN ('r', 'p')
  AND NOT pg_catalog.starts_with(t.tgname, '${OUR_SCHEMA}_')
  AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}`;

function switched(
  row: { schema: string; relation: string; name: string; enabled: string },
  what: 'TRIGGER' | 'RULE',
): { takeAway: string; restore: string } {
  const alter = `ALTER TABLE ONLY ${quoteQualified(row.schema, row.relation)}`;
  const name = quoteIdentifier(row.name);
  return {
    takeAway: `${alter} DISABLE ${what} ${name}`,
    restore: `${alter} ${ENABLE[row.enabled] ?? ''} ${what} ${name}`,
  };
}

async function refuseLeftTriggers(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(`
    SELECT pg_catalog.format('%I on %I.%I', t.tgname, n.nspname, c.relname) AS name
      FROM pg_catalog.pg_trigger t
      JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE ${firesForUs} LIMIT 3`);
  if (rows.length > 0)
    throw new Error(`Triggers could not be disabled: ${rows.map(({ name }) => name).join(', ')}.`);
}

/** COPY passes rules by, our DELETE would not. */
async function readRules(client: pg.Client): Promise<Found[]> {
  const { rows } = await client.query<{ schema: string; relation: string; name: string; enabled: string }>(`
    SELECT n.nspname AS schema, c.relname AS relation, r.rulename AS name, r.ev_enabled AS enabled
      FROM pg_catalog.pg_rewrite r
      JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE r.rulename <> '_RETURN' AND r.ev_enabled IN ('O', 'A') AND c.relkind IN ('r', 'p')
       AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
     ORDER BY r.oid`);
  return rows.map((row) => ({
    relation: quoteQualified(row.schema, row.relation),
    kind: 'RULE STATE',
    name: row.name,
    ...switched(row, 'RULE'),
    validate: null,
  }));
}

/** The owner is held up by FORCE only; a loader that is another role by row security itself. */
async function readRowSecurity(client: pg.Client, target: TargetSide): Promise<Found[]> {
  const { rows } = await client.query<{
    schema: string;
    relation: string;
    forced: boolean;
    enabled: boolean;
  }>(`
    SELECT n.nspname AS schema, c.relname AS relation, c.relforcerowsecurity AS forced, c.relrowsecurity AS enabled
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND (c.relforcerowsecurity OR c.relrowsecurity)
       AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
     ORDER BY c.oid`);
  const ownerLoads = target.loader.user === target.owner.user;
  return rows.flatMap((row) => {
    const relation = quoteQualified(row.schema, row.relation);
    const item = (name: string, off: string, on: string): Found => ({
      relation,
      kind: 'ROW SECURITY STATE',
      name,
      takeAway: `ALTER TABLE ONLY ${relation} ${off}`,
      restore: `ALTER TABLE ONLY ${relation} ${on}`,
      validate: null,
    });
    return [
      ...(row.forced ? [item('forced', 'NO FORCE ROW LEVEL SECURITY', 'FORCE ROW LEVEL SECURITY')] : []),
      ...(row.enabled && !ownerLoads
        ? [item('enabled', 'DISABLE ROW LEVEL SECURITY', 'ENABLE ROW LEVEL SECURITY')]
        : []),
    ];
  });
}

/** One identifier as pg_dump writes it. */
const IDENTIFIER = '(?:"(?:[^"]|"")+"|[^\\s."]+)';
/** pg_dump writes ONLY for every table but a partitioned one, whose constraint goes to its partitions. */
const ADD_FOREIGN_KEY = new RegExp(
  `^ALTER TABLE (ONLY )?(${IDENTIFIER})\\.(${IDENTIFIER})\\s+ADD CONSTRAINT (${IDENTIFIER}) (FOREIGN KEY [^]*);$`,
);

function itemOfEntry(entry: Pick<SchemaEntry, 'kind' | 'schema' | 'name' | 'sql'>): Item {
  const sql = entry.sql.trim();
  if (entry.kind === FOREIGN_KEY) {
    const [, only, schema, table, name, definition] = ADD_FOREIGN_KEY.exec(sql) ?? [];
    if (schema === undefined || table === undefined || name === undefined || definition === undefined)
      throw new Error(`The foreign key ${titleOf(entry)} is written in a way that is not understood: ${sql}`);
    const relation = quoteQualified(unquote(schema), unquote(table));
    return {
      relation,
      kind: FOREIGN_KEY,
      name: unquote(name),
      ...foreignKeyStatements({
        relation,
        name,
        add: `ALTER TABLE ${only ?? ''}${relation} ADD CONSTRAINT ${quoteIdentifier(unquote(name))} ${definition}`,
        commented: '',
        valid: !/ NOT (VALID|ENFORCED)$/.test(definition),
        partitioned: only === undefined,
      }),
    };
  }
  const item = { relation: titleOf(entry), kind: entry.kind, name: entry.name };
  return entry.kind === MATERIALIZED_VIEW
    ? { ...item, restore: '', validate: sql }
    : { ...item, restore: sql, validate: null };
}

const COMMENT_ON_CONSTRAINT = new RegExp(
  `^COMMENT ON CONSTRAINT (${IDENTIFIER}) ON (${IDENTIFIER})\\.(${IDENTIFIER}) IS `,
);

/** A comment on a constraint that comes with its validation comes with it. */
function withComments(entries: Pick<SchemaEntry, 'kind' | 'schema' | 'name' | 'sql'>[]): Item[] {
  const items: Item[] = [];
  for (const entry of entries) {
    const [, name, schema, table] = COMMENT_ON_CONSTRAINT.exec(entry.sql.trim()) ?? [];
    const relation = quoteQualified(unquote(schema ?? ''), unquote(table ?? ''));
    const commented = items.find(
      (item) =>
        item.kind === FOREIGN_KEY &&
        item.restore === '' &&
        item.relation === relation &&
        item.name === unquote(name ?? ''),
    );
    if (commented === undefined) items.push(itemOfEntry(entry));
    else commented.validate = `${commented.validate ?? ''};\n${entry.sql.trim().replace(/;$/, '')}`;
  }
  return items;
}

function unquote(identifier: string): string {
  return identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier;
}

/** A partition that holds rows, of a table whose foreign key is on the list and cannot come back before its partitions'. */
interface Partition {
  name: string;
  schema: string;
  leaf: string;
  validate: string;
}

const PARTITIONS = `
  SELECT s.name, s.validate, n.nspname AS schema, c.relname AS leaf
    FROM ${OUR_SCHEMA}.suspended s
   CROSS JOIN LATERAL pg_catalog.pg_partition_tree(
           CASE WHEN s.kind = '${FOREIGN_KEY}' THEN s.relation::pg_catalog.regclass END) tree
    JOIN pg_catalog.pg_class c ON c.oid = tree.relid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE s.kind = '${FOREIGN_KEY}' AND s.state = 'suspended' AND s.restore = '' AND tree.isleaf AND c.relkind = 'r'
   ORDER BY s.position, c.oid`;

/**
 * A partitioned table's foreign key from a dump becomes one for each partition that holds rows, under the same name.
 */
function spreadOverPartitions(listed: Item[], partitions: Partition[]): Item[] {
  return partitions.flatMap(({ name, schema, leaf: table, validate: sql }): Item[] => {
    const leaf = quoteQualified(schema, table);
    const definition = definitionOf({ name, restore: '', validate: sql });
    // A partition may have brought it along under a name of its own.
    const has = listed.some(
      (item) => item.kind === FOREIGN_KEY && item.relation === leaf && definitionOf(item) === definition,
    );
    if (has) return [];
    return [
      {
        relation: leaf,
        kind: FOREIGN_KEY,
        name,
        ...foreignKeyStatements({
          relation: leaf,
          name: quoteIdentifier(name),
          add: `ALTER TABLE ONLY ${leaf} ADD CONSTRAINT ${quoteIdentifier(name)} ${definition}`,
          commented: '',
          valid: true,
          partitioned: false,
        }),
      },
    ];
  });
}

/** What a foreign key on the list says, apart from its table and name. */
function definitionOf(item: Pick<Item, 'name' | 'restore' | 'validate'>): string {
  const add = item.restore === '' ? (item.validate ?? '') : item.restore;
  const name = `ADD CONSTRAINT ${quoteIdentifier(item.name)} `;
  return add
    .slice(add.indexOf(name) + name.length)
    .replace(/;\nCOMMENT ON CONSTRAINT [^]*$/, '')
    .replace(/ NOT VALID$/, '');
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
