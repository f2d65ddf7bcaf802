import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

const inUserSchema = isUserSchema('n.nspname');
/** Objects made after initdb have numbers from here on. */
const FIRST_OWN = 16384;

const relation = `pg_catalog.concat(n.nspname, '.', c.relname)`;
const relations = `
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relpersistence <> 't' AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}`;

const columns = `
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
         AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}`;

const column = `pg_catalog.concat(n.nspname, '.', c.relname, '.', a.attname)`;

/** `detail` is built from pairs of names and SQL expressions. */
function detail(pairs: Record<string, string>): string {
  const list = Object.entries(pairs).map(([name, sql]) => `'${name}', ${sql}`);
  return `pg_catalog.jsonb_build_object(${list.join(', ')}) AS detail`;
}

const NOTHING = detail({});

function objectsOf(catalog: string, schemaColumn: string, nameColumn: string, where = 'true'): string {
  return `
      SELECT pg_catalog.concat(n.nspname, '.', o.${nameColumn}) AS name, ${NOTHING}
        FROM pg_catalog.${catalog} o
        JOIN pg_catalog.pg_namespace n ON n.oid = o.${schemaColumn}
       WHERE ${inUserSchema} AND ${isNoExtensionMember(catalog, 'o.oid')} AND ${where}`;
}

function globals(catalog: string, nameColumn: string, where = 'true', details = NOTHING): string {
  return `
      SELECT o.${nameColumn} AS name, ${details}
        FROM pg_catalog.${catalog} o
       WHERE o.oid >= ${FIRST_OWN} AND ${isNoExtensionMember(catalog, 'o.oid')} AND ${where}`;
}

/** Types whose values mean something on the server that wrote them only, or whose text depends on settings. */
const TYPES_OF_THE_SERVER = [
  ...['xid', 'xid8', 'cid', 'tid', 'pg_snapshot', 'txid_snapshot', 'pg_lsn', 'oid', 'aclitem', 'money'],
  ...[
    'regclass',
    'regproc',
    'regprocedure',
    'regoper',
    'regoperator',
    'regtype',
    'regconfig',
    'regdictionary',
  ],
  ...['regrole', 'regnamespace', 'regcollation'],
];

/**
 * One question a kind: `name` of the object and `detail`. They read catalogues only, and call no function that opens a
 * table, so that none of them waits for a lock.
 */
const QUESTIONS = {
  eventTrigger: `
      SELECT o.evtname AS name, ${detail({
        owner: 'pg_catalog.pg_get_userbyid(o.evtowner)',
        provider: `pn.nspname = '_heroku' OR o.evtowner = 10 OR pg_catalog.pg_get_userbyid(o.evtowner) ~ '^(heroku|rds)'`,
      })}
        FROM pg_catalog.pg_event_trigger o
        JOIN pg_catalog.pg_proc p ON p.oid = o.evtfoid
        JOIN pg_catalog.pg_namespace pn ON pn.oid = p.pronamespace
       WHERE ${isNoExtensionMember('pg_event_trigger', 'o.oid')}`,
  foreignDataWrapper: globals('pg_foreign_data_wrapper', 'fdwname'),
  foreignServer: globals(
    'pg_foreign_server',
    'srvname',
    'true',
    detail({
      wrapper: '(SELECT fdwname FROM pg_catalog.pg_foreign_data_wrapper w WHERE w.oid = o.srvfdw)',
    }),
  ),
  userMapping: `
      SELECT m.srvname AS name, ${detail({ user: 'm.usename' })} FROM pg_catalog.pg_user_mappings m`,
  foreignTable: `SELECT ${relation} AS name, ${NOTHING} ${relations} AND c.relkind = 'f'`,
  publication: `
      SELECT o.pubname AS name, ${detail({ allTables: 'o.puballtables' })} FROM pg_catalog.pg_publication o`,
  subscription: `
      SELECT o.subname AS name, ${detail({ enabled: 'o.subenabled' })} FROM pg_catalog.pg_subscription o
       WHERE o.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())`,
  language: globals('pg_language', 'lanname', 'o.lanispl'),
  accessMethod: globals('pg_am', 'amname'),
  operatorClass: objectsOf('pg_opclass', 'opcnamespace', 'opcname'),
  operatorFamily: objectsOf(
    'pg_opfamily',
    'opfnamespace',
    'opfname',
    `NOT EXISTS (SELECT FROM pg_catalog.pg_opclass k WHERE k.opcfamily = o.oid AND k.opcname = o.opfname)`,
  ),
  transform: `
      SELECT pg_catalog.format_type(o.trftype, NULL) AS name, ${NOTHING} FROM pg_catalog.pg_transform o
       WHERE ${isNoExtensionMember('pg_transform', 'o.oid')}`,
  textSearchParser: objectsOf('pg_ts_parser', 'prsnamespace', 'prsname'),
  textSearchTemplate: objectsOf('pg_ts_template', 'tmplnamespace', 'tmplname'),
  /** Dictionaries whose words are files on the server's disk. */
  dictionaryOfFiles: objectsOf(
    'pg_ts_dict',
    'dictnamespace',
    'dictname',
    `o.dicttemplate IN (SELECT t.oid FROM pg_catalog.pg_ts_template t
                         WHERE t.tmplname IN ('ispell', 'synonym', 'thesaurus'))`,
  ),
  untrustedFunction: `
      SELECT pg_catalog.concat(n.nspname, '.', p.proname, '(', pg_catalog.pg_get_function_identity_arguments(p.oid), ')') AS name,
             ${detail({ language: 'l.lanname' })}
        FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND NOT l.lanpltrusted
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
       WHERE l.lanname NOT IN ('internal') AND ${inUserSchema} AND ${isNoExtensionMember('pg_proc', 'p.oid')}
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend)
                            AND t.typtype = 'r')`,
  internalFunction: `
      SELECT pg_catalog.concat(n.nspname, '.', p.proname, '(', pg_catalog.pg_get_function_identity_arguments(p.oid), ')') AS name,
             ${NOTHING}
        FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_language l ON l.oid = p.prolang AND l.lanname = 'internal'
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
       WHERE p.prokind = 'f' AND ${inUserSchema} AND ${isNoExtensionMember('pg_proc', 'p.oid')}
         -- A range type brings functions of its own.
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                          WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'i')`,
  baseType: `
      SELECT pg_catalog.concat(n.nspname, '.', t.typname) AS name, ${NOTHING}
        FROM pg_catalog.pg_type t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
       WHERE t.typtype = 'b' AND t.typelem = 0 AND ${inUserSchema} AND ${isNoExtensionMember('pg_type', 't.oid')}`,
  otherOwner: `
      SELECT ${relation} AS name, ${detail({
        owner: 'pg_catalog.pg_get_userbyid(c.relowner)',
        kind: 'c.relkind::text',
      })} ${relations}
         AND c.relkind IN ('r', 'p', 'm', 'v', 'S') AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')`,
  unreadable: `
      SELECT ${relation} AS name, ${detail({ owner: 'pg_catalog.pg_get_userbyid(c.relowner)' })} ${relations}
         AND CASE c.relkind WHEN 'S' THEN NOT pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
                            WHEN 'r' THEN NOT pg_catalog.has_table_privilege(c.oid, 'SELECT')
                            WHEN 'p' THEN NOT pg_catalog.has_table_privilege(c.oid, 'SELECT')
                            WHEN 'm' THEN NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') ELSE false END`,
  unlogged: `SELECT ${relation} AS name, ${NOTHING} ${relations} AND c.relkind = 'r' AND c.relpersistence = 'u'`,
  partitioned: `
      SELECT ${relation} AS name, ${detail({
        partitions:
          '(SELECT pg_catalog.count(*) FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid)::integer',
      })} ${relations} AND c.relkind = 'p'`,
  inheriting: `
      SELECT ${relation} AS name, ${NOTHING} ${relations} AND c.relkind = 'r' AND NOT c.relispartition
         AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid)`,
  materializedView: `
      SELECT ${relation} AS name, ${detail({ filled: 'c.relispopulated' })} ${relations} AND c.relkind = 'm'`,
  rowSecurity: `
      SELECT ${relation} AS name, ${NOTHING} ${relations} AND c.relkind IN ('r', 'p') AND c.relrowsecurity`,
  /** Not even its owner sees all rows. */
  rowSecurityForced: `
      SELECT ${relation} AS name, ${NOTHING} ${relations} AND c.relkind IN ('r', 'p') AND c.relrowsecurity
         AND c.relforcerowsecurity
         AND NOT (SELECT r.rolbypassrls OR r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)`,
  policyForRole: `
      SELECT pg_catalog.concat(p.polname, ' on ', n.nspname, '.', c.relname) AS name,
             ${detail({ role: 'r.rolname' })}
        FROM pg_catalog.pg_policy p
        JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       CROSS JOIN LATERAL pg_catalog.unnest(p.polroles) AS used(role)
        JOIN pg_catalog.pg_roles r ON r.oid = used.role AND r.rolname <> current_user
       WHERE ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  rule: `
      SELECT pg_catalog.concat(r.rulename, ' on ', n.nspname, '.', c.relname) AS name, ${NOTHING}
        FROM pg_catalog.pg_rewrite r
        JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE r.rulename <> '_RETURN' AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  generatedColumn: `SELECT ${column} AS name, ${NOTHING} ${columns} AND a.attgenerated <> ''`,
  typeOfTheServer: `
      SELECT ${column} AS name, ${detail({ type: 't.typname' })} ${columns.replace(
        'WHERE',
        `JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
         AND t.typname IN (${TYPES_OF_THE_SERVER.map((type) => `'${type}'`).join(', ')})
       WHERE`,
      )}`,
  collatedColumn: `
      SELECT ${column} AS name, ${detail({
        collation: `pg_catalog.concat(ln.nspname, '.', l.collname)`,
        provider: `CASE l.collprovider WHEN 'i' THEN 'icu' WHEN 'c' THEN 'libc' WHEN 'b' THEN 'builtin' ELSE 'default' END`,
      })} ${columns.replace(
        'WHERE',
        `JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation AND l.collname NOT IN ('default', 'C', 'POSIX', 'ucs_basic')
        JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace
       WHERE`,
      )}`,
  /** A collation that columns use and that the operating system or ICU orders otherwise than when it was made. */
  collationVersion: `
      SELECT pg_catalog.concat(n.nspname, '.', l.collname) AS name, ${detail({
        made: 'l.collversion',
        now: 'pg_catalog.pg_collation_actual_version(l.oid)',
      })}
        FROM pg_catalog.pg_collation l
        JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
       WHERE l.collversion IS NOT NULL
         AND (${inUserSchema} OR EXISTS (SELECT FROM pg_catalog.pg_attribute a
                                           JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
                                          WHERE a.attcollation = l.oid))
         AND l.collversion IS DISTINCT FROM pg_catalog.pg_collation_actual_version(l.oid)`,
  domain: `
      SELECT pg_catalog.concat(n.nspname, '.', t.typname) AS name, ${NOTHING}
        FROM pg_catalog.pg_type t
        JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
       WHERE t.typtype = 'd' AND ${inUserSchema} AND ${isNoExtensionMember('pg_type', 't.oid')}`,
  tablespace: `
      SELECT ${relation} AS name, ${detail({
        tablespace: '(SELECT s.spcname FROM pg_catalog.pg_tablespace s WHERE s.oid = c.reltablespace)',
      })} ${relations} AND c.reltablespace <> 0`,
  invalidIndex: `
      SELECT pg_catalog.concat(n.nspname, '.', c.relname) AS name, ${detail({
        table: `pg_catalog.concat(n.nspname, '.', t.relname)`,
        unique: 'i.indisunique',
      })}
        FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        JOIN pg_catalog.pg_class t ON t.oid = i.indrelid AND t.relkind IN ('r', 'm') AND t.relpersistence <> 't'
        JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
       WHERE NOT i.indisvalid AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 't.oid')}`,
  notValidConstraint: `
      SELECT pg_catalog.concat(k.conname, ' on ', n.nspname, '.', c.relname) AS name, ${detail({
        foreignKey: `k.contype = 'f'`,
        table: `pg_catalog.format('%I.%I', n.nspname, c.relname)`,
        constraint: `pg_catalog.quote_ident(k.conname)`,
      })}
        FROM pg_catalog.pg_constraint k
        JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE NOT k.convalidated AND ${inUserSchema} AND ${isNoExtensionMember('pg_class', 'c.oid')}`,
  defaultPrivilege: `
      SELECT pg_catalog.concat('of ', d.defaclrole::pg_catalog.regrole, COALESCE(' in ' || n.nspname, '')) AS name,
             ${detail({ own: 'd.defaclrole = current_user::pg_catalog.regrole' })}
        FROM pg_catalog.pg_default_acl d
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
       WHERE n.oid IS NULL OR ${inUserSchema}`,
  roleMembership: `
      SELECT pg_catalog.concat(member.rolname, ' in ', of_group.rolname) AS name, ${NOTHING}
        FROM pg_catalog.pg_auth_members m
        JOIN pg_catalog.pg_roles member ON member.oid = m.member
        JOIN pg_catalog.pg_roles of_group ON of_group.oid = m.roleid
       WHERE current_user IN (member.rolname, of_group.rolname)
         AND of_group.rolname !~ '^(pg_|rds_)' AND member.rolname !~ '^(pg_|rds|heroku|postgres$)'`,
  /** Names only: values may be secrets of the application. */
  setting: `
      SELECT pg_catalog.split_part(one, '=', 1) AS name, ${detail({
        ofRole: 's.setrole <> 0',
        inDatabase: 's.setdatabase <> 0',
      })}
        FROM pg_catalog.pg_db_role_setting s
       CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS one
        JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
        JOIN pg_catalog.pg_roles r ON r.rolname = current_user
       WHERE s.setdatabase IN (0, d.oid) AND s.setrole IN (0, r.oid) AND (s.setdatabase, s.setrole) <> (0::oid, 0::oid)`,
  settingOfOtherRole: `
      SELECT pg_catalog.split_part(one, '=', 1) AS name, ${detail({ role: 'r.rolname' })}
        FROM pg_catalog.pg_db_role_setting s
       CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS one
        JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase AND d.datname = pg_catalog.current_database()
        JOIN pg_catalog.pg_roles r ON r.oid = s.setrole AND r.rolname <> current_user`,
  securityLabel: `
      SELECT pg_catalog.concat(l.objtype, ' ', l.objname) AS name, ${detail({ provider: 'l.provider' })}
        FROM pg_catalog.pg_seclabels l WHERE l.objoid >= ${FIRST_OWN}`,
  preparedTransaction: `
      SELECT p.gid AS name, ${detail({
        owner: 'p.owner',
        seconds: 'EXTRACT(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::integer',
      })}
        FROM pg_catalog.pg_prepared_xacts p WHERE p.database = pg_catalog.current_database()`,
  /** What the server itself is told otherwise than Postgres's defaults, and what applications rely on unknowingly. */
  serverSetting: `
      SELECT s.name, ${detail({ value: 's.reset_val', unit: `COALESCE(s.unit, '')` })}
        FROM pg_catalog.pg_settings s
       WHERE s.name IN ('TimeZone', 'DateStyle', 'IntervalStyle', 'default_text_search_config', 'bytea_output', 'xmlbinary',
                        'standard_conforming_strings', 'default_transaction_isolation', 'statement_timeout', 'lock_timeout',
                        'idle_in_transaction_session_timeout', 'transaction_timeout', 'backslash_quote', 'array_nulls',
                        'transform_null_equals', 'lo_compat_privileges', 'extra_float_digits', 'lc_monetary', 'lc_numeric',
                        'lc_time', 'lc_messages')
         AND s.reset_val IS DISTINCT FROM s.boot_val
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting own
                          CROSS JOIN LATERAL pg_catalog.unnest(own.setconfig) AS one
                          WHERE pg_catalog.lower(pg_catalog.split_part(one, '=', 1)) = pg_catalog.lower(s.name)
                            AND own.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database
                                                         WHERE datname = pg_catalog.current_database()))
                            AND own.setrole IN (0, current_user::pg_catalog.regrole))`,
} as const satisfies Record<string, string>;

export type ObstacleKind = keyof typeof QUESTIONS;

export function questions(): [ObstacleKind, string][] {
  return Object.entries(QUESTIONS) as [ObstacleKind, string][];
}
