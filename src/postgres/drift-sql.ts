import { CAPTURE_TRIGGER, CAPTURE_TRUNCATE_TRIGGER } from './capture-sql.ts';
import { isNoExtensionMember, isUserSchema, OUR_SCHEMA } from './user-objects.ts';

/** What the two questions about the server may ask, since a provider can take these rights away. */
export interface ServerRights {
  systemIdentifier: boolean;
  timeline: boolean;
  captured: boolean;
}

export const readRights = `
  SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS "systemIdentifier",
         pg_catalog.has_function_privilege('pg_catalog.pg_walfile_name(pg_catalog.pg_lsn)', 'EXECUTE')
           AND pg_catalog.has_function_privilege('pg_catalog.pg_current_wal_lsn()', 'EXECUTE')
           AND NOT pg_catalog.pg_is_in_recovery() AS timeline,
         pg_catalog.to_regclass('${OUR_SCHEMA}.captured') IS NOT NULL AS captured`;

/**
 * The server: a copy of the database on another machine has the same system identifier and another timeline once it
 * was promoted; it was in any case started at another time.
 */
export function serverSql(rights: ServerRights): string {
  return `pg_catalog.json_build_object(
    'systemIdentifier', ${rights.systemIdentifier ? '(SELECT system_identifier::text FROM pg_catalog.pg_control_system())' : 'NULL'},
    'timeline', ${rights.timeline ? 'pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8)' : 'NULL'},
    'startedAt', pg_catalog.pg_postmaster_start_time()::text,
    'version', pg_catalog.current_setting('server_version'))`;
}

/** Numbers below are those of objects made by initdb. */
const USERS = 16384;

/**
 * One text for "nothing changed": every row of every catalogue that DDL writes, by its number and the transaction that
 * wrote it. It also changes with what does not matter (a GRANT, a refreshed view); then the objects are read. VACUUM
 * and ANALYZE write their figures in place and are not seen.
 */
export function digestSql(rights: ServerRights): string {
  // A number, the row's transaction and what else tells it apart, hashed and added up: no sorting, no texts.
  const sum = (oid: string, xmin = 'x.xmin', more = '0'): string =>
    `pg_catalog.concat(pg_catalog.count(*), ' ', pg_catalog.sum(pg_catalog.hashint8extended(${oid}::bigint << 32 | ${xmin}::text::bigint, ${more})))`;
  const ofTables: [catalog: string, table: string, sum: string][] = [
    ['pg_attrdef', 'adrelid', sum('x.oid')],
    ['pg_index', 'indrelid', sum('x.indexrelid')],
    ['pg_trigger', 'tgrelid', sum('x.oid')],
    ['pg_rewrite', 'ev_class', sum('x.oid')],
    ['pg_policy', 'polrelid', sum('x.oid')],
    ['pg_inherits', 'inhrelid', sum('x.inhrelid', 'x.xmin', 'x.inhparent::bigint')],
    ['pg_sequence', 'seqrelid', sum('x.seqrelid')],
  ];
  const inSchemas: [catalog: string, schema: string][] = [
    ['pg_constraint', 'connamespace'],
    ['pg_proc', 'pronamespace'],
    ['pg_type', 'typnamespace'],
    ['pg_statistic_ext', 'stxnamespace'],
    ['pg_collation', 'collnamespace'],
    ['pg_operator', 'oprnamespace'],
    ['pg_opclass', 'opcnamespace'],
    ['pg_opfamily', 'opfnamespace'],
    ['pg_conversion', 'connamespace'],
    ['pg_ts_config', 'cfgnamespace'],
    ['pg_ts_dict', 'dictnamespace'],
  ];
  const plain: [catalog: string, key: string, sum: string][] = [
    ['pg_enum', 'oid', sum('x.oid')],
    ['pg_extension', 'oid', sum('x.oid')],
    ['pg_cast', 'oid', sum('x.oid')],
    ['pg_aggregate', 'aggfnoid::pg_catalog.oid', sum('x.aggfnoid::pg_catalog.oid')],
    ['pg_description', 'objoid', sum('x.objoid', 'x.xmin', 'x.classoid::bigint << 16 | x.objsubid')],
  ];
  const parts = [
    `SELECT 'server' AS part, ${serverSql(rights)}::text AS sum`,
    `SELECT 'pg_namespace', ${sum('x.oid')} FROM mine x`,
    `SELECT 'pg_class', ${sum('x.oid')} FROM relations x`,
    // Those of indexes and sequences say nothing of their own.
    `SELECT 'pg_attribute', ${sum('x.attrelid', 'x.xmin', 'x.attnum')} FROM pg_catalog.pg_attribute x
      WHERE x.attnum > 0 AND x.attrelid IN (SELECT oid FROM relations WHERE relkind NOT IN ('i', 'I', 'S'))`,
    ...ofTables.map(
      ([catalog, table, total]) =>
        `SELECT '${catalog}', ${total} FROM pg_catalog.${catalog} x WHERE x.${table} IN (SELECT oid FROM relations)`,
    ),
    ...inSchemas.map(
      ([catalog, schema]) =>
        `SELECT '${catalog}', ${sum('x.oid')} FROM pg_catalog.${catalog} x WHERE x.${schema} IN (SELECT oid FROM mine)`,
    ),
    ...plain.map(
      ([catalog, key, total]) =>
        `SELECT '${catalog}', ${total} FROM pg_catalog.${catalog} x WHERE x.${key} >= ${USERS}`,
    ),
    `SELECT 'capture', ${sum('p.oid', 'p.xmin')} FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = '${OUR_SCHEMA}'`,
  ];
  return `
  WITH mine AS MATERIALIZED (
         SELECT n.oid, n.xmin FROM pg_catalog.pg_namespace n WHERE ${isUserSchema('n.nspname')}),
       relations AS MATERIALIZED (
         SELECT c.oid, c.relkind, c.xmin FROM pg_catalog.pg_class c
          WHERE c.relnamespace IN (SELECT oid FROM mine) AND c.relpersistence <> 't')
  SELECT pg_catalog.md5(pg_catalog.string_agg(part || ' ' || sum, E'\\n' ORDER BY part)) AS digest
    FROM (${parts.join('\n      UNION ALL ')}) parts`;
}

/** One kind of object: gives its number, a part's number, the table that it belongs to, its name, and its row as text. */
interface Kind {
  catalog: string;
  sql: string;
}

const mine = isUserSchema('n.nspname');

/** A catalogue's row without owner, grants and what Postgres changes by itself. */
function rowOf(alias: string, without: string[]): string {
  return `(pg_catalog.to_jsonb(${alias}) - ARRAY[${without.map((name) => `'${name}'`).join(', ')}]::text[])::text`;
}

const VOLATILE_IN_CLASS = [
  ...['relowner', 'relacl', 'relfilenode', 'relpages', 'reltuples', 'relallvisible', 'relallfrozen'],
  ...[
    'reltoastrelid',
    'relhasindex',
    'relhasrules',
    'relhastriggers',
    'relhassubclass',
    'relchecks',
    'relnatts',
  ],
  ...['relfrozenxid', 'relminmxid', 'relrewrite', 'relispopulated', 'reltablespace'],
];

const KINDS: Kind[] = [
  {
    catalog: 'pg_namespace',
    sql: `
      SELECT n.oid, 0 AS sub, NULL::oid AS of, pg_catalog.format('schema %I', n.nspname) AS what,
             ${rowOf('n', ['nspacl', 'nspowner'])} AS row
        FROM pg_catalog.pg_namespace n
       WHERE ${mine} AND ${isNoExtensionMember('pg_namespace', 'n.oid')}`,
  },
  {
    catalog: 'pg_class',
    sql: `
      SELECT c.oid, 0, CASE WHEN c.relkind IN ('r', 'p') THEN c.oid END,
             pg_catalog.format('%s %I.%I',
               CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'c' THEN 'type'
                 WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' ELSE 'table' END, n.nspname, c.relname),
             pg_catalog.concat(${rowOf('c', VOLATILE_IN_CLASS)},
               (SELECT pg_catalog.to_jsonb(s) FROM pg_catalog.pg_sequence s WHERE s.seqrelid = c.oid),
               (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', d.refobjid, d.refobjsubid), ',')
                  FROM pg_catalog.pg_depend d
                 WHERE c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')),
               (SELECT pg_catalog.string_agg(i.inhparent::text, ',' ORDER BY i.inhseqno)
                  FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid),
               (SELECT pg_catalog.md5(r.ev_action::text) FROM pg_catalog.pg_rewrite r
                 WHERE r.ev_class = c.oid AND r.rulename = '_RETURN'))
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c', 'S') AND c.relpersistence <> 't'
         AND ${mine} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  },
  {
    catalog: 'pg_class',
    sql: `
      SELECT a.attrelid, a.attnum, a.attrelid, pg_catalog.format('column %I.%I.%I', n.nspname, c.relname, a.attname),
             ${rowOf('a', ['attacl', 'attcacheoff', 'atthasmissing', 'attmissingval', 'attinhcount', 'attislocal', 'attstattarget'])}
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE a.attnum > 0 AND NOT a.attisdropped
         AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND c.relpersistence <> 't'
         AND ${mine} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  },
  {
    catalog: 'pg_class',
    sql: `
      SELECT i.indexrelid, 0, i.indrelid, pg_catalog.format('index %I.%I', n.nspname, c.relname),
             pg_catalog.concat(${rowOf('c', VOLATILE_IN_CLASS)}, ${rowOf('i', ['indcheckxmin'])})
        FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relpersistence <> 't' AND ${mine} AND ${isNoExtensionMember('pg_class', 'i.indrelid')}`,
  },
  {
    catalog: 'pg_attrdef',
    sql: `
      SELECT d.oid, 0, d.adrelid, pg_catalog.format('default of %I.%I.%I', n.nspname, c.relname, a.attname), ${rowOf('d', [])}
        FROM pg_catalog.pg_attrdef d
        JOIN pg_catalog.pg_class c ON c.oid = d.adrelid
        JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relpersistence <> 't' AND ${mine} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  },
  {
    // Those that a partition inherits from its parent's foreign key come with it; NOT NULL is the column's.
    catalog: 'pg_constraint',
    sql: `
      SELECT k.oid, 0, NULLIF(k.conrelid, 0),
             pg_catalog.format('constraint %I on %s', k.conname,
               CASE WHEN k.conrelid <> 0 THEN k.conrelid::pg_catalog.regclass::text
                    ELSE pg_catalog.format_type(k.contypid, NULL) END),
             ${rowOf('k', ['coninhcount', 'conislocal'])}
        FROM pg_catalog.pg_constraint k
        JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace
       WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND NOT (k.contype = 'f' AND k.conparentid <> 0) AND ${mine}
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = k.conrelid AND c.relpersistence = 't')
         AND (k.conrelid = 0 OR ${isNoExtensionMember('pg_class', 'k.conrelid')})`,
  },
  {
    catalog: 'pg_trigger',
    sql: `
      SELECT t.oid, 0, t.tgrelid, pg_catalog.format('trigger %I on %s', t.tgname, t.tgrelid::pg_catalog.regclass), ${rowOf('t', [])}
        FROM pg_catalog.pg_trigger t
        JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND NOT pg_catalog.starts_with(t.tgname, '${OUR_SCHEMA}_')
         AND c.relpersistence <> 't' AND ${mine} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  },
  {
    catalog: 'pg_proc',
    sql: `
      SELECT p.oid, 0, NULL::oid, pg_catalog.format('function %s', p.oid::pg_catalog.regprocedure),
             pg_catalog.concat(${rowOf('p', ['proacl', 'proowner'])},
               (SELECT pg_catalog.to_jsonb(g) FROM pg_catalog.pg_aggregate g WHERE g.aggfnoid = p.oid))
        FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
       WHERE ${mine} AND ${isNoExtensionMember('pg_proc', 'p.oid')}`,
  },
  {
    catalog: 'pg_type',
    sql: `
      SELECT t.oid, 0, NULL::oid, pg_catalog.format('type %I.%I', n.nspname, t.typname),
             pg_catalog.concat(${rowOf('t', ['typacl', 'typowner'])},
               (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder)
                  FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid),
               (SELECT pg_catalog.to_jsonb(r) FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid))
        FROM pg_catalog.pg_type t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
       WHERE t.typtype IN ('e', 'd', 'r') AND ${mine} AND ${isNoExtensionMember('pg_type', 't.oid')}`,
  },
  {
    catalog: 'pg_policy',
    sql: `
      SELECT p.oid, 0, p.polrelid, pg_catalog.format('policy %I on %s', p.polname, p.polrelid::pg_catalog.regclass), ${rowOf('p', [])}
        FROM pg_catalog.pg_policy p
        JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE ${mine} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  },
  {
    catalog: 'pg_rewrite',
    sql: `
      SELECT r.oid, 0, r.ev_class, pg_catalog.format('rule %I on %s', r.rulename, r.ev_class::pg_catalog.regclass),
             pg_catalog.md5(${rowOf('r', [])})
        FROM pg_catalog.pg_rewrite r
        JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE r.rulename <> '_RETURN' AND c.relpersistence <> 't' AND ${mine} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  },
  {
    catalog: 'pg_extension',
    sql: `
      SELECT e.oid, 0, NULL::oid, pg_catalog.format('extension %I', e.extname), e.extnamespace::text
        FROM pg_catalog.pg_extension e WHERE e.extname <> 'plpgsql'`,
  },
  {
    catalog: 'pg_statistic_ext',
    sql: `
      SELECT s.oid, 0, s.stxrelid, pg_catalog.format('statistics %I.%I', n.nspname, s.stxname), ${rowOf('s', ['stxowner', 'stxstattarget'])}
        FROM pg_catalog.pg_statistic_ext s
        JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
       WHERE ${mine}`,
  },
  ...(
    [
      ['pg_collation', 'collnamespace', 'collowner'],
      ['pg_operator', 'oprnamespace', 'oprowner'],
      ['pg_opclass', 'opcnamespace', 'opcowner'],
      ['pg_opfamily', 'opfnamespace', 'opfowner'],
      ['pg_conversion', 'connamespace', 'conowner'],
      ['pg_ts_config', 'cfgnamespace', 'cfgowner'],
      ['pg_ts_dict', 'dictnamespace', 'dictowner'],
    ] as const
  ).map(([catalog, schema, owner]) => ({
    catalog,
    sql: `
      SELECT x.oid, 0, NULL::oid, o.type || ' ' || o.identity, ${rowOf('x', [owner, 'collversion'])}
        FROM pg_catalog.${catalog} x
        JOIN pg_catalog.pg_namespace n ON n.oid = x.${schema}
        CROSS JOIN LATERAL pg_catalog.pg_identify_object('pg_catalog.${catalog}'::pg_catalog.regclass, x.oid, 0) o
       WHERE ${mine} AND ${isNoExtensionMember(catalog, 'x.oid')}`,
  })),
  {
    catalog: 'pg_cast',
    sql: `
      SELECT x.oid, 0, NULL::oid, pg_catalog.format('cast from %s to %s', pg_catalog.format_type(x.castsource, NULL), pg_catalog.format_type(x.casttarget, NULL)), ${rowOf('x', [])}
        FROM pg_catalog.pg_cast x WHERE x.oid >= ${USERS} AND ${isNoExtensionMember('pg_cast', 'x.oid')}`,
  },
];

/** Comments stand apart, since their numbers are those of what they are about. */
const COMMENTS = `
      SELECT d.classoid AS class, d.objoid, d.objsubid,
             CASE WHEN d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass THEN d.objoid END,
             'comment on ' || o.type || ' ' || o.identity, d.description
        FROM pg_catalog.pg_description d
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) o
        LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = COALESCE(o.schema, CASE o.type WHEN 'schema' THEN o.name END)
       WHERE d.objoid >= ${USERS} AND o.type IS NOT NULL
         AND o.type NOT IN ('extension', 'event trigger', 'database', 'publication') AND (n.oid IS NULL OR ${mine})
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend member
                          WHERE member.classid = d.classoid AND member.objid = d.objoid AND member.deptype = 'e')`;

export const objectsSql = `
  SELECT class::bigint::float8 AS "classOid", oid::bigint::float8 AS oid, sub, of::bigint::float8 AS "table", what,
         pg_catalog.md5(row) AS hash
    FROM (${KINDS.map(
      ({ catalog, sql }) =>
        `SELECT 'pg_catalog.${catalog}'::pg_catalog.regclass::oid AS class, k.* FROM (${sql}) k (oid, sub, of, what, row)`,
    ).join('\n      UNION ALL ')}
      UNION ALL ${COMMENTS}) objects (class, oid, sub, of, what, row)`;

/** Each captured table: where its rows lie, which transaction wrote its columns, its triggers and its function. */
export const capturedSql = `
  SELECT c.oid::bigint::float8 AS oid,
         -- Always quoted, as our lists on the target have it.
         pg_catalog.format('"%s"."%s"', pg_catalog.replace(n.nspname, '"', '""'), pg_catalog.replace(c.relname, '"', '""')) AS relation,
         pg_catalog.pg_relation_filenode(c.oid)::bigint::float8 AS filenode,
         (SELECT pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attnum, a.xmin), ',' ORDER BY a.attnum))
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) AS columns,
         (SELECT pg_catalog.count(*) = 2 AND pg_catalog.bool_and(
                   t.tgenabled = 'A' AND t.xmin::text = (captured.made & 4294967295)::text)
            FROM pg_catalog.pg_trigger t
           WHERE t.tgrelid = c.oid AND t.tgname IN ('${CAPTURE_TRIGGER}', '${CAPTURE_TRUNCATE_TRIGGER}')) AS untouched,
         (SELECT pg_catalog.concat_ws(' ', p.oid, p.xmin)
            FROM pg_catalog.pg_proc p
            JOIN pg_catalog.pg_namespace home ON home.oid = p.pronamespace AND home.nspname = '${OUR_SCHEMA}'
           WHERE p.proname = 'capture_' || captured.number) AS function
    FROM ${OUR_SCHEMA}.captured
    JOIN pg_catalog.pg_class c ON c.oid = captured.relation
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`;
