import { quoteLiteral, quoteQualified } from './names.ts';
import { titleOf, type SchemaEntry } from './schema-archive.ts';

/** PostgreSQL's table locks that statements of a build take (manual, "Explicit Locking"). */
export type LockMode =
  | 'ACCESS SHARE'
  | 'ROW SHARE'
  | 'SHARE UPDATE EXCLUSIVE'
  | 'SHARE'
  | 'SHARE ROW EXCLUSIVE'
  | 'ACCESS EXCLUSIVE';

/** A table, partitioned table or materialized view on the target. */
export interface Relation {
  /** As in pg_class: `r`, `p`, `m`. */
  kind: string;
  /** Quoted names of its partitions, or of tables that inherit from it, all levels down. */
  descendants: string[];
  isPartition: boolean;
}

/** One statement of the build: what it waits for and which locks it takes. */
export interface Task {
  title: string;
  /** The entry that is complete with this task; an entry may take two. Undefined for analyze. */
  entry: SchemaEntry | undefined;
  completes: boolean;
  sql: string;
  locks: Map<string, LockMode>;
  /** Tasks that must have ended. */
  after: Set<Task>;
  /** The source's numbers of the tables whose rows must all be there. */
  tables: Set<number>;
  /** Size of what it reads, bytes. */
  weight: number;
  /** Takes no longer than the way to the server: many are sent at once. */
  isSmall: boolean;
  /** What only saves time later comes after what others wait for. */
  canWait: boolean;
}

export interface Plan {
  tasks: Task[];
  /** The source's numbers of all tables that hold rows. */
  tables: number[];
}

export interface PlanOptions {
  /** The target's relations by quoted name. */
  relations: Map<string, Relation>;
  sections: readonly ('build' | 'last')[];
  /** Sizes of the source's tables by their numbers, in bytes; without one a table counts as large. */
  tableBytes: ReadonlyMap<number, number>;
  analyze: boolean;
  /** `ANALYZE ONLY` exists since PostgreSQL 18. */
  targetMajor: number;
}

const SMALL_BYTES = 1_000_000;

/** Kinds whose statement only touches catalogues, however large the table is. */
const CATALOGUE_ONLY = new Set([
  ...['TRIGGER', 'RULE', 'POLICY', 'ROW SECURITY', 'ACL', 'DEFAULT ACL', 'COMMENT', 'STATISTICS'],
  ...['INDEX ATTACH', 'FUNCTION', 'PROCEDURE', 'VIEW', 'MATERIALIZED VIEW'],
]);

const LOCKS: Record<string, LockMode> = {
  INDEX: 'SHARE',
  TRIGGER: 'SHARE ROW EXCLUSIVE',
  'FK CONSTRAINT': 'SHARE ROW EXCLUSIVE',
  STATISTICS: 'SHARE UPDATE EXCLUSIVE',
  COMMENT: 'SHARE UPDATE EXCLUSIVE',
  'INDEX ATTACH': 'SHARE UPDATE EXCLUSIVE',
};

/** Kinds that only say what is to be read; those that need a primary key come after it. */
const DEFINITIONS = new Set(['RULE', 'FUNCTION', 'PROCEDURE', 'VIEW', 'MATERIALIZED VIEW']);

function isDefinition(entry: SchemaEntry): boolean {
  return entry.section === 'build' && DEFINITIONS.has(entry.kind);
}

/** Kinds that concern the table of the index, constraint or trigger that they are about. */
const OF_ANOTHER = new Set(['INDEX ATTACH', 'COMMENT']);

/** Kinds that on a partitioned table concern the parent alone. */
const PARENT_ALONE = new Set(['INDEX', 'CONSTRAINT', 'INDEX ATTACH', 'STATISTICS', 'COMMENT', 'POLICY']);

/** True when PostgreSQL would let one of two transactions wait for the other. */
export function conflicts(one: LockMode, other: LockMode): boolean {
  return CONFLICTS[one].includes(other);
}

const CONFLICTS: Record<LockMode, LockMode[]> = {
  'ACCESS SHARE': ['ACCESS EXCLUSIVE'],
  'ROW SHARE': ['ACCESS EXCLUSIVE'],
  'SHARE UPDATE EXCLUSIVE': ['SHARE UPDATE EXCLUSIVE', 'SHARE', 'SHARE ROW EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  SHARE: ['SHARE UPDATE EXCLUSIVE', 'SHARE ROW EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  'SHARE ROW EXCLUSIVE': ['SHARE UPDATE EXCLUSIVE', 'SHARE', 'SHARE ROW EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  'ACCESS EXCLUSIVE': [
    ...(['ACCESS SHARE', 'ROW SHARE', 'SHARE UPDATE EXCLUSIVE', 'SHARE', 'SHARE ROW EXCLUSIVE'] as const),
    'ACCESS EXCLUSIVE',
  ],
};

/** What pg_dump calls a relation that has rows of its own or of its partitions. */
const RELATIONS = new Set(['TABLE', 'MATERIALIZED VIEW']);

/**
 * Plans how the entries of `options.sections` are built: each becomes one task, or two where the long part then takes a
 * weaker lock. `entries` are all of an archive's, since dependencies lead through those that exist already.
 */
export function planBuild(entries: SchemaEntry[], options: PlanOptions): Plan {
  const planner = new Planner(entries, options);
  return planner.plan();
}

class Planner {
  private readonly entries: SchemaEntry[];
  private readonly options: PlanOptions;
  private readonly byId: Map<number, SchemaEntry>;
  /** Tables by quoted name: only those that hold rows. */
  private readonly oids = new Map<string, number>();
  private readonly built = new Map<number, Task[]>();
  private readonly tasks: Task[] = [];

  constructor(entries: SchemaEntry[], options: PlanOptions) {
    this.entries = entries;
    this.options = options;
    this.byId = new Map(entries.map((entry) => [entry.id, entry]));
    for (const entry of entries)
      if (entry.kind === 'TABLE' && this.relation(nameOf(entry))?.kind === 'r')
        this.oids.set(nameOf(entry), entry.oid);
  }

  plan(): Plan {
    const wanted: readonly string[] = this.options.sections;
    const chosen = this.entries.filter((entry) => wanted.includes(entry.section));
    // Refreshing reads through views and functions: everything else is there first.
    const refreshes = chosen.filter((entry) => entry.kind === 'MATERIALIZED VIEW DATA');
    for (const entry of chosen) if (!refreshes.includes(entry)) this.add(entry);
    const rest = [...this.tasks];
    if (this.options.analyze && wanted.includes('build')) this.addAnalyze();
    for (const entry of refreshes) this.addRefresh(entry, rest);
    return { tasks: this.tasks, tables: [...this.oids.values()] };
  }

  private add(entry: SchemaEntry): void {
    const tables = this.tablesOf(entry);
    const parts = this.partsOf(entry, tables);
    const before = new Set(entry.dependencies.flatMap((id) => this.built.get(id)?.at(-1) ?? []));
    const tasks: Task[] = [];
    for (const [index, part] of parts.entries()) {
      const previous = tasks.at(-1);
      tasks.push({
        title: `${titleOf(entry)}${part.step === undefined ? '' : ` (${part.step})`}`,
        entry,
        completes: index === parts.length - 1,
        sql: part.sql,
        locks: part.locks,
        after: previous === undefined ? before : new Set([previous]),
        tables: this.rowsOf(entry, tables),
        weight: Math.max(0, ...tables.map((table) => this.bytesOf(table))),
        isSmall: part.isSmall || tables.every((table) => this.bytesOf(table) < SMALL_BYTES),
        canWait: false,
      });
    }
    this.tasks.push(...tasks);
    this.built.set(entry.id, tasks);
  }

  private partsOf(
    entry: SchemaEntry,
    tables: string[],
  ): { step?: string; sql: string; locks: Map<string, LockMode>; isSmall: boolean }[] {
    const all = (mode: LockMode): Map<string, LockMode> =>
      new Map(tables.flatMap((table) => this.family(entry, table)).map((table) => [table, mode]));
    const [table] = tables;
    const isPlain = tables.every((each) => this.relation(each)?.kind === 'r');
    if (entry.kind === 'CONSTRAINT' && table !== undefined && isPlain) {
      const split = splitKey(entry.sql);
      // ADD CONSTRAINT holds readers and other builders of the table off for as long as the index takes.
      if (split !== undefined)
        return [
          { step: 'index', sql: split.index, locks: all('SHARE'), isSmall: false },
          { step: 'constraint', sql: split.constraint, locks: all('ACCESS EXCLUSIVE'), isSmall: true },
        ];
    }
    if (entry.kind === 'FK CONSTRAINT' && isPlain) {
      const split = splitForeignKey(entry.sql);
      // Checked together with ADD CONSTRAINT, all that refer to one table would come one after the other.
      if (split !== undefined) {
        const locks = all('ROW SHARE').set(split.table, 'SHARE UPDATE EXCLUSIVE');
        return [
          { step: 'not valid', sql: split.add, locks: all('SHARE ROW EXCLUSIVE'), isSmall: true },
          { step: 'validate', sql: split.validate, locks, isSmall: false },
        ];
      }
    }
    if (isDefinition(entry)) return [{ sql: entry.sql, locks: all('ACCESS SHARE'), isSmall: true }];
    const mode = LOCKS[entry.kind] ?? 'ACCESS EXCLUSIVE';
    const parentAlone = PARENT_ALONE.has(entry.kind) && tables.every((each) => this.isPartitioned(each));
    return [
      {
        sql: entry.sql,
        // REPLICA IDENTITY and CLUSTER ON come with the index that they name.
        locks: all(entry.kind === 'INDEX' && /^ALTER TABLE /m.test(entry.sql) ? 'ACCESS EXCLUSIVE' : mode),
        isSmall: CATALOGUE_ONLY.has(entry.kind) || (parentAlone && tables.length > 0),
      },
    ];
  }

  private addRefresh(entry: SchemaEntry, others: Task[]): void {
    const view = this.tablesOf(entry)[0] ?? nameOf(entry);
    const task: Task = {
      title: titleOf(entry),
      entry,
      completes: true,
      sql: this.options.analyze ? `${entry.sql}\nANALYZE ${view};` : entry.sql,
      locks: new Map([[view, 'ACCESS EXCLUSIVE']]),
      after: new Set([...others, ...entry.dependencies.flatMap((id) => this.built.get(id)?.at(-1) ?? [])]),
      tables: new Set(this.oids.values()),
      weight: 0,
      isSmall: false,
      canWait: false,
    };
    this.tasks.push(task);
    this.built.set(entry.id, [task]);
  }

  /** One for each table, after everything that is built on it: expressions in indexes have statistics, too. */
  private addAnalyze(): void {
    const concerning = new Map<string, Task[]>();
    for (const task of this.tasks)
      if (task.entry?.section === 'build')
        for (const table of task.locks.keys())
          concerning.set(table, [...(concerning.get(table) ?? []), task]);
    for (const entry of this.entries) {
      const table = nameOf(entry);
      const relation = this.relation(table);
      if (entry.kind !== 'TABLE' || relation === undefined) continue;
      const only = this.options.targetMajor >= 18;
      // Until PostgreSQL 17, ANALYZE of a partitioned table analyzes its partitions again.
      if (relation.isPartition && !only) continue;
      const family = relation.kind === 'p' ? [table, ...relation.descendants] : [table];
      const oids = family.flatMap((each) => this.oids.get(each) ?? []);
      const weight = oids.reduce((sum, oid) => sum + (this.options.tableBytes.get(oid) ?? SMALL_BYTES), 0);
      this.tasks.push({
        title: `ANALYZE ${table}`,
        entry: undefined,
        completes: false,
        sql: `ANALYZE ${only && relation.kind === 'p' ? 'ONLY ' : ''}${table};`,
        locks: new Map(family.map((each) => [each, 'SHARE UPDATE EXCLUSIVE'])),
        after: new Set(family.flatMap((each) => concerning.get(each) ?? [])),
        tables: new Set(oids),
        weight,
        isSmall: weight < SMALL_BYTES,
        canWait: true,
      });
    }
  }

  /** Quoted names of the relations that an entry concerns: that its statement locks. */
  private tablesOf(entry: SchemaEntry): string[] {
    const named = (ids: number[]): string[] =>
      ids.flatMap((id) => {
        const other = this.byId.get(id);
        return other !== undefined && RELATIONS.has(other.kind) ? [nameOf(other)] : [];
      });
    const direct = named(entry.dependencies);
    if (direct.length > 0 || !OF_ANOTHER.has(entry.kind)) return [...new Set(direct)];
    return [...new Set(entry.dependencies.flatMap((id) => named(this.byId.get(id)?.dependencies ?? [])))];
  }

  /** The relations that a statement on this one also concerns: partitions, and for checks what inherits. */
  private family(entry: SchemaEntry, table: string): string[] {
    const spreads =
      (this.isPartitioned(table) && !PARENT_ALONE.has(entry.kind)) || entry.kind === 'CHECK CONSTRAINT';
    return spreads ? [table, ...(this.relation(table)?.descendants ?? [])] : [table];
  }

  private rowsOf(entry: SchemaEntry, tables: string[]): Set<number> {
    // A domain's check looks at every table with a column of it.
    if (entry.kind === 'CHECK CONSTRAINT' && tables.length === 0) return new Set(this.oids.values());
    if (isDefinition(entry)) return new Set();
    // Who writes to a partition holds a weak lock on its parent, which only waits behind the strongest one.
    const isHeld = (LOCKS[entry.kind] ?? 'ACCESS EXCLUSIVE') === 'ACCESS EXCLUSIVE';
    const families = tables.flatMap((table) =>
      isHeld && this.isPartitioned(table)
        ? [table, ...(this.relation(table)?.descendants ?? [])]
        : this.family(entry, table),
    );
    return new Set(families.flatMap((table) => this.oids.get(table) ?? []));
  }

  private bytesOf(table: string): number {
    const oid = this.oids.get(table);
    // Partitioned tables have no rows of their own; a materialized view is filled later.
    if (oid === undefined) return 0;
    return this.options.tableBytes.get(oid) ?? SMALL_BYTES;
  }

  private isPartitioned(table: string): boolean {
    return this.relation(table)?.kind === 'p';
  }

  private relation(table: string): Relation | undefined {
    return this.options.relations.get(table);
  }
}

function nameOf(entry: SchemaEntry): string {
  return quoteQualified(entry.schema ?? '', entry.name);
}

const NAME = '(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_]*)';
const LIST = '\\((?:[^"()]|"(?:[^"]|"")*")*\\)';
const KEY = new RegExp(
  `^ALTER TABLE ONLY (${NAME}\\.${NAME})\\n    ADD CONSTRAINT (${NAME}) (PRIMARY KEY|UNIQUE)( NULLS NOT DISTINCT)? (${LIST})` +
    `( INCLUDE ${LIST})?( WITH ${LIST})?( DEFERRABLE)?( INITIALLY DEFERRED)?;`,
);
const FOREIGN_KEY = new RegExp(
  `^ALTER TABLE ONLY (${NAME}\\.${NAME})\\n    ADD CONSTRAINT (${NAME}) FOREIGN KEY [^;]*;$`,
);

/** A primary or unique key in two steps with the same result; undefined when it is written in another way. */
function splitKey(sql: string): { index: string; constraint: string } | undefined {
  const match = KEY.exec(sql);
  if (match === null) return undefined;
  const [whole, table = '', name = '', kind = '', distinct = '', columns = '', include = '', storage = ''] =
    match;
  const [deferrable = '', deferred = ''] = match.slice(8);
  const add = `ALTER TABLE ONLY ${table} ADD CONSTRAINT ${name} ${kind} USING INDEX ${name}${deferrable}${deferred};`;
  const body = `
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_catalog.pg_constraint
                      WHERE conrelid = ${quoteLiteral(table)}::pg_catalog.regclass AND conname = ${quoteLiteral(unquote(name))}) THEN
        ${add}
      END IF;
    END`;
  return {
    index: `CREATE UNIQUE INDEX ${name} ON ${table} USING btree ${columns}${include}${distinct}${storage};`,
    // A run that is continued may find it there.
    constraint: `DO ${quoteLiteral(body)};${sql.slice(whole.length)}`,
  };
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

function splitForeignKey(sql: string): { table: string; add: string; validate: string } | undefined {
  const match = FOREIGN_KEY.exec(sql);
  if (match === null || / NOT (VALID|ENFORCED);$/.test(sql)) return undefined;
  const [, table = '', name = ''] = match;
  return {
    table: requote(table),
    add: `${sql.slice(0, -1)} NOT VALID;`,
    validate: `ALTER TABLE ONLY ${table} VALIDATE CONSTRAINT ${name};`,
  };
}

/** pg_dump quotes only what needs it; our keys are always quoted. */
function requote(qualified: string): string {
  const parts = new RegExp(`^(${NAME})\\.(${NAME})$`).exec(qualified);
  return quoteQualified(unquote(parts?.[1] ?? ''), unquote(parts?.[2] ?? ''));
}
