import type { FoundObjects, ObstacleKind, Obstacles } from '../postgres/obstacles.ts';
import { isSettingLeft } from '../postgres/settings.ts';
import { formatCount } from '../report/format.ts';
import { automatic, blocked, decide, idPart, told, type Item } from './item.ts';
import { namesOf } from './names-in-words.ts';

/** What becomes of one kind of object, as the copy really does it (restore-list.ts, grants.ts, fence.ts, target.ts). */
type Fate = (found: FoundObjects, about: { id: string; area: 'postgres' }) => Item | Item[] | undefined;

/** What becomes of what a catalogue holds beside tables: no kind can be left out. */
export function objectItems(obstacles: Obstacles): Item[] {
  return (Object.keys(FATES) as ObstacleKind[]).flatMap((kind) => {
    const found = obstacles[kind];
    if (found.count === 0) return [];
    const id = `postgres/${kind.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return FATES[kind](found, { id, area: 'postgres' }) ?? [];
  });
}

function names({ examples, count }: FoundObjects): string {
  return namesOf([...new Set(examples.map(({ name }) => name))], count);
}

function first({ examples }: FoundObjects): string {
  return examples[0]?.name ?? '';
}

function numbered(found: FoundObjects, one: string, many: string): string {
  return `${formatCount(found.count)} ${found.count === 1 ? one : many}: ${names(found)}`;
}

function detailsOf({ examples }: FoundObjects, name: string): string {
  return namesOf([...new Set(examples.map(({ detail }) => String(detail[name] ?? '')))]);
}

/** Kept, with nothing to add but how. */
function kept(one: string, many: string, becomes: string, why: string): Fate {
  return (found, about) => automatic({ ...about, what: numbered(found, one, many), becomes, why });
}

/** The copy stops before it has changed anything. */
function refused(one: string, many: string, why: string, remedy: (found: FoundObjects) => string): Fate {
  return (found, about) =>
    blocked({ ...about, what: numbered(found, one, many), why, remedy: remedy(found) });
}

const SUPERUSER = 'only a superuser can make it, and the cluster gives none';

const FATES: Record<ObstacleKind, Fate> = {
  eventTrigger: (found, about) => {
    const mine = found.examples.filter(({ detail }) => detail['provider'] !== true);
    const left = 'left out: only a superuser can make one';
    if (mine.length === 0)
      return automatic({
        ...about,
        what: numbered(found, 'event trigger', 'event triggers'),
        becomes: left,
        why: 'they are Heroku’s own (schema _heroku, or a role of Heroku’s owns them) and mean nothing elsewhere',
      });
    return decide({
      ...about,
      what: `event triggers of yours: ${namesOf(mine.map(({ name }) => name))}`,
      question: 'They cannot be made on the cluster. Does the application do without them?',
      options: [left, 'the application is changed first'],
      why: 'pg_event_trigger, not owned by Heroku',
      remedy: null,
    });
  },
  foreignDataWrapper: refused(
    'foreign data wrapper',
    'foreign data wrappers',
    'the copy carries no foreign data over',
    (found) => `DROP FOREIGN DATA WRAPPER ${first(found)} CASCADE; and make it on the target by hand.`,
  ),
  foreignServer: refused(
    'foreign server',
    'foreign servers',
    'the copy carries no foreign data over: its address and password belong to the old side',
    (found) =>
      `Before the copy: DROP SERVER ${first(found)} CASCADE; (drops its foreign tables and user mappings, no row elsewhere). Afterwards make them on the cluster by hand.`,
  ),
  userMapping: refused(
    'user mapping',
    'user mappings',
    'it holds a password of the other server, which is not read here',
    (found) =>
      `DROP USER MAPPING FOR ${detailsOf(found, 'user')} SERVER ${first(found)}; and make it on the cluster by hand.`,
  ),
  foreignTable: refused(
    'foreign table',
    'foreign tables',
    'its rows are elsewhere, and the copy carries no foreign data over',
    (found) => `DROP FOREIGN TABLE ${first(found)}; and make it on the cluster by hand.`,
  ),
  publication: (found, about) =>
    told({
      ...about,
      what: numbered(found, 'publication', 'publications'),
      becomes: 'left out, and said in the log',
      why: 'who subscribes must change its address anyway',
      remedy:
        'Make it on the cluster after the switch, for the subscribers that are still wanted: CREATE PUBLICATION …',
    }),
  subscription: refused(
    'subscription',
    'subscriptions',
    'another server writes into this database by itself: it would go on writing to the old side',
    (found) => `ALTER SUBSCRIPTION ${first(found)} DISABLE; DROP SUBSCRIPTION ${first(found)};`,
  ),
  language: refused(
    'procedural language',
    'procedural languages',
    SUPERUSER,
    (found) => `DROP LANGUAGE ${first(found)};`,
  ),
  accessMethod: refused(
    'access method',
    'access methods',
    SUPERUSER,
    (found) => `DROP ACCESS METHOD ${first(found)};`,
  ),
  operatorClass: refused(
    'operator class',
    'operator classes',
    `${SUPERUSER}; those of extensions are fine`,
    (found) => `Replace the indexes that use it, then DROP OPERATOR CLASS ${first(found)} USING <method>;`,
  ),
  operatorFamily: refused(
    'operator family',
    'operator families',
    SUPERUSER,
    (found) => `DROP OPERATOR FAMILY ${first(found)} USING <method>;`,
  ),
  transform: refused(
    'transform',
    'transforms',
    'the copy carries transforms over with their extension only',
    (found) => `DROP TRANSFORM FOR ${first(found)} LANGUAGE <language>;`,
  ),
  textSearchParser: refused(
    'text search parser',
    'text search parsers',
    SUPERUSER,
    (found) => `DROP TEXT SEARCH PARSER ${first(found)};`,
  ),
  textSearchTemplate: refused(
    'text search template',
    'text search templates',
    SUPERUSER,
    (found) => `DROP TEXT SEARCH TEMPLATE ${first(found)};`,
  ),
  dictionaryOfFiles: (found, about) =>
    decide({
      ...about,
      what: numbered(found, 'text search dictionary of files', 'text search dictionaries of files'),
      question:
        'Its words are files on Heroku’s server; nobody can put files on the cluster. Does it have them?',
      options: ['the cluster has the same files', 'replaced by a dictionary without files first'],
      why: 'its template is ispell, synonym or thesaurus; the copy fails when the files are missing',
      remedy: `\\dFd+ ${first(found)} names its files.`,
    }),
  untrustedFunction: (found, about) =>
    blocked({
      ...about,
      what: `${numbered(found, 'function', 'functions')} in ${detailsOf(found, 'language')}`,
      why: 'functions in untrusted languages can only be made by a superuser, which the cluster gives nobody',
      remedy: `Rewrite it in SQL or PL/pgSQL, or DROP FUNCTION ${first(found)};`,
    }),
  internalFunction: refused(
    'function on the server’s own code',
    'functions on the server’s own code',
    SUPERUSER,
    (found) => `DROP FUNCTION ${first(found)};`,
  ),
  baseType: refused('base type', 'base types', SUPERUSER, (found) => `DROP TYPE ${first(found)};`),
  otherOwner: (found, about) => {
    const tables = found.examples.filter(({ detail }) => ['r', 'p'].includes(String(detail['kind'])));
    const [table] = tables;
    if (table === undefined)
      return told({
        ...about,
        what: numbered(found, 'object of another role', 'objects of other roles'),
        becomes: 'the app’s role owns it on the cluster, like everything',
        why: `owned by ${detailsOf(found, 'owner')}; owners are not carried over`,
        remedy: 'Check that whoever changes it can do so as the app’s role.',
      });
    return blocked({
      ...about,
      what: `tables of another role: ${namesOf(tables.map(({ name }) => name))}`,
      why: `owned by ${detailsOf(found, 'owner')}; only a table’s owner can capture its changes and close it at the switch`,
      remedy: `As ${String(table.detail['owner'])}: ALTER TABLE ${table.name} OWNER TO <role of DATABASE_URL>; (for all: REASSIGN OWNED BY ${String(table.detail['owner'])} TO <role of DATABASE_URL>;)`,
    });
  },
  unreadable: refused(
    'table or sequence that the role may not read',
    'tables or sequences that the role may not read',
    'without that right neither pg_dump nor the copy can have it',
    (found) => `As ${detailsOf(found, 'owner')}: GRANT SELECT ON ${first(found)} TO <role of DATABASE_URL>;`,
  ),
  unlogged: (found, about) =>
    told({
      ...about,
      what: numbered(found, 'unlogged table', 'unlogged tables'),
      becomes: 'unlogged on the cluster, too; the rows are copied',
      why: 'a fail-over or crash empties it, on either side',
      remedy: `If that is not meant: ALTER TABLE ${first(found)} SET LOGGED;`,
    }),
  partitioned: kept(
    'partitioned table',
    'partitioned tables',
    'kept; each partition is copied by itself, and new ones are followed',
    'pg_class.relkind p',
  ),
  inheriting: kept(
    'table that inherits',
    'tables that inherit',
    'kept; each is copied by itself',
    'pg_inherits',
  ),
  materializedView: kept(
    'materialized view',
    'materialized views',
    'made anew and refreshed after the rows, in the order of their needs; those without data stay empty',
    'their content is computed, not copied',
  ),
  rowSecurity: kept(
    'table with row security',
    'tables with row security',
    'kept with its policies, which go onto the target after the last row',
    'the copy’s sessions fail rather than see fewer rows (row_security = off)',
  ),
  rowSecurityForced: refused(
    'table whose row security binds its owner, too',
    'tables whose row security binds their owner, too',
    'not even the owner can read all rows, so that the copy stops rather than copy some',
    (found) =>
      `For the time of the move: ALTER TABLE ${first(found)} NO FORCE ROW LEVEL SECURITY; (check first that the application does not rely on it: as its owner it would see all rows), and FORCE it again on the new side.`,
  ),
  policyForRole: (found, about) =>
    decide({
      ...about,
      what: `${numbered(found, 'policy', 'policies')}, for ${detailsOf(found, 'role')}`,
      question: 'The copy refuses policies for roles that the cluster does not have. Which is it?',
      options: ['the roles are made on the cluster before the copy', 'the policies are dropped first'],
      why: 'without the policy rows might be shown, or hidden',
      remedy: `On the cluster as doadmin, before the copy: CREATE ROLE ${String(found.examples[0]?.detail['role'])} NOLOGIN;`,
    }),
  rule: kept(
    'rule',
    'rules',
    'kept; it goes onto the target after the last row',
    'it would change our writes',
  ),
  generatedColumn: kept(
    'generated column',
    'generated columns',
    'kept; computed anew by the target from the row',
    'COPY cannot write it',
  ),
  typeOfTheServer: (found, about) =>
    told({
      ...about,
      what: `${numbered(found, 'column', 'columns')} of ${detailsOf(found, 'type')}`,
      becomes: 'copied as its text says; what it refers to may have another number on the cluster',
      why: 'values of these types are numbers or names of the server that wrote them; money is shown by lc_monetary',
      remedy:
        'Check that nobody compares them with the server’s own (transaction numbers begin anew; regrole needs the role).',
    }),
  collatedColumn: kept(
    'column with a collation of its own',
    'columns with a collation of their own',
    'kept by name; its indexes are built anew in the cluster’s order, and the copy fails when the cluster lacks it',
    'pg_attribute.attcollation',
  ),
  collationVersion: (found, about) =>
    told({
      ...about,
      what: numbered(found, 'collation that has changed', 'collations that have changed'),
      becomes: 'kept; the target’s indexes are built in the target’s order',
      why: `made with ${detailsOf(found, 'made')}, the system has ${detailsOf(found, 'now')}: indexes on the source may miss rows`,
      remedy: `On Heroku: REINDEX the indexes over it, then ALTER COLLATION ${first(found)} REFRESH VERSION;`,
    }),
  domain: kept('domain', 'domains', 'kept', 'pg_type.typtype d'),
  tablespace: kept(
    'table or index in a tablespace of its own',
    'tables or indexes in tablespaces of their own',
    'the cluster’s one disk',
    'managed clusters have no tablespaces; where a table lies changes nothing in it',
  ),
  invalidIndex: (found, about) => {
    const unique = found.examples.filter(({ detail }) => detail['unique'] === true);
    const left = 'left out';
    const why = 'a CREATE INDEX CONCURRENTLY failed; queries do not use it, and pg_dump leaves it out';
    const remedy = `REINDEX INDEX CONCURRENTLY ${unique[0]?.name ?? first(found)}; or DROP INDEX CONCURRENTLY ${unique[0]?.name ?? first(found)};`;
    const what = numbered(found, 'invalid index', 'invalid indexes');
    if (unique.length === 0) return told({ ...about, what, becomes: left, why, remedy });
    return decide({
      ...about,
      what,
      question: `${namesOf(unique.map(({ name }) => name))} still refuses new doubled rows here, and would be missing on the cluster. Is it wanted?`,
      options: [left, 'mended on Heroku first'],
      why,
      remedy,
    });
  },
  notValidConstraint: (found, about) =>
    told({
      ...about,
      what: numbered(found, 'constraint that was never validated', 'constraints that were never validated'),
      becomes: 'kept NOT VALID: rows that break it are copied, new ones are refused',
      why: 'pg_constraint.convalidated is false',
      remedy: `Before or after the move: ALTER TABLE ${String(found.examples[0]?.detail['table'])} VALIDATE CONSTRAINT ${String(found.examples[0]?.detail['constraint'])};`,
    }),
  defaultPrivilege: (found, about) => {
    const others = found.examples.filter(({ detail }) => detail['own'] !== true);
    const what = numbered(found, 'set of default privileges', 'sets of default privileges');
    const becomes =
      'the app’s own are kept for its role on the cluster, to roles that are there; others are left out, and said in the log';
    if (others.length === 0) return automatic({ ...about, what, becomes, why: 'pg_default_acl' });
    return told({
      ...about,
      what,
      becomes,
      why: `${namesOf(others.map(({ name }) => name))}: another role’s, which creates nothing on the cluster`,
      remedy: 'ALTER DEFAULT PRIVILEGES FOR ROLE … on the cluster, for a role that you make there.',
    });
  },
  roleMembership: (found, about) =>
    told({
      ...about,
      what: numbered(found, 'role membership', 'role memberships'),
      becomes: 'not carried over: roles belong to the server',
      why: 'pg_auth_members',
      remedy: 'GRANT … TO … on the cluster, for roles that are made there.',
    }),
  setting: (found, about) => {
    const settings = [...new Set(found.examples.map(({ name }) => name))];
    const left = settings.filter(isSettingLeft);
    const own = settings.filter((name) => !isSettingLeft(name) && name.includes('.'));
    const taken = settings.filter((name) => !isSettingLeft(name) && !name.includes('.'));
    const usual = automatic({
      ...about,
      what: `settings of the database or its role: ${namesOf([...taken, ...left])}`,
      becomes: [
        ...(taken.length > 0
          ? ['set on the new database (what a managed cluster refuses is said in the log)']
          : []),
        ...(left.length > 0 ? [`left out: ${left.join(', ')}`] : []),
      ].join('; '),
      why: 'pg_db_role_setting; values are not shown',
    });
    return [
      ...(taken.length + left.length > 0 ? [usual] : []),
      ...(own.length > 0 ? [ownSettings(own)] : []),
    ];
  },
  settingOfOtherRole: (found, about) =>
    told({
      ...about,
      what: `settings of other roles in this database: ${names(found)}`,
      becomes: 'not carried over: the roles are not made on the cluster',
      why: `of ${detailsOf(found, 'role')}`,
      remedy: 'ALTER ROLE … IN DATABASE … SET … on the cluster, for roles that are made there.',
    }),
  securityLabel: (found, about) =>
    told({
      ...about,
      what: numbered(found, 'security label', 'security labels'),
      becomes: 'left out: labels need their provider’s module on the server',
      why: `of ${detailsOf(found, 'provider')}`,
      remedy: null,
    }),
  preparedTransaction: (found, about) =>
    blocked({
      ...about,
      what: numbered(found, 'prepared transaction', 'prepared transactions'),
      why: `open since ${Math.max(...found.examples.map(({ detail }) => Number(detail['seconds'])))} s: it holds its locks until somebody ends it, so that the tables can neither be followed nor closed`,
      remedy: `COMMIT PREPARED '${first(found)}'; or ROLLBACK PREPARED '${first(found)}'; as ${detailsOf(found, 'owner')}.`,
    }),
  serverSetting: (found, about) => {
    const unusual = found.examples.filter(({ name, detail }) => !isUsual(name, String(detail['value'])));
    if (unusual.length === 0) return undefined;
    return told({
      ...about,
      what: `settings of Heroku’s server that applications may rely on: ${namesOf(
        unusual.map(({ name, detail }) => `${name} = ${String(detail['value'])}${String(detail['unit'])}`),
      )}`,
      becomes: 'the cluster’s own',
      why: 'they are set for the whole server, not for the database, and are not carried over',
      remedy: `Set what is needed on the database, before the copy: ALTER DATABASE … SET ${idPart(unusual[0]?.name ?? '')} = '…';`,
    });
  },
};

/** `app.tenant` and the like: PostgreSQL takes them from a superuser alone, unless the module that knows them is loaded. */
function ownSettings(settings: string[]): Item {
  return decide({
    id: 'postgres/own-settings',
    area: 'postgres',
    what: `settings of your own making on the database or its role: ${namesOf(settings)}`,
    question: 'Only a superuser can attach them, and the cluster gives none. Who sets them on the new side?',
    options: ['the application sets them when it connects', 'not needed'],
    why: 'pg_db_role_setting; without it `current_setting` fails or is empty. Values are not shown',
    remedy: `Let the application set it in each connection: SET ${settings[0] ?? ''} = '…', or \`options=-c ${settings[0] ?? ''}=…\` in its address, from a config var.`,
  });
}

/** What a server of DigitalOcean's has, too. */
function isUsual(name: string, value: string): boolean {
  switch (name) {
    case 'TimeZone':
      return /^(UTC|GMT|Etc\/UTC|Etc\/GMT|Etc\/UCT|UCT|Universal|Zulu)$/.test(value);
    case 'default_text_search_config':
      return ['pg_catalog.english', 'pg_catalog.simple'].includes(value);
    case 'DateStyle':
      return value === 'ISO, MDY';
    case 'lc_messages':
      return true;
    default:
      return name.startsWith('lc_') ? /^(C|POSIX|C\.utf-?8|en_US\.utf-?8|)$/i.test(value) : false;
  }
}
