import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../log.ts';
import { databaseArgument, inherited, runTool, toolEnvironment } from './child.ts';
import type { PostgresAddress } from './connect.ts';
import { fitGrants, writersBeside, type TargetRoles } from './grants.ts';
import { rewriteRestoreList, type ListedEntry, type RemovedEntry } from './restore-list.ts';
import type { PostgresTools } from './tools.ts';

/**
 * When an entry is made on the target: `pre-data` before the rows (in one script), `build` as soon as the rows of its
 * tables are there, `last` when nothing is written by us any more, because it would check, change or refuse our writes.
 */
export type SchemaSection = 'pre-data' | 'build' | 'last';

/** One object of the source's schema and the statements that make it, all names qualified. */
export interface SchemaEntry {
  /** pg_dump's number of the entry, which `dependencies` name. */
  id: number;
  /** The catalogue that the object is listed in (1259 is pg_class), or 0 for what has no object of its own. */
  classOid: number;
  /** The object's number on the source. */
  oid: number;
  /** As pg_dump names it: `TABLE`, `INDEX`, `FK CONSTRAINT`. */
  kind: string;
  /** Null for what lies in no schema. */
  schema: string | null;
  /** pg_dump's tag: for a constraint, trigger or the like the table's name, a space, and its own. For messages only. */
  name: string;
  section: SchemaSection;
  /** Numbers of the entries that have to be there first. Some are in no archive: the schema public, extensions' members. */
  dependencies: number[];
  sql: string;
}

export interface SchemaArchive {
  /** In the order in which they can be restored one by one. */
  entries: SchemaEntry[];
  /** What the target does without, each with its reason. */
  removed: RemovedEntry[];
}

export interface DumpSchemaOptions {
  source: PostgresAddress;
  /** An exported snapshot of the source, so that the schema is the one that the rows were read under. */
  snapshot?: string;
  tools: PostgresTools;
  /** A directory that only this user can enter; what is put there stays. */
  directory: string;
  applicationName: string;
  /** Schemas that exist on the target before the restore because an extension lives in them. */
  extensionSchemas: string[];
  /** The target's roles, from `readRoles`: grants to them are kept. Without it all grants are left out. */
  targetRoles?: TargetRoles;
  log: Log;
  signal?: AbortSignal;
}

/** Kinds that check, change, refuse or spread what is written to a table, and those that show what was written. */
const LAST = new Set([
  ...['FK CONSTRAINT', 'TRIGGER', 'RULE', 'POLICY', 'ROW SECURITY'],
  ...['ACL', 'DEFAULT ACL', 'MATERIALIZED VIEW DATA'],
]);

/**
 * Reads the source's schema by pg_dump and takes it apart into its objects. What Heroku adds and what the target cannot
 * have is left out, each with its reason in the log.
 *
 * @throws NotSupportedError for objects that cannot be carried over, and for kinds that nobody has seen yet
 */
export async function dumpSchema(options: DumpSchemaOptions): Promise<SchemaArchive> {
  return readDump(await writeDump(options), options);
}

/** The first half of `dumpSchema`, which asks the source only: it takes as long as some hundred round trips. */
export async function writeDump(
  options: Omit<DumpSchemaOptions, 'extensionSchemas' | 'targetRoles' | 'log'>,
): Promise<string> {
  const file = join(options.directory, 'schema.dump');
  const environment = await toolEnvironment(options.source, options);
  await runTool(
    options.tools.pgDump,
    [
      ...['--format=custom', '--compress=0', `--file=${file}`],
      // Not --schema-only, which also leaves out that materialized views are refreshed, and in which order.
      ...['--section=pre-data', '--section=post-data', '--no-blobs'],
      ...(options.snapshot === undefined ? [] : [`--snapshot=${options.snapshot}`]),
      // What cannot be locked within a minute is being changed: an error rather than a wait.
      '--lock-wait-timeout=60s',
      ...['--no-owner', '--no-tablespaces', '--no-security-labels'],
      ...['--exclude-schema=_heroku', '--exclude-schema=heroku_to_digitalocean'],
      databaseArgument(options.source),
    ],
    // Backslashes in the script mean themselves, also when the database's own setting says otherwise.
    {
      env: {
        ...environment,
        PGOPTIONS: '-c standard_conforming_strings=on',
      },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  );
  return file;
}

/** The second half of `dumpSchema`: what the file of `writeDump` holds. It asks nobody. */
export async function readDump(file: string, options: DumpSchemaOptions): Promise<SchemaArchive> {
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  const restore = async (args: string[]): Promise<string> => {
    const { stdout } = await runTool(options.tools.pgRestore, [...args, file], {
      env: { ...inherited(), LC_ALL: 'C.UTF-8' },
      ...signal,
    });
    return stdout;
  };
  const list = await restore(['--list']);
  const { kept, removed, entries } = rewriteRestoreList(list, {
    extensionSchemas: options.extensionSchemas,
  });
  const tell = (left: RemovedEntry[]): void => {
    for (const { entry, reason } of left) options.log.info(`Left out: ${entry} (${reason})`);
  };
  tell(removed);
  if (entries.length === 0) return { entries: [], removed };
  // The section is pg_dump's to say: a function or view that needs a primary key moves behind the rows.
  const preData = new Set(idsOf(await restore(['--list', '--section=pre-data'])));
  const listFile = join(options.directory, 'schema.list');
  await writeFile(listFile, kept);
  const script = await restore([
    ...[`--use-list=${listFile}`, '--verbose', '--file=-'],
    ...['--no-owner', '--no-tablespaces', '--no-security-labels'],
  ]);
  const archive = withSections(splitScript(script, entries), preData);
  const grants = fitGrants(archive, options.source.user, options.targetRoles);
  tell(grants.removed);
  const writers = writersBeside(grants.entries, options.targetRoles?.owner ?? '');
  if (writers.length > 0)
    options.log.warning(
      `These roles have grants to write, which the target gets with the schema; let none of them in before the switch, which only opens the side to the owner: ${writers.join(', ')}.`,
    );
  return { entries: grants.entries, removed: [...removed, ...grants.removed] };
}

/** A statement that no dump holds: how many of them were answered tells which entry a script stopped at. */
const MARKER = 'SHOW is_superuser; -- ';

/** The script that makes everything which has to be there before the rows. */
export function preDataSql(archive: SchemaArchive): string {
  return archive.entries
    .filter((entry) => entry.section === 'pre-data')
    .map((entry) => `${MARKER}${titleOf(entry)}\n${entry.sql}`)
    .join('\n');
}

/** Names the entry of a script of `preDataSql` that ran last, when `markers` of its markers were answered. */
export function entryAt(script: string, markers: number): string | undefined {
  const titles = script.split('\n').filter((line) => line.startsWith(MARKER));
  return titles[markers - 1]?.slice(MARKER.length);
}

/** For messages: `INDEX public.orders_open`. */
export function titleOf(entry: Pick<SchemaEntry, 'kind' | 'schema' | 'name'>): string {
  return `${entry.kind} ${entry.schema === null ? '' : `${entry.schema}.`}${entry.name}`;
}

function idsOf(list: string): number[] {
  return [...list.matchAll(/^(\d+); /gm)].map(([, id]) => Number(id));
}

/** What pg_restore --verbose writes over each entry's statements. */
const HEADER =
  /^--\n-- TOC entry (\d+) \(class (\d+) OID (\d+)\)\n(?:-- Dependencies: ([\d ]+)\n)?-- Name: (.*)\n(?:-- Data Pos: \d+\n)?--\n\n/gm;

/** With the time of day, so that the same schema would be another text each time. */
const END = /\n-- Completed on [^\n]*\n\n--\n-- PostgreSQL database dump complete\n--\s*$/;

/**
 * Takes a script of `pg_restore --verbose` apart. Every listed entry must come exactly once and nothing else: text that
 * looks like a header, in a function's body, makes one too many and is an error, never a wrong cut.
 */
export function splitScript(script: string, listed: ListedEntry[]): Omit<SchemaEntry, 'section'>[] {
  const text = withoutRestriction(script).replace(END, '');
  const headers = [...text.matchAll(HEADER)];
  const expected = new Map(listed.map((entry) => [entry.id, entry]));
  const found = headers.map((header, index) => {
    const [whole, id, classOid, oid, dependencies, description] = header;
    const entry = expected.get(Number(id));
    if (entry === undefined || entry.classOid !== Number(classOid) || entry.oid !== Number(oid))
      throw unexpected(`an entry ${String(id)} that is not in its list`);
    expected.delete(entry.id);
    return {
      id: entry.id,
      classOid: entry.classOid,
      oid: entry.oid,
      kind: entry.kind,
      ...nameOf(description ?? '', entry),
      dependencies: (dependencies ?? '').split(' ').filter(Boolean).map(Number),
      sql: text.slice(header.index + whole.length, headers[index + 1]?.index).trim(),
    };
  });
  const [missing] = expected.values();
  if (missing !== undefined) throw unexpected(`no entry ${missing.id} (${missing.kind})`);
  const order = new Map(listed.map((entry, index) => [entry.id, index]));
  return found.sort((one, other) => (order.get(one.id) ?? 0) - (order.get(other.id) ?? 0));
}

function unexpected(what: string): Error {
  return new Error(
    `The script that pg_restore made of the source’s schema holds ${what}, so it cannot be taken apart safely; nothing was changed.`,
  );
}

/** `users users_pkey; Type: CONSTRAINT; Schema: public; Owner: app` */
function nameOf(description: string, entry: ListedEntry): { schema: string | null; name: string } {
  const cut = description.lastIndexOf(`; Type: ${entry.kind}; Schema: `);
  const schema = /; Schema: (.*); Owner: /.exec(description.slice(cut))?.[1];
  if (cut < 0 || schema === undefined) throw unexpected(`an entry ${entry.id} of another kind`);
  return { schema: schema === '-' ? null : schema, name: description.slice(0, cut) };
}

/** Since August 2025 scripts are for psql only: a line of its own with a random word at the start and at the end. */
function withoutRestriction(script: string): string {
  const word = /^\\restrict (\w+)\n/m.exec(script.slice(0, script.indexOf('-- TOC entry ')))?.[1];
  if (word === undefined) return script;
  const end = script.lastIndexOf(`\n\\unrestrict ${word}\n`);
  if (end < 0) throw unexpected('the beginning of a restriction and not its end');
  return script.slice(0, end + 1).replace(`\\restrict ${word}\n`, '');
}

function withSections(entries: Omit<SchemaEntry, 'section'>[], preData: Set<number>): SchemaEntry[] {
  const sections = new Map<number, SchemaSection>();
  return entries.map((entry) => {
    const section = sectionOf(entry, preData.has(entry.id), sections);
    sections.set(entry.id, section);
    return { ...entry, section };
  });
}

function sectionOf(
  entry: Omit<SchemaEntry, 'section'>,
  preData: boolean,
  earlier: Map<number, SchemaSection>,
): SchemaSection {
  // A view whose query needs a primary key gets its query as a rule, after the key.
  const isView = entry.kind === 'RULE' && entry.sql.startsWith('CREATE OR REPLACE VIEW ');
  if (LAST.has(entry.kind) && !isView) return 'last';
  // Comments on triggers, and whatever else needs something of the last section.
  if (entry.dependencies.some((id) => earlier.get(id) === 'last')) return 'last';
  if (entry.dependencies.some((id) => earlier.get(id) === 'build')) return 'build';
  return preData ? 'pre-data' : 'build';
}
