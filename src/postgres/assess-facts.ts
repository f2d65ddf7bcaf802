import type pg from 'pg';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import {
  activityBetween,
  readCounters,
  writesPerSecondOf,
  type Activity,
  type Counters,
} from './counters.ts';
import { readCredentials, type Credentials } from './credentials.ts';
import { readDuplicateKeys, type DuplicateKeys } from './duplicate-keys.ts';
import { codeOf } from './errors.ts';
import { readExtensionData, type ExtensionData } from './extension-data.ts';
import { readDatabaseFacts, type DatabaseFacts } from './facts.ts';
import { readLiveFacts, type LiveFacts } from './live-facts.ts';
import { readLockedTables, type LockedTable } from './locked-tables.ts';
import { readObstacles, type Obstacles } from './obstacles.ts';
import { readSequenceFacts, type SequenceFacts } from './sequence-facts.ts';
import { readServerFacts, type ServerFacts } from './server-facts.ts';
import { lookAtSessions, summarizeSessions, type SeenSession, type Sessions } from './sessions.ts';
import { mayBeSecret } from './settings.ts';
import { readTableDetails, tableKey, type AssessedTable } from './table-facts.ts';

/** Everything that assess knows of a database. Plain data; names only, no row and no value of a setting that may be secret. */
export interface AssessFacts {
  /** As the other readers know it, with more about each table. */
  database: Omit<DatabaseFacts, 'tables'> & { tables: AssessedTable[] };
  live: LiveFacts;
  /** Null in these: it could not be read, and `unread` says why. */
  server: ServerFacts | null;
  obstacles: Obstacles | null;
  sequences: SequenceFacts | null;
  extensionData: ExtensionData[] | null;
  duplicateKeys: DuplicateKeys | null;
  credentials: Credentials | null;
  sessions: Sessions | null;
  activity: Activity | null;
  /** Tables that another session held for itself while we read: their sizes are estimates. */
  locked: LockedTable[];
  unread: Unread[];
}

/** A part of the facts that is not there. */
export interface Unread {
  part:
    | 'server'
    | 'obstacles'
    | 'sequences'
    | 'extensionData'
    | 'duplicateKeys'
    | 'credentials'
    | 'sessions'
    | 'activity';
  why: string;
}

export interface AssessOptions {
  /** How long activity and sessions are sampled; default 5 s. */
  sampleMs?: number;
  clock: Clock;
  signal?: AbortSignal;
}

const SAMPLE_MS = 5_000;
/** Sessions are looked at about once a second. */
const LOOK_EVERY_MS = 1_000;
const MOST_LOOKS = 60;

/** Nothing that assess asks should take a production's time: a statement that does is given up and named. */
const LIMITS = {
  default_transaction_read_only: 'on',
  statement_timeout: '20s',
  lock_timeout: '1s',
  idle_in_transaction_session_timeout: '30s',
};
/** Attempts of a statement that met the lock of another session; each looks anew at what is locked. */
const ATTEMPTS = 3;

/**
 * Reads everything that a move has something to say about, and samples what the database is doing. It reads only, outside
 * of any transaction (so that nothing is held while it waits), takes no lock stronger than ACCESS SHARE and waits for none
 * longer than a second. Tables that other sessions hold for themselves are named, with their last known sizes; a part that
 * cannot be read is in `unread`. Counts of rows are Postgres's own estimates.
 *
 * @param client a session of the application's own role, not inside a transaction
 * @throws when the connection fails, or not even what the database holds can be read
 */
export async function readAssessFacts(client: pg.Client, options: AssessOptions): Promise<AssessFacts> {
  const before = await limit(client);
  try {
    return await readAll(client, options);
  } finally {
    // The session may be used further; one that was lost needs nothing.
    await restore(client, before).catch(() => undefined);
  }
}

async function readAll(client: pg.Client, options: AssessOptions): Promise<AssessFacts> {
  const { clock, signal } = options;
  const sampleMs = options.sampleMs ?? SAMPLE_MS;
  const unread: Unread[] = [];
  const part = async <T>(name: Unread['part'], read: () => Promise<T>): Promise<T | null> => {
    signal?.throwIfAborted();
    try {
      return await read();
    } catch (thrown) {
      if (!isGivenUp(thrown)) throw thrown;
      unread.push({ part: name, why: messageOf(thrown) });
      return null;
    }
  };

  const looks: SeenSession[][] = [];
  const look = async (): Promise<void> => {
    const seen = await part('sessions', () => lookAtSessions(client));
    if (seen !== null) looks.push(seen);
  };
  const started = clock.now().getTime();
  const countersBefore = await part('activity', () => readCounters(client));
  await look();

  const held = await lockedTables(client);
  const database = await despiteLocks(client, held, (locked) => readDatabaseFacts(client, locked));
  const details = await despiteLocks(client, held, (locked) => readTableDetails(client, locked));
  const live = await readLiveFacts(client);
  const server = await part('server', () => readServerFacts(client, database.major));
  const obstacles = await part('obstacles', () => readObstacles(client));
  const sequences = await part('sequences', () => readSequenceFacts(client, numbersOf(held)));
  const extensionData = await part('extensionData', () => readExtensionData(client));
  const duplicateKeys = await part('duplicateKeys', () =>
    despiteLocks(client, held, (locked) => readDuplicateKeys(client, locked)),
  );
  const credentials = await part('credentials', () => readCredentials(client));

  const count = Math.min(Math.max(Math.round(sampleMs / LOOK_EVERY_MS), 1), MOST_LOOKS);
  for (let done = 1; done <= count; done += 1) {
    const rest = started + (sampleMs * done) / count - clock.now().getTime();
    if (rest > 0) await clock.sleep(rest, signal);
    await look();
  }
  const countersAfter = await part('activity', () => readCounters(client));

  const locked = [...held.values()].filter(({ oid }) => [...details.values()].some((one) => one.oid === oid));
  return {
    database: {
      ...database,
      settings: withoutSecrets(database.settings),
      tables: assessedTables(database, details, locked, countersBefore, countersAfter),
    },
    live,
    server,
    obstacles,
    sequences,
    extensionData,
    duplicateKeys,
    credentials,
    sessions: looks.length === 0 ? null : summarizeSessions(looks, await currentUser(client)),
    activity:
      countersBefore === null || countersAfter === null
        ? null
        : activityBetween(countersBefore, countersAfter),
    locked,
    // A part that was asked several times is named once.
    unread: [...new Map(unread.map((one) => [one.part, one])).values()],
  };
}

type Held = Map<number, LockedTable>;

async function lockedTables(client: pg.Client): Promise<Held> {
  return new Map((await readLockedTables(client)).map((table) => [table.oid, table]));
}

function numbersOf(held: Held): number[] {
  return [...held.keys()];
}

/** Runs `read` with what is locked, and again with what has been locked since when it met such a lock. */
async function despiteLocks<T>(
  client: pg.Client,
  held: Held,
  read: (locked: number[]) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await read(numbersOf(held));
    } catch (thrown) {
      if (codeOf(thrown) !== LOCK_NOT_AVAILABLE || attempt >= ATTEMPTS) throw thrown;
      for (const [oid, table] of await lockedTables(client)) held.set(oid, table);
    }
  }
}

const LOCK_NOT_AVAILABLE = '55P03';

/** A right that is lacking, a time limit, a lock: the rest can still be read. */
function isGivenUp(thrown: unknown): boolean {
  return ['42501', '57014', LOCK_NOT_AVAILABLE].includes(codeOf(thrown));
}

function assessedTables(
  { tables }: DatabaseFacts,
  details: Awaited<ReturnType<typeof readTableDetails>>,
  locked: readonly LockedTable[],
  before: Counters | null,
  after: Counters | null,
): AssessedTable[] {
  const held = new Set(locked.map(({ oid }) => oid));
  return tables.flatMap((table): AssessedTable[] => {
    const known = details.get(tableKey(table));
    // Dropped between two statements.
    if (known === undefined) return [];
    const { oid, ...rest } = known;
    return [
      {
        ...table,
        ...rest,
        locked: held.has(oid),
        writesPerSecond: before === null || after === null ? null : writesPerSecondOf(oid, before, after),
      },
    ];
  });
}

/** Settings of a database or role may hold passwords of other services. */
export function withoutSecrets(settings: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, mayBeSecret(name) ? '(not shown)' : value]),
  );
}

async function currentUser(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ name: string }>('SELECT current_user AS name');
  return rows[0]?.name ?? '';
}

async function limit(client: pg.Client): Promise<Record<string, string>> {
  const names = Object.keys(LIMITS);
  const { rows } = await client.query<{ name: string; before: string }>(
    `SELECT wanted.name, known.before, pg_catalog.set_config(wanted.name, wanted.value, false)
       FROM unnest($1::text[], $2::text[]) AS wanted(name, value)
      CROSS JOIN LATERAL (SELECT pg_catalog.current_setting(wanted.name) AS before OFFSET 0) known`,
    [names, Object.values(LIMITS)],
  );
  return Object.fromEntries(rows.map(({ name, before }) => [name, before]));
}

async function restore(client: pg.Client, before: Record<string, string>): Promise<void> {
  await client.query(
    `SELECT pg_catalog.set_config(name, value, false)
       FROM unnest($1::text[], $2::text[]) AS before(name, value)`,
    [Object.keys(before), Object.values(before)],
  );
}
