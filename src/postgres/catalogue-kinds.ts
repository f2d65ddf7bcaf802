import { isNoExtensionMember, isUserSchema, OUR_SCHEMA } from './user-objects.ts';

/** A question about one kind of the application's objects. */
export interface Kind {
  /** Gives `object` (kind and name) and `definition`. */
  sql: string;
  /** The text is only the same for the same object within one major version (views gained and lost qualifiers). */
  perMajor?: true;
  /** Definitions of these may be long or hold what nobody wants in a log. */
  unquotable?: true;
}

const inUserSchema = isUserSchema('n.nspname');

/** One question a kind. All names come out qualified, because the session's search_path is empty. */
export const KINDS: Kind[] = [
  {
    sql: `
      SELECT pg_catalog.format('schema %I', n.nspname) AS object, '' AS definition
        FROM pg_catalog.pg_namespace n
       WHERE ${inUserSchema} AND ${isNoExtensionMember('pg_namespace', 'n.oid')}`,
  },
  {
    sql: `
      SELECT pg_catalog.format('%s %I.%I',
               CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view'
                 WHEN 'm' THEN 'materialized view' WHEN 'c' THEN 'type' ELSE 'foreign table' END,
               n.nspname, c.relname) AS object,
             pg_catalog.concat_ws(' ', c.relkind, c.relpersistence,
               CASE c.relkind WHEN 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END,
               pg_catalog.pg_get_expr(c.relpartbound, c.oid),
               'inherits ' || (SELECT pg_catalog.string_agg(i.inhparent::pg_catalog.regclass::text, ',' ORDER BY i.inhseqno)
                                 FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid),
               'replica identity ' || c.relreplident::text,
               (SELECT pg_catalog.string_agg(o, ',' ORDER BY o) FROM pg_catalog.unnest(c.reloptions) o),
               'toast ' || (SELECT pg_catalog.string_agg(o, ',' ORDER BY o)
                              FROM pg_catalog.pg_class toast, pg_catalog.unnest(toast.reloptions) o
                             WHERE toast.oid = c.reltoastrelid),
               'of ' || NULLIF(c.reloftype, 0)::pg_catalog.regtype,
               'using ' || (SELECT a.amname FROM pg_catalog.pg_am a WHERE a.oid = c.relam AND a.amname <> 'heap')) AS definition
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND c.relpersistence <> 't'
         AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}
         AND (c.relkind <> 'c' OR ${isNoExtensionMember('pg_type', 'c.reltype')})`,
  },
  {
    sql: `
      SELECT pg_catalog.format('column %I.%I.%I', n.nspname, c.relname, a.attname) AS object,
             pg_catalog.concat_ws(' ',
               'no. ' || pg_catalog.row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum),
               pg_catalog.format_type(a.atttypid, a.atttypmod),
               CASE WHEN a.attnotnull THEN 'not null' END,
               'default ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid),
               'identity ' || NULLIF(a.attidentity::text, ''), 'generated ' || NULLIF(a.attgenerated::text, ''),
               'collate ' || NULLIF(a.attcollation, 0)::pg_catalog.regcollation,
               'storage ' || a.attstorage::text,
               -- A column since version 14: without it, the name means the one of the outer question.
               'compression ' || (SELECT (SELECT NULLIF(attcompression::text, '') FROM pg_catalog.pg_attribute s
                                           WHERE s.attrelid = a.attrelid AND s.attnum = a.attnum)
                                    FROM (VALUES (NULL::text)) AS before_14 (attcompression)),
               (SELECT pg_catalog.string_agg(o, ',' ORDER BY o) FROM pg_catalog.unnest(a.attoptions) o),
               'statistics ' || NULLIF(a.attstattarget, -1)) AS definition
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
       WHERE a.attnum > 0 AND NOT a.attisdropped
         AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND c.relpersistence <> 't'
         AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}
         AND (c.relkind <> 'c' OR ${isNoExtensionMember('pg_type', 'c.reltype')})`,
  },
  {
    // Of their own, because both are other on a target that is still being followed.
    sql: `
      SELECT pg_catalog.format('row security of %I.%I', n.nspname, c.relname) AS object,
             CASE WHEN c.relforcerowsecurity THEN 'forced' ELSE '' END
               || CASE WHEN c.relrowsecurity THEN '' ELSE ' but not enabled' END AS definition
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE (c.relrowsecurity OR c.relforcerowsecurity) AND c.relkind IN ('r', 'p')
         AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}
       UNION ALL
      SELECT pg_catalog.format('content of materialized view %I.%I', n.nspname, c.relname), 'populated ' || c.relispopulated
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind = 'm' AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  },
  {
    perMajor: true,
    unquotable: true,
    sql: `
      SELECT pg_catalog.format('query of view %I.%I', n.nspname, c.relname) AS object,
             pg_catalog.pg_get_viewdef(c.oid) AS definition
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('v', 'm') AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  },
  {
    // An index that a failed CREATE INDEX CONCURRENTLY left invalid is not dumped.
    sql: `
      SELECT pg_catalog.format('index %I.%I', n.nspname, c.relname) AS object,
             pg_catalog.concat_ws(' ', pg_catalog.pg_get_indexdef(i.indexrelid),
               CASE WHEN i.indisclustered THEN 'clustered' END, CASE WHEN i.indisreplident THEN 'replica identity' END,
               'of ' || (SELECT inhparent::pg_catalog.regclass::text FROM pg_catalog.pg_inherits WHERE inhrelid = c.oid)) AS definition
        FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE (i.indisvalid OR t.relkind = 'p') AND t.relpersistence <> 't' AND t.relkind <> 't'
         AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 't.oid')}`,
  },
  {
    // NOT NULL became constraints in PostgreSQL 18 and are compared as columns; those that a partition inherits
    // from its parent's foreign key get names of their own.
    sql: `
      SELECT pg_catalog.format('%s %I on %s', CASE k.contype WHEN 'f' THEN 'foreign key' ELSE 'constraint' END, k.conname,
               CASE WHEN k.conrelid <> 0 THEN k.conrelid::pg_catalog.regclass::text
                    ELSE pg_catalog.format_type(k.contypid, NULL) END) AS object,
             pg_catalog.pg_get_constraintdef(k.oid) AS definition
        FROM pg_catalog.pg_constraint k
        JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace
       WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND NOT (k.contype = 'f' AND k.conparentid <> 0)
         AND ${inUserSchema}
         AND (k.conrelid = 0 OR ${isNoExtensionMember('pg_class', 'k.conrelid')})
         AND (k.contypid = 0 OR ${isNoExtensionMember('pg_type', 'k.contypid')})`,
  },
  {
    sql: `
      SELECT pg_catalog.format('trigger %I on %s', t.tgname, t.tgrelid::pg_catalog.regclass) AS object,
             pg_catalog.concat_ws(' ', pg_catalog.pg_get_triggerdef(t.oid), 'enabled ' || t.tgenabled::text) AS definition
        FROM pg_catalog.pg_trigger t
        JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND NOT pg_catalog.starts_with(t.tgname, '${OUR_SCHEMA}_')
         AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}
       UNION ALL
      -- A partition's own state of a trigger that it has from its parent.
      SELECT pg_catalog.format('trigger %I on %s', t.tgname, t.tgrelid::pg_catalog.regclass), 'enabled ' || t.tgenabled::text
        FROM pg_catalog.pg_trigger t
        JOIN pg_catalog.pg_trigger parent ON parent.oid = t.tgparentid AND parent.tgenabled <> t.tgenabled
        JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE NOT parent.tgisinternal AND NOT pg_catalog.starts_with(t.tgname, '${OUR_SCHEMA}_')
         AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  },
  {
    unquotable: true,
    sql: `
      SELECT pg_catalog.format('function %s', p.oid::pg_catalog.regprocedure) AS object,
             CASE p.prokind
               WHEN 'a' THEN (SELECT pg_catalog.concat_ws(' ', g.aggkind, g.aggtransfn, g.aggfinalfn, g.aggcombinefn,
                                       g.aggtranstype::pg_catalog.regtype, g.agginitval, p.proparallel)
                                FROM pg_catalog.pg_aggregate g WHERE g.aggfnoid = p.oid)
               ELSE pg_catalog.pg_get_functiondef(p.oid)
             END AS definition
        FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
       WHERE ${inUserSchema} AND ${isNoExtensionMember('pg_proc', 'p.oid')}
         -- A range type brings its constructors with it.
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend i
                          WHERE i.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND i.objid = p.oid AND i.deptype = 'i')`,
  },
  {
    sql: `
      SELECT pg_catalog.format('type %I.%I', n.nspname, t.typname) AS object,
             CASE t.typtype
               WHEN 'e' THEN (SELECT 'enum ' || pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder)
                                FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)
               WHEN 'd' THEN pg_catalog.concat_ws(' ', 'domain', pg_catalog.format_type(t.typbasetype, t.typtypmod),
                               CASE WHEN t.typnotnull THEN 'not null' END, 'default ' || t.typdefault,
                               'collate ' || NULLIF(t.typcollation, 0)::pg_catalog.regcollation)
               ELSE (SELECT pg_catalog.concat_ws(' ', 'range', pg_catalog.format_type(r.rngsubtype, NULL),
                              'collate ' || NULLIF(r.rngcollation, 0)::pg_catalog.regcollation,
                              'canonical ' || NULLIF(r.rngcanonical, 0)::pg_catalog.regproc,
                              'difference ' || NULLIF(r.rngsubdiff, 0)::pg_catalog.regproc)
                       FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid)
             END AS definition
        FROM pg_catalog.pg_type t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
       WHERE t.typtype IN ('e', 'd', 'r') AND ${inUserSchema} AND ${isNoExtensionMember('pg_type', 't.oid')}`,
  },
  {
    sql: `
      SELECT pg_catalog.format('sequence %I.%I', n.nspname, c.relname) AS object,
             pg_catalog.concat_ws(' ', s.seqtypid::pg_catalog.regtype, 'start', s.seqstart, 'by', s.seqincrement, 'from', s.seqmin,
               'to', s.seqmax, 'cache', s.seqcache, CASE WHEN s.seqcycle THEN 'cycle' END,
               (SELECT pg_catalog.format('owned by %s.%I', d.refobjid::pg_catalog.regclass, a.attname)
                  FROM pg_catalog.pg_depend d
                  JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                 WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i'))) AS definition
        FROM pg_catalog.pg_sequence s
        JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relpersistence <> 't' AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  },
  {
    // pg_stat_statements is the provider's to have or not.
    sql: `
      SELECT pg_catalog.format('extension %I', e.extname) AS object, 'in schema ' || n.nspname AS definition
        FROM pg_catalog.pg_extension e
        JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
       WHERE e.extname NOT IN ('plpgsql', 'pg_stat_statements')`,
  },
  {
    sql: `
      SELECT pg_catalog.format('policy %I on %s', p.polname, p.polrelid::pg_catalog.regclass) AS object,
             pg_catalog.concat_ws(' ', p.polcmd, 'permissive ' || p.polpermissive,
               'using ' || pg_catalog.pg_get_expr(p.polqual, p.polrelid),
               'check ' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)) AS definition
        FROM pg_catalog.pg_policy p
        JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  },
  {
    perMajor: true,
    sql: `
      SELECT pg_catalog.format('rule %I on %s', r.rulename, r.ev_class::pg_catalog.regclass) AS object,
             pg_catalog.concat_ws(' ', pg_catalog.pg_get_ruledef(r.oid), 'enabled ' || r.ev_enabled::text) AS definition
        FROM pg_catalog.pg_rewrite r
        JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE r.rulename <> '_RETURN' AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  },
  {
    perMajor: true,
    sql: `
      SELECT pg_catalog.format('statistics %I.%I', n.nspname, s.stxname) AS object,
             pg_catalog.pg_get_statisticsobjdef(s.oid) AS definition
        FROM pg_catalog.pg_statistic_ext s
        JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
       WHERE ${inUserSchema}`,
  },
  {
    sql: `
      SELECT pg_catalog.format('collation %I.%I', n.nspname, c.collname) AS object,
             -- The name of the locale moved to columns of other names with versions 15 and 17.
             pg_catalog.concat_ws(' ', c.collprovider, c.collisdeterministic,
               COALESCE(pg_catalog.to_jsonb(c)->>'colllocale', pg_catalog.to_jsonb(c)->>'colliculocale', c.collcollate)) AS definition
        FROM pg_catalog.pg_collation c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
       WHERE ${inUserSchema} AND ${isNoExtensionMember('pg_collation', 'c.oid')}`,
  },
  ...(
    [
      [
        'pg_operator',
        'oprnamespace',
        `pg_catalog.concat_ws(' ', c.oprcode, 'commutes with ' || NULLIF(c.oprcom, 0)::pg_catalog.regoperator,
           'negates ' || NULLIF(c.oprnegate, 0)::pg_catalog.regoperator, c.oprrest, c.oprjoin,
           CASE WHEN c.oprcanhash THEN 'hashes' END, CASE WHEN c.oprcanmerge THEN 'merges' END)`,
      ],
      [
        'pg_conversion',
        'connamespace',
        `pg_catalog.concat_ws(' ', c.conforencoding, c.contoencoding, c.conproc, c.condefault)`,
      ],
      [
        'pg_ts_config',
        'cfgnamespace',
        `(SELECT pg_catalog.string_agg(m.maptokentype || ' ' || m.mapdict::pg_catalog.regdictionary, ', '
                   ORDER BY m.maptokentype, m.mapseqno)
            FROM pg_catalog.pg_ts_config_map m WHERE m.mapcfg = c.oid)`,
      ],
      [
        'pg_ts_dict',
        'dictnamespace',
        `pg_catalog.concat_ws(' ', (SELECT t.tmplname FROM pg_catalog.pg_ts_template t WHERE t.oid = c.dicttemplate),
           c.dictinitoption)`,
      ],
      ['pg_opclass', 'opcnamespace', `''`],
      ['pg_opfamily', 'opfnamespace', `''`],
    ] as const
  ).map(([catalog, schema, definition]) => ({
    sql: `
      SELECT o.type || ' ' || o.identity AS object, ${definition} AS definition
        FROM pg_catalog.${catalog} c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.${schema}
        CROSS JOIN LATERAL pg_catalog.pg_identify_object('pg_catalog.${catalog}'::pg_catalog.regclass, c.oid, 0) o
       WHERE ${inUserSchema} AND ${isNoExtensionMember(catalog, 'c.oid')}`,
  })),
  {
    sql: `
      SELECT o.type || ' ' || o.identity AS object,
             pg_catalog.concat_ws(' ', NULLIF(c.castfunc, 0)::pg_catalog.regprocedure, c.castcontext, c.castmethod) AS definition
        FROM pg_catalog.pg_cast c
        CROSS JOIN LATERAL pg_catalog.pg_identify_object('pg_catalog.pg_cast'::pg_catalog.regclass, c.oid, 0) o
       WHERE c.oid >= 16384 AND ${isNoExtensionMember('pg_cast', 'c.oid')}
         -- A range type brings the cast to its multirange with it, since version 14.
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend i
                          WHERE i.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND i.objid = c.oid AND i.deptype = 'i')`,
  },
  {
    // 16384 is the first number that objects made after initdb get.
    sql: `
      SELECT 'comment on ' || o.type || ' ' || o.identity AS object, d.description AS definition
        FROM pg_catalog.pg_description d
        CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classoid, d.objoid, d.objsubid) o
        LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = COALESCE(o.schema, CASE o.type WHEN 'schema' THEN o.name END)
       WHERE d.objoid >= 16384
         AND o.type IS NOT NULL AND o.type NOT IN ('extension', 'event trigger', 'database', 'publication')
         AND (n.oid IS NULL OR ${inUserSchema})
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend member
                          WHERE member.classid = d.classoid AND member.objid = d.objoid AND member.deptype = 'e')`,
  },
];
