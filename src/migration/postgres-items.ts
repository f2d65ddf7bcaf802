import type { AssessFacts, Unread } from '../postgres/assess-facts.ts';
import type { AssessedTable } from '../postgres/table-facts.ts';
import { formatBytes, formatCount, formatDuration } from '../report/format.ts';
import { consumerItems } from './consumer-items.ts';
import { extensionItems } from './extension-items.ts';
import { automatic, blocked, decide, idPart, told, type Item } from './item.ts';
import { namesOf } from './names-in-words.ts';
import { objectItems } from './object-items.ts';
import { OFFERED_EXTENSIONS } from './postgres-offer.ts';

/** What the new database will offer. It may not exist yet: then this is what its maker's documentation says. */
export interface DatabaseOffer {
  /** Major version of the target; null: not known yet. */
  major: number | null;
  /** Names with the version that CREATE EXTENSION gives; null: not known. */
  extensions: Readonly<Record<string, string | null>>;
  /** Where the list of extensions is from, for the reviewer. */
  source: string;
  /** The list is another edition's: what stands in it may be missing, and the other way round. */
  assumed?: boolean;
}

/**
 * What DigitalOcean's documentation offers, for as long as no cluster of ours was asked (`offerFor`). It is the Standard
 * Edition's list; none was found for the Advanced Edition.
 */
export function documentedOffer(major: number | null, engine: 'pg' | 'advanced_pg' = 'pg'): DatabaseOffer {
  const extensions = Object.fromEntries([...OFFERED_EXTENSIONS].map((name) => [name, null]));
  const list = "DigitalOcean's list of supported extensions (2025-11-26)";
  return engine === 'pg'
    ? { major, extensions, source: list }
    : { major, extensions, source: `${list}, which is the Standard Edition’s`, assumed: true };
}

/**
 * What becomes of everything that was found in a database, each as our copy really does it, and of everybody who uses it.
 *
 * @param ownClients words in the application names of the app's own sessions, beside the usual servers and job runners
 */
export function postgresItems(
  facts: AssessFacts,
  offer: DatabaseOffer,
  ownClients: readonly string[] = [],
): Item[] {
  return [
    databaseItem(facts),
    ...publicSchemaItems(facts, offer),
    ...extensionItems(facts, offer),
    ...(facts.obstacles === null ? [] : objectItems(facts.obstacles)),
    ...serverItems(facts),
    ...tableItems(facts),
    ...sequenceItems(facts),
    ...duplicateItems(facts),
    ...momentItems(facts),
    ...consumerItems(facts, ownClients),
    ...facts.unread.map(unreadItem),
  ];
}

function databaseItem({ database, activity }: AssessFacts): Item {
  const { serverVersion, sizeBytes, tables } = database;
  const rows = tables.reduce((sum, { estimatedRows }) => sum + estimatedRows, 0);
  const busy =
    activity === null
      ? 'how busy it is could not be read'
      : `over ${formatDuration(activity.sampleMs)}: ${activity.transactionsPerSecond} transactions and ${activity.writesPerSecond} rows written a second`;
  return automatic({
    id: 'postgres/database',
    area: 'postgres',
    what: `PostgreSQL ${serverVersion} with ${formatCount(tables.length)} tables, ${formatBytes(sizeBytes)}`,
    becomes: 'a database of the cluster: every row copied, and proven equal by content',
    why: `about ${formatCount(rows)} rows (Postgres’s own estimate); ${busy}`,
  });
}

/** Since PostgreSQL 15 nobody but the database's owner may create there. */
function publicSchemaItems({ database }: AssessFacts, offer: DatabaseOffer): Item[] {
  if (!database.schemas.includes('public') || (offer.major !== null && offer.major < 15)) return [];
  return [
    automatic({
      id: 'postgres/schema-public',
      area: 'postgres',
      what: 'the schema public',
      becomes:
        'the app’s role gets USAGE and CREATE on the schema public of the new database, so that its migrations run',
      why: 'PostgreSQL 15 took the right to create there from everybody (“permission denied for schema public”)',
    }),
  ];
}

/** Locales that every server of this kind has. */
const COMMON_LOCALE = /^(C|POSIX|C\.utf-?8|en_US\.utf-?8)$/i;

function serverItems({ database, server, live }: AssessFacts): Item[] {
  if (server === null) return [];
  const { collationVersion, localeProvider, largeObjects } = server;
  const items: Item[] = [];
  if (live.inRecovery)
    items.push(
      blocked({
        id: 'postgres/follower',
        area: 'postgres',
        what: 'DATABASE_URL leads to a follower',
        why: 'nothing can be written there, so that it can neither be followed nor closed at the switch',
        remedy:
          'Attach the leader as DATABASE (`heroku pg:promote <leader> --app <app>`) and run assess again.',
      }),
    );
  if (database.encoding !== 'UTF8')
    items.push(
      decide({
        id: 'postgres/encoding',
        area: 'postgres',
        what: `the database is encoded in ${database.encoding}`,
        question:
          'Databases of the cluster are made in UTF8, and the copy refuses another encoding: what is to be done?',
        options: ['a database in the same encoding is made by hand', 'converted to UTF8 on Heroku first'],
        why: 'pg_database.encoding; the copy takes rows as they are and converts none',
        remedy: `As doadmin, before the copy: CREATE DATABASE … TEMPLATE template0 ENCODING '${database.encoding}' LC_COLLATE 'C' LC_CTYPE 'C';`,
      }),
    );
  const locale = server.icuLocale ?? database.collation;
  const common = localeProvider === 'libc' && COMMON_LOCALE.test(locale);
  items.push(
    (common ? automatic : told)({
      id: 'postgres/locale',
      area: 'postgres',
      what: `texts sort by ${locale} (${localeProvider})`,
      becomes:
        'the locale of the new database; the copy says when it is another one. Indexes are built anew in any case',
      why: `LC_COLLATE ${database.collation}, LC_CTYPE ${server.characterType}; DigitalOcean's API has no setting for it`,
      remedy: `Lists may come in another order: sort with COLLATE, or as doadmin CREATE DATABASE … TEMPLATE template0 LC_COLLATE '${database.collation}' LC_CTYPE '${server.characterType}'${localeProvider === 'icu' ? ` LOCALE_PROVIDER icu ICU_LOCALE '${locale}'` : ''} before the copy.`,
    }),
  );
  if (collationVersion.made !== null && collationVersion.made !== collationVersion.now)
    items.push(
      told({
        id: 'postgres/collation-version',
        area: 'postgres',
        what: `the text order changed under the database (${collationVersion.made} → ${collationVersion.now ?? 'unknown'})`,
        becomes: 'built anew: the target’s indexes follow the target’s order',
        why: 'the system was upgraded since the indexes were built: on the source they may miss rows, and unique ones may have let doubles in',
        remedy:
          'On Heroku: REINDEX DATABASE CONCURRENTLY; it names the key of any doubled row. Then ALTER DATABASE … REFRESH COLLATION VERSION.',
      }),
    );
  items.push(...largeObjectItems(largeObjects));
  if (server.transactionAge > 0.9 * server.freezeMax)
    items.push(
      told({
        id: 'postgres/freeze',
        area: 'postgres',
        what: 'Postgres is about to freeze old rows, or does so already',
        becomes: 'waited for: the live strategy asks for its triggers again until the VACUUM has ended',
        why: `${formatCount(server.transactionAge)} transactions since the oldest row; from ${formatCount(server.freezeMax)} on a VACUUM begins that does not give way to CREATE TRIGGER`,
        remedy: 'Before the copy, at a quiet hour: VACUUM (FREEZE, VERBOSE);',
      }),
    );
  return items;
}

function largeObjectItems({
  count,
  bytes,
  unreadable,
}: NonNullable<AssessFacts['server']>['largeObjects']): Item[] {
  if (count === 0) return [];
  if (unreadable > 0)
    return [
      blocked({
        id: 'postgres/large-objects',
        area: 'postgres',
        what: `${formatCount(unreadable)} of ${formatCount(count)} large objects cannot be read`,
        why: 'they belong to another role, which gave this one no right to them',
        remedy:
          "As their owner: SELECT format('GRANT SELECT ON LARGE OBJECT %s TO <role of DATABASE_URL>', oid) FROM pg_largeobject_metadata \\gexec",
      }),
    ];
  return [
    told({
      id: 'postgres/large-objects',
      area: 'postgres',
      what: 'large objects',
      becomes: 'copied with their numbers; with the live strategy once more inside the window',
      why: `${formatCount(count)} objects, ${formatBytes(bytes)}; no trigger sees their changes`,
      remedy: 'Remove orphans first (vacuumlo), or move them into bytea columns or to object storage.',
    }),
  ];
}

function tableItems({ database, locked }: AssessFacts): Item[] {
  const { tables } = database;
  const keyless = tables.filter(({ key }) => key === null);
  const identified = tables.filter(({ replicaIdentity }) => replicaIdentity !== 'default');
  const items: Item[] = [];
  const [worst] = [...keyless].sort((one, other) => other.bytes - one.bytes);
  if (worst !== undefined)
    items.push(
      told({
        id: 'postgres/tables-without-key',
        area: 'postgres',
        what: `${formatCount(keyless.length)} tables without a usable key: ${namesOf(keyless.map(nameOf), keyless.length)}`,
        becomes:
          'copied like all others; with the live strategy those that were written to are copied whole inside the window',
        why: `${formatBytes(keyless.reduce((sum, { bytes }) => sum + bytes, 0))}, ${writesOf(keyless)}; no primary key, and no unique index without NULLs tells one row from another`,
        remedy: `ALTER TABLE ${quoted(worst)} ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY; (rewrites the table: at a quiet hour)`,
      }),
    );
  if (identified.length > 0)
    items.push(
      automatic({
        id: 'postgres/replica-identity',
        area: 'postgres',
        what: `${formatCount(identified.length)} tables with a replica identity of their own: ${namesOf(identified.map(nameOf), identified.length)}`,
        becomes: 'kept as it is; nothing here uses it, since Heroku gives no logical replication',
        why: 'pg_class.relreplident is not the default',
      }),
    );
  if (locked.length > 0)
    items.push(
      told({
        id: 'postgres/locked-tables',
        area: 'postgres',
        what: `${formatCount(locked.length)} tables were held by another session while assess read: ${namesOf(
          locked.map(({ name }) => name),
          locked.length,
        )}`,
        becomes: 'their sizes are those of the last VACUUM or ANALYZE',
        why: `ACCESS EXCLUSIVE, held or asked for by ${[...new Set(locked.map(({ holder }) => holder))].slice(0, 3).join('; ')}`,
        remedy: 'Run assess again when that session has ended: the copy cannot read these tables either.',
      }),
    );
  return items;
}

function nameOf({ schema, name }: AssessedTable): string {
  return `${schema}.${name}`;
}

function quoted({ schema, name }: AssessedTable): string {
  return [schema, name].map((part) => (/^[a-z_][a-z0-9_]*$/.test(part) ? part : `"${part}"`)).join('.');
}

function writesOf(tables: readonly AssessedTable[]): string {
  if (tables.some(({ writesPerSecond }) => writesPerSecond === null)) return 'writes not sampled';
  const rate = tables.reduce((sum, { writesPerSecond }) => sum + (writesPerSecond ?? 0), 0);
  return `${Math.round(rate * 10) / 10} rows written a second`;
}

/** From here on a person decides. */
const NEARLY_USED_UP = 0.9;

function sequenceItems({ sequences }: AssessFacts): Item[] {
  if (sequences === null || sequences.total === 0) return [];
  return [
    automatic({
      id: 'postgres/sequences',
      area: 'postgres',
      what: `${formatCount(sequences.total)} sequences`,
      becomes: 'set to where they stand on the source, after the last row',
      why: 'each is read and compared at the end of the copy and in the window',
    }),
    ...(sequences.unread.length === 0
      ? []
      : [
          told({
            id: 'postgres/sequences-unread',
            area: 'postgres',
            what: `${formatCount(sequences.unread.length)} sequences could not be read: ${namesOf(sequences.unread, sequences.unread.length)}`,
            becomes: 'read by the copy, which fails when it cannot',
            why: 'another session held them, or the role lacks the right',
            remedy:
              'GRANT SELECT ON ALL SEQUENCES IN SCHEMA … TO <role of DATABASE_URL>; or run assess again.',
          }),
        ]),
    ...sequences.nearEnd.map((sequence): Item => {
      const { name, column, columnType, lastValue, limit, used } = sequence;
      const about = {
        id: `postgres/sequence/${idPart(name)}`,
        area: 'postgres' as const,
        what: `${name} has used ${Math.floor(used * 100)} % of its numbers`,
        why: `it stands at ${lastValue} of ${limit}${column === null ? '' : `; it feeds ${column} (${columnType ?? ''})`}`,
        remedy:
          column === null
            ? `ALTER SEQUENCE ${name} AS bigint;`
            : `ALTER TABLE ${column.split('.').slice(0, -1).join('.')} ALTER COLUMN ${column.split('.').at(-1) ?? ''} TYPE bigint; ALTER SEQUENCE ${name} AS bigint; (rewrites the table)`,
      };
      return used < NEARLY_USED_UP
        ? told({ ...about, becomes: 'moved as it is' })
        : decide({
            ...about,
            question: 'It runs out soon, on either side: move it as it is, or widen it first?',
            options: ['moved as it is', 'widened first'],
          });
    }),
  ];
}

function duplicateItems({ duplicateKeys, server, obstacles }: AssessFacts): Item[] {
  if (duplicateKeys === null) return [];
  const { found, checked, unchecked, uncheckedExamples } = duplicateKeys;
  const items = found.map(({ index, table }) =>
    blocked({
      id: `postgres/duplicate-rows/${idPart(index)}`,
      area: 'postgres',
      what: `${table} holds rows that its unique index ${index} forbids`,
      why: 'read without the index: it is damaged, and cannot be built on the target',
      remedy: `REINDEX INDEX CONCURRENTLY ${index}; names the doubled key: remove all but one of its rows (SET enable_indexscan = off; SET enable_bitmapscan = off; to see them), then reindex again.`,
    }),
  );
  if (unchecked === 0) return items;
  const suspect =
    (server?.collationVersion.made ?? null) !== (server?.collationVersion.now ?? null) ||
    (obstacles?.collationVersion.count ?? 0) > 0;
  const about = {
    id: 'postgres/duplicate-rows',
    area: 'postgres' as const,
    what: `${formatCount(unchecked)} unique indexes over texts were not checked for doubled rows: ${namesOf(
      uncheckedExamples.map(({ index }) => index),
      unchecked,
    )}`,
    becomes: 'proven by the practice copy, which builds each anew and fails on a doubled row',
    why: `reading large tables whole costs a production too much (${formatCount(checked)} smaller ones were read); not detectable otherwise`,
  };
  return [
    ...items,
    suspect
      ? told({
          ...about,
          remedy:
            'The text order changed since they were built: REINDEX INDEX CONCURRENTLY them on Heroku first.',
        })
      : automatic(about),
  ];
}

/** What holds only at the moment of the reading. */
function momentItems({ sessions }: AssessFacts): Item[] {
  const longest = sessions?.longestTransaction;
  if (longest === undefined || longest === null || longest.milliseconds < 60_000) return [];
  return [
    told({
      id: 'postgres/long-transaction',
      area: 'postgres',
      what: `a transaction has been open for ${formatDuration(longest.milliseconds)}`,
      becomes:
        'waited for: while one that long is open, neither the capture’s triggers nor the fence get their locks',
      why: `${longest.user}${longest.application === '' ? '' : ` (${longest.application})`}, ${longest.state}; ${formatCount(sessions?.idleInTransaction ?? 0)} sessions idle in a transaction`,
      remedy: `Keep such work out of the window; or ALTER ROLE ${longest.user} SET idle_in_transaction_session_timeout = '60s';`,
    }),
  ];
}

const PARTS: Record<Unread['part'], { what: string; verdict: 'blocked' | 'decide' | 'told' }> = {
  obstacles: { what: 'what a restore would trip over', verdict: 'blocked' },
  credentials: { what: 'who else has a credential', verdict: 'blocked' },
  sessions: { what: 'who uses the database', verdict: 'blocked' },
  server: { what: 'how the database was made (locale, large objects)', verdict: 'blocked' },
  sequences: { what: 'how far the sequences are', verdict: 'decide' },
  extensionData: { what: 'rows in tables of extensions', verdict: 'decide' },
  duplicateKeys: { what: 'doubled rows under unique indexes', verdict: 'told' },
  activity: { what: 'how busy the database is', verdict: 'told' },
};

function unreadItem({ part, why }: Unread): Item {
  const { what, verdict } = PARTS[part];
  const about = {
    id: `postgres/unread/${idPart(part)}`,
    area: 'postgres' as const,
    what: `not read: ${what}`,
    why,
    remedy: 'Run assess again at a quieter moment, with the default credential attached as DATABASE.',
  };
  switch (verdict) {
    case 'blocked':
      return blocked(about);
    case 'decide':
      return decide({ ...about, question: 'Go on without knowing?', options: ['accepted as unknown'] });
    case 'told':
      return told({ ...about, becomes: 'not known; the practice copy shows it' });
  }
}
