import type pg from 'pg';
import { capturedSql, digestSql, objectsSql, readRights, serverSql, type ServerRights } from './drift-sql.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/** What a database looked like at one moment, for being compared with the same database later; nothing in it is secret. */
export interface Shape {
  /** Changes whenever any of the rest does, and now and then without (see `readDigest`). */
  digest: string;
  server: ServerShape;
  objects: ShapeObject[];
  captured: CapturedShape[];
  /** We are putting foreign keys back and validating them ourselves: constraints that differ say nothing. */
  settling?: boolean;
  /** Before we took foreign keys, triggers, rules and row security out of our own way: they come back by `settleLive`. */
  suspended?: boolean;
}

/** What an ordinary role may see; null where a provider does not let it. */
interface ServerShape {
  systemIdentifier: string | null;
  /** The first eight characters of the name of the present WAL file. */
  timeline: string | null;
  startedAt: string;
  version: string;
}

interface ShapeObject {
  /** The catalogue's number, as in the headers of a dump. */
  classOid: number;
  oid: number;
  /** A column's number, otherwise 0. */
  sub: number;
  /** The table that it belongs to, or is. */
  table: number | null;
  /** Kind and name. */
  what: string;
  hash: string;
}

interface CapturedShape {
  oid: number;
  relation: string;
  filenode: number;
  columns: string;
  /** Both triggers are as our installation committed them. */
  untouched: boolean;
  function: string | null;
}

export interface SchemaDifference {
  change: 'added' | 'removed' | 'changed';
  classOid: number;
  oid: number;
  /** A column's number, otherwise 0. */
  sub: number;
  /** The table that it belongs to, or is. */
  table: number | null;
  /** Kind and name, as it is now, or was. */
  what: string;
}

export interface ShapeComparison {
  /** Nothing below differs. */
  equal: boolean;
  /**
   * Captured tables whose rows lie elsewhere with no change to a column: after TRUNCATE (then the log has its marker),
   * VACUUM FULL or CLUSTER (then every row is what it was). A transaction with an older snapshot sees such a table empty
   * after the first.
   */
  truncated: string[];
  /** Captured tables whose rows were written anew by an ALTER TABLE: values may differ that no trigger saw. */
  rewritten: string[];
  /** What the application's schema gained, lost or changed; grants and owners are left out. */
  schema: SchemaDifference[];
  /** Captured tables one of whose triggers was touched since its installation, or their function since the baseline: changes may be missing in the log. */
  captureTouched: string[];
  /**
   * `failover`: another machine, or a restored one, serves now: committed changes may be missing there. `restarted`: the
   * same one was started again: with synchronous_commit off the last commits may be missing. Both ask for a proof.
   */
  server: 'same' | 'restarted' | 'failover';
}

/**
 * One text that stays the same while nothing changes, in one short question (a few milliseconds on 100 tables), for
 * looking around every chunk and every commit. When it differs, `readShape` says whether it matters.
 *
 * The session must be in no transaction: one with a snapshot would not see what is to be noticed.
 */
export async function readDigest(client: pg.Client): Promise<string> {
  return digestOf(client, await rightsOf(client));
}

/** Reads everything that `compareShapes` compares. The session must be in no transaction. */
export async function readShape(client: pg.Client): Promise<Shape> {
  const rights = await rightsOf(client);
  // First, so that what changes while the rest is read is noticed the next time.
  const digest = await digestOf(client, rights);
  const { rows: server } = await client.query<{ server: ServerShape }>(
    `SELECT ${serverSql(rights)} AS server`,
  );
  const { rows: objects } = await client.query<ShapeObject>(objectsSql);
  const captured = rights.captured ? (await client.query<CapturedShape>(capturedSql)).rows : [];
  if (server[0] === undefined) throw new Error('Postgres answered a question about itself without a row.');
  return { digest, server: server[0].server, objects, captured };
}

/** What the digest may ask on a session: the same for as long as that lives and the capture stays. */
export async function rightsOf(client: pg.Client): Promise<ServerRights> {
  const { rows } = await client.query<ServerRights>({ name: 'h2d rights', text: readRights });
  if (rows[0] === undefined) throw new Error('Postgres answered a question about itself without a row.');
  return rows[0];
}

/** `readDigest` in one round trip. */
export async function digestOf(client: pg.Client, rights: ServerRights): Promise<string> {
  const text = digestSql(rights);
  const name = `h2d digest ${rights.systemIdentifier} ${rights.timeline}`;
  const { rows } = await client.query<{ digest: string }>({ name, text });
  return rows[0]?.digest ?? '';
}

/** The catalogue's own number. */
const PG_CONSTRAINT = 2606;

/** What changed between two looks at one database. */
export function compareShapes(before: Shape, after: Shape): ShapeComparison {
  const moved = movedTables(before, after);
  const comparison = {
    truncated: moved.filter(({ columns }) => columns).map(({ relation }) => relation),
    rewritten: moved.filter(({ columns }) => !columns).map(({ relation }) => relation),
    schema: compareObjects(before.objects, after.objects).filter(
      ({ classOid }) => before.settling !== true || classOid !== PG_CONSTRAINT,
    ),
    captureTouched: touchedTables(before, after),
    server: compareServers(before.server, after.server),
  };
  const equal =
    comparison.server === 'same' &&
    [comparison.truncated, comparison.rewritten, comparison.schema, comparison.captureTouched].every(
      (list) => list.length === 0,
    );
  return { equal, ...comparison };
}

function movedTables(before: Shape, after: Shape): { relation: string; columns: boolean }[] {
  const earlier = new Map(before.captured.map((table) => [table.oid, table]));
  return after.captured.flatMap((table) => {
    const was = earlier.get(table.oid);
    if (was === undefined || was.filenode === table.filenode) return [];
    return [{ relation: table.relation, columns: was.columns === table.columns }];
  });
}

function touchedTables(before: Shape, after: Shape): string[] {
  const earlier = new Map(before.captured.map((table) => [table.oid, table.function]));
  return after.captured
    .filter(
      (table) =>
        !table.untouched ||
        table.function === null ||
        (earlier.has(table.oid) && earlier.get(table.oid) !== table.function),
    )
    .map(({ relation }) => relation);
}

function compareServers(before: ServerShape, after: ServerShape): ShapeComparison['server'] {
  if (
    before.systemIdentifier !== after.systemIdentifier ||
    before.timeline !== after.timeline ||
    before.version !== after.version
  )
    return 'failover';
  return before.startedAt === after.startedAt ? 'same' : 'restarted';
}

function compareObjects(before: readonly ShapeObject[], after: readonly ShapeObject[]): SchemaDifference[] {
  const keyOf = (object: ShapeObject): string =>
    [object.classOid, object.oid, object.sub, object.what.startsWith('comment on ')].join(' ');
  const earlier = new Map(before.map((object) => [keyOf(object), object]));
  const later = new Set(after.map(keyOf));
  const difference = (change: SchemaDifference['change'], object: ShapeObject): SchemaDifference => ({
    change,
    classOid: object.classOid,
    oid: object.oid,
    sub: object.sub,
    table: object.table,
    what: object.what,
  });
  return [
    ...after
      .filter((object) => earlier.get(keyOf(object))?.hash !== object.hash)
      .map((object) => difference(earlier.has(keyOf(object)) ? 'changed' : 'added', object)),
    ...before.filter((object) => !later.has(keyOf(object))).map((object) => difference('removed', object)),
  ];
}

/** One line for a log or an error: what was done to what. */
export function describeDifference(difference: SchemaDifference): string {
  return `${difference.change}: ${difference.what}`;
}

/** Keeps the baseline beside the capture that it belongs to. Throws when this migration has no capture there. */
export async function saveShape(client: pg.Client, migrationId: string, shape: Shape): Promise<void> {
  const { rowCount } = await client.query(
    `UPDATE ${OUR_SCHEMA}.capture SET shape = $2::jsonb WHERE migration_id = $1`,
    [migrationId, JSON.stringify(shape)],
  );
  if (rowCount !== 1) throw new Error(`There is no capture of the migration ${migrationId} to compare with.`);
}

/**
 * Notes that the copies of these tables (quoted) are about to be made anew: until a new baseline is saved, they count as
 * changed, whatever the source looks like by then.
 */
export async function distrustTables(
  client: pg.Client,
  migrationId: string,
  relations: readonly string[],
): Promise<void> {
  const baseline = await readBaseline(client, migrationId);
  if (baseline === undefined || relations.length === 0) return;
  await saveShape(client, migrationId, {
    ...baseline,
    digest: '',
    captured: baseline.captured.map((table) =>
      relations.includes(table.relation) ? { ...table, function: null } : table,
    ),
  });
}

/** The baseline that `saveShape` kept; undefined when there is none. */
export async function readBaseline(client: pg.Client, migrationId: string): Promise<Shape | undefined> {
  const { rows } = await client.query<{ shape: Shape | null }>(
    `SELECT shape FROM ${OUR_SCHEMA}.capture WHERE migration_id = $1`,
    [migrationId],
  );
  return rows[0]?.shape ?? undefined;
}
