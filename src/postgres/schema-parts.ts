import { createHash } from 'node:crypto';
import type pg from 'pg';
import { quoteLiteral, quoteQualified } from './names.ts';
import type { SchemaArchive, SchemaEntry } from './schema-archive.ts';
import { OUR_SCHEMA } from './user-objects.ts';

/** What the target remembers of one entry of the dump that its schema was made from. */
export interface NotedEntry {
  kind: string;
  /** Empty for what lies in no schema. */
  schema: string;
  name: string;
  /** The table that it is a part of, quoted; null for what stands by itself. */
  relation: string | null;
  /** Of its statements. */
  digest: string;
}

/** Kinds that are a part of the table that they depend on, and go when it goes. */
const PARTS = new Set([
  ...['DEFAULT', 'CONSTRAINT', 'CHECK CONSTRAINT', 'INDEX', 'INDEX ATTACH', 'TABLE ATTACH', 'STATISTICS'],
  ...[
    'SEQUENCE',
    'SEQUENCE OWNED BY',
    'COMMENT',
    'FK CONSTRAINT',
    'TRIGGER',
    'RULE',
    'POLICY',
    'ROW SECURITY',
  ],
  ...['ACL'],
]);

/** The table that an entry is a part of; undefined for what stands by itself. */
export function tableOf(
  entry: SchemaEntry,
  entries: ReadonlyMap<number, SchemaEntry>,
): SchemaEntry | undefined {
  if (entry.kind === 'TABLE') return entry;
  if (!PARTS.has(entry.kind)) return undefined;
  // A foreign key also depends on the other table's key: its own table comes first in what its name says.
  const needed = entry.dependencies.flatMap((id) => entries.get(id) ?? []);
  const named = needed.find(
    (one) =>
      one.kind === 'TABLE' && one.schema === entry.schema && `${entry.name} `.startsWith(`${one.name} `),
  );
  if (named !== undefined) return named;
  for (const one of needed) {
    const table = tableOf(one, entries);
    if (table !== undefined) return table;
  }
  return undefined;
}

export function relationOf(table: Pick<SchemaEntry, 'schema' | 'name'>): string {
  return quoteQualified(table.schema ?? '', table.name);
}

/** The archive as the target remembers it. */
function notedEntries({ entries }: SchemaArchive): NotedEntry[] {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  return entries.map((entry) => {
    const table = tableOf(entry, byId);
    return {
      kind: entry.kind,
      schema: entry.schema ?? '',
      name: entry.name,
      relation: table === undefined ? null : relationOf(table),
      digest: createHash('sha256').update(entry.sql).digest('hex'),
    };
  });
}

/** Remembers what the target's schema was made from, in the place of what was remembered before. */
export async function noteEntries(client: pg.Client, archive: SchemaArchive): Promise<void> {
  // One transaction and one round trip.
  await client.query(`
    DELETE FROM ${OUR_SCHEMA}.entries;
    INSERT INTO ${OUR_SCHEMA}.entries (kind, schema, name, relation, digest)
    SELECT kind, schema, name, relation, digest
      FROM pg_catalog.jsonb_to_recordset(${quoteLiteral(JSON.stringify(notedEntries(archive)))})
             AS noted(kind text, schema text, name text, relation text, digest text)`);
}

export async function readEntries(client: pg.Client): Promise<NotedEntry[]> {
  const { rows } = await client.query<NotedEntry>(
    `SELECT kind, schema, name, relation, digest FROM ${OUR_SCHEMA}.entries`,
  );
  return rows;
}

/** What has to be done on the target so that its schema is the source's again. */
export interface SchemaChange {
  /** Objects that changed, in words: `TABLE public.orders`. */
  what: string[];
  /** Tables to be dropped, quoted: gone, or made anew. */
  drop: string[];
  /** Indexes to be dropped, quoted: gone, or made anew. */
  dropIndexes: string[];
  /** Tables to be made and copied again; the source's numbers. */
  copy: Set<number>;
  /** Entries to be made, in the archive's order; those of the section `last` are left out. */
  make: SchemaEntry[];
  /** Something changed that no table contains and that others may stand on: only a copy of everything is sure to be right. */
  everything: boolean;
}

/**
 * Compares the schema that the target was made from with the source's of now. A table of which any part changed is made
 * and copied again, with everything that depends on it; new indexes, sequences, functions and the like are only made.
 *
 * @param rewritten quoted tables whose rows were replaced without a trace in the capture
 */
export function planChange(
  noted: readonly NotedEntry[],
  archive: SchemaArchive,
  rewritten: readonly string[],
): SchemaChange {
  const byId = new Map(archive.entries.map((entry) => [entry.id, entry]));
  const now = notedEntries(archive);
  const before = new Map(noted.map((one) => [keyOf(one), one]));
  const after = new Map(now.map((one) => [keyOf(one), one]));
  const isLast = new Map(
    archive.entries.map((entry) => [keyOf({ ...entry, schema: entry.schema ?? '' }), entry]),
  );

  const what: string[] = [];
  const relations = new Set(rewritten);
  const dropIndexes: string[] = [];
  const fresh = new Set<string>();
  let everything = before.size !== noted.length || after.size !== now.length;
  const changed = (one: NotedEntry, isNew: boolean): void => {
    what.push(titleOf(one));
    if (isLast.get(keyOf(one))?.section === 'last' || LAST.has(one.kind)) return;
    if (one.kind === 'INDEX' && !isNew) dropIndexes.push(quoteQualified(one.schema, one.name));
    if (one.kind === 'INDEX' || (isNew && (one.relation === null || ADDED.has(one.kind))))
      fresh.add(keyOf(one));
    else if (one.relation !== null) relations.add(one.relation);
    else everything = true;
  };
  for (const [key, one] of after) {
    const other = before.get(key);
    if (other === undefined) changed(one, true);
    else if (other.digest !== one.digest) changed(one, false);
  }
  for (const [key, one] of before) if (!after.has(key)) changed(one, false);

  const make = new Set<number>();
  const roots = archive.entries.filter(
    (entry, index) =>
      (entry.kind === 'TABLE' && relations.has(relationOf(entry))) || fresh.has(keyOf(now[index] ?? entry)),
  );
  for (const { id } of roots) make.add(id);
  // Once more as long as something was added: what is added may stand before what was looked at.
  for (let size = -1; size !== make.size;) {
    size = make.size;
    for (const entry of archive.entries) spread(entry, byId, make);
  }
  const made = archive.entries.filter(({ id, section }) => make.has(id) && section !== 'last');
  const tables = made.filter(({ kind }) => kind === 'TABLE');
  return {
    what,
    drop: [...new Set([...relations, ...tables.map(relationOf)])],
    dropIndexes,
    copy: new Set(tables.map(({ oid }) => oid)),
    make: made,
    everything,
  };
}

/** Adds an entry that depends on what is made, and what goes away together with it. */
function spread(entry: SchemaEntry, byId: ReadonlyMap<number, SchemaEntry>, make: Set<number>): void {
  if (entry.dependencies.some((id) => make.has(id))) make.add(entry.id);
  if (!make.has(entry.id)) return;
  // A sequence goes with the table that owns it, and a partition with its parent, although they were made first.
  for (const needed of entry.dependencies.flatMap((id) => byId.get(id) ?? []))
    if (
      (entry.kind === 'SEQUENCE OWNED BY' && needed.kind === 'SEQUENCE') ||
      (entry.kind === 'TABLE ATTACH' && needed.kind === 'TABLE' && needed.name === entry.name)
    )
      make.add(needed.id);
}

/** Parts that can be added to a table that is there. */
const ADDED = new Set(['INDEX ATTACH', 'CONSTRAINT', 'COMMENT', 'STATISTICS']);
const LAST = new Set(['FK CONSTRAINT', 'TRIGGER', 'RULE', 'POLICY', 'ROW SECURITY']);

function keyOf(one: { kind: string; schema: string | null; name: string }): string {
  return JSON.stringify([one.kind, one.schema ?? '', one.name]);
}

function titleOf({ kind, schema, name }: NotedEntry): string {
  return `${kind} ${schema === '' ? '' : `${schema}.`}${name}`;
}
