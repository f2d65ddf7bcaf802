import type pg from 'pg';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { withConnection, type PostgresAddress } from './connect.ts';
import { codeOf } from './errors.ts';
import type { DatabaseFacts } from './facts.ts';
import { quoteIdentifier, quoteLiteral } from './names.ts';

/** What became of one setting. It never holds the value: some are keys. */
export interface SettingFate {
  name: string;
  /** `kept`: it was there already. `left`: not ours to carry. `refused`: the target does not let us. */
  fate: 'kept' | 'set' | 'left' | 'refused';
  why: string;
}

/** Ours, or dangerous on the target: never carried over. */
const SETTINGS_LEFT = new Set(['default_transaction_read_only', 'role', 'session_authorization']);
/** Of modules that only the source's provider has: Heroku's and Amazon's lists of allowed extensions. */
const PROVIDERS_SETTINGS = /^(extwlist|rds)\./;
/** Lists whose parts are quoted one by one: as one literal they would be one part. */
const LISTS = new Set([
  'search_path',
  'temp_tablespaces',
  'session_preload_libraries',
  'local_preload_libraries',
]);

/** Settings with a dot are the application's own or a module's, and some hold keys (`app.jwt_secret`): told by name only. */
export function mayBeSecret(setting: string): boolean {
  return setting.includes('.');
}

/** Settings that a copy does not take along: the provider's, and who works and whether one may write. */
export function isSettingLeft(name: string): boolean {
  return SETTINGS_LEFT.has(name) || PROVIDERS_SETTINGS.test(name);
}

/**
 * Gives the target's database the settings with which sessions of the application start on the source: those of the
 * database and of the role, and the search path wherever it is set. What is there already is not set again, so that
 * provision and every later copy may ask for the same; what cannot be set is told, and its value never.
 *
 * @throws when the search path cannot be set: without it objects would not be found
 */
export async function applySettings(
  loader: PostgresAddress,
  owner: PostgresAddress,
  facts: Pick<DatabaseFacts, 'settings' | 'searchPath'>,
  options: {
    applicationName: string;
    log: Log;
    signal?: AbortSignal;
    /** False for a fate that the caller tells itself. */
    tell?: (fate: SettingFate) => boolean;
  },
): Promise<SettingFate[]> {
  const wanted = wantedSettings(facts);
  if (wanted.length === 0) return [];
  return withConnection(await databaseOwner(loader, owner, options), options, async (client) => {
    const present = await readDatabaseSettings(client);
    const fates: SettingFate[] = [];
    for (const [name, value] of wanted) {
      const fate = await applySetting(client, owner.database, name, value, present.get(name.toLowerCase()));
      if (fate.fate === 'set')
        options.log.info(`Setting of the database: ${name}${mayBeSecret(name) ? '' : ` = ${value}`}`);
      if (fate.fate === 'refused' && (options.tell?.(fate) ?? true))
        options.log.warning(`The setting ${name} was not taken over: ${fate.why}`);
      fates.push(fate);
    }
    return fates;
  });
}

/** Every setting that the application's sessions start with on the source, the search path from wherever it comes. */
function wantedSettings(facts: Pick<DatabaseFacts, 'settings' | 'searchPath'>): [string, string][] {
  const settings = { ...facts.settings };
  if (facts.searchPath !== null) settings['search_path'] = facts.searchPath;
  return Object.entries(settings);
}

async function applySetting(
  client: pg.Client,
  database: string,
  name: string,
  value: string,
  present: string | undefined,
): Promise<SettingFate> {
  if (isSettingLeft(name)) return { name, fate: 'left', why: leftBecause(name) };
  if (present === value) return { name, fate: 'kept', why: 'as on the source' };
  const parts = name.split('.').map(quoteIdentifier).join('.');
  const set = `ALTER DATABASE ${quoteIdentifier(database)} SET ${parts}`;
  try {
    if (LISTS.has(name)) {
      // Set here first, so that the list is taken exactly as it is.
      await client.query('SELECT pg_catalog.set_config($1, $2, false)', [name, value]);
      await client.query(`${set} FROM CURRENT`);
    } else await client.query(`${set} TO ${quoteLiteral(value)}`);
    return { name, fate: 'set', why: 'on the database, so that every session of it starts with it' };
  } catch (thrown) {
    if (name === 'search_path') throw thrown;
    return { name, fate: 'refused', why: await refusedBecause(client, name, thrown) };
  }
}

function leftBecause(name: string): string {
  return SETTINGS_LEFT.has(name)
    ? 'who works and whether one may write is decided by the cutover'
    : 'it belongs to a module of the old provider';
}

/** Never the driver's own words for a setting that may be secret: they may quote its value. */
async function refusedBecause(client: pg.Client, name: string, thrown: unknown): Promise<string> {
  const { rows } = await client.query<{ known: boolean }>(
    'SELECT EXISTS (SELECT FROM pg_catalog.pg_settings WHERE pg_catalog.lower(name) = $1) AS known',
    [name.toLowerCase()],
  );
  const isKnown = rows[0]?.known === true;
  if (!isKnown && mayBeSecret(name))
    return 'PostgreSQL lets only a superuser attach a setting of its own making to a database; let the application set it when it connects (SET, or `options` in its address)';
  if (!isKnown) return 'this version of PostgreSQL does not have it';
  if (codeOf(thrown) === '42501') return 'PostgreSQL lets only a superuser set it';
  return mayBeSecret(name) ? 'the server does not take its value' : messageOf(thrown);
}

/** Settings of this database for everybody, by name in lower case. */
async function readDatabaseSettings(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; value: string }>(`
    SELECT pg_catalog.lower(pg_catalog.split_part(setting, '=', 1)) AS name,
           pg_catalog.substr(setting, pg_catalog.strpos(setting, '=') + 1) AS value
      FROM pg_catalog.pg_db_role_setting s
     CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS setting
      JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
     WHERE d.datname = pg_catalog.current_database() AND s.setrole = 0`);
  return new Map(rows.map((row) => [row.name, row.value]));
}

/**
 * What a session of the connected role starts with, for settings that PostgreSQL knows: in the setting's own unit
 * (milliseconds, kilobytes), so that `2s` and `2000` are one.
 */
export async function readStartValues(
  client: pg.Client,
  names: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; value: string }>(
    `SELECT pg_catalog.lower(name) AS name, reset_val AS value FROM pg_catalog.pg_settings
      WHERE pg_catalog.lower(name) = ANY ($1::text[]) AND reset_val IS NOT NULL`,
    [names.map((name) => name.toLowerCase())],
  );
  return new Map(rows.map((row) => [row.name, row.value]));
}

/** ALTER DATABASE needs the database's owner, which is either of the two roles. */
async function databaseOwner(
  loader: PostgresAddress,
  owner: PostgresAddress,
  options: { applicationName: string; signal?: AbortSignal },
): Promise<PostgresAddress> {
  return withConnection(loader, options, async (client) => {
    const { rows } = await client.query<{ mine: boolean }>(`
      SELECT pg_catalog.pg_has_role(datdba, 'USAGE') AS mine
        FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()`);
    return rows[0]?.mine === true ? loader : owner;
  });
}
