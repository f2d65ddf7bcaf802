import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresBinaries } from '../servers/binaries.ts';
import type { PostgresServer } from '../servers/postgres.ts';

export interface HerokuDatabaseOptions {
  database: string;
  user: string;
  password: string;
  /** Heroku limits the role: 20 on essential-0, 120 or more on standard-0. */
  connectionLimit: number;
}

export interface HerokuDatabase {
  /** DATABASE_URL as Heroku writes it: no sslmode in it, but TLS is required. */
  url: string;
  /** Extensions that Heroku would have and this machine's PostgreSQL cannot make (no contrib). */
  missingExtensions: string[];
}

/** What a PostgreSQL server for `prepareHerokuDatabase` needs in its configuration, as far as the machine has it. */
export function herokuPostgresSettings(binaries: PostgresBinaries): Record<string, string> {
  const library = join(binaries.bin, '..', 'lib', 'pg_stat_statements.so');
  return existsSync(library) ? { shared_preload_libraries: 'pg_stat_statements' } : {};
}

/**
 * Makes a database that looks and refuses like Heroku Postgres (facts: devcenter "Heroku Postgres credentials",
 * 2026-05-18; public dumps up to 2025-11): its owner is no superuser and has no REPLICATION, extensions live in
 * `heroku_ext`, `_heroku` holds Heroku's functions, four event triggers belong to `heroku_admin`, nobody else may use
 * `public`. TLS is the server's: start it with a certificate.
 */
export async function prepareHerokuDatabase(
  server: PostgresServer,
  options: HerokuDatabaseOptions,
): Promise<HerokuDatabase> {
  const database = quote(options.database);
  await server.query('postgres', roles(options));
  await server.query('postgres', `CREATE DATABASE ${database} OWNER ${quote(options.user)}`);
  await server.query('postgres', `REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
  await server.query(options.database, schemas(options));

  const missingExtensions: string[] = [];
  for (const [extension, schema] of [
    ['pg_stat_statements', 'public'],
    ['citext', 'heroku_ext'],
    ['pg_trgm', 'heroku_ext'],
  ] as const) {
    const available = await server.query(
      options.database,
      'SELECT 1 FROM pg_available_extensions WHERE name = $1',
      [extension],
    );
    if (available.length === 0) missingExtensions.push(extension);
    else await server.query(options.database, `CREATE EXTENSION ${quote(extension)} SCHEMA ${schema}`);
  }
  await server.query(options.database, herokuFunctions);
  await server.query(options.database, eventTriggers);
  return { url: server.url(options.database, options.user, options.password), missingExtensions };
}

function roles({ user, password, connectionLimit }: HerokuDatabaseOptions): string {
  return `
    DO $$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'heroku_admin') THEN
        -- Only a superuser can own event triggers.
        CREATE ROLE heroku_admin SUPERUSER NOLOGIN;
      END IF;
    END $$;
    CREATE ROLE ${quote(user)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION
      CONNECTION LIMIT ${connectionLimit} PASSWORD ${literal(password)};
    GRANT pg_monitor, pg_read_all_settings, pg_read_all_stats, pg_signal_backend TO ${quote(user)};
  `;
}

function schemas({ database, user }: HerokuDatabaseOptions): string {
  return `
    CREATE SCHEMA heroku_ext AUTHORIZATION ${quote(user)};
    CREATE SCHEMA _heroku AUTHORIZATION heroku_admin;
    GRANT USAGE ON SCHEMA _heroku TO ${quote(user)};
    REVOKE USAGE ON SCHEMA public FROM PUBLIC;
    ALTER DATABASE ${quote(database)} SET search_path = "$user", public, heroku_ext;
    -- What "heroku pg:extensions" shows: the owner may install these.
    ALTER DATABASE ${quote(database)} SET extwlist.extensions =
      'btree_gin,btree_gist,citext,hstore,pg_stat_statements,pg_trgm,pgcrypto,postgres_fdw,unaccent,uuid-ossp,vector';
  `;
}

/** Names as in real dumps; the bodies are ours. */
const herokuFunctions = `
  SET ROLE heroku_admin;
  CREATE FUNCTION _heroku.create_ext() RETURNS event_trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE LOG 'heroku: % by %', tg_tag, session_user;
  END $$;
  CREATE FUNCTION _heroku.drop_ext() RETURNS event_trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE LOG 'heroku: % by %', tg_tag, session_user;
  END $$;
  CREATE FUNCTION _heroku.extension_before_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE LOG 'heroku: before % by %', tg_tag, session_user;
  END $$;
  CREATE FUNCTION _heroku.validate_extension() RETURNS event_trigger LANGUAGE plpgsql AS $$
  DECLARE
    made record;
  BEGIN
    FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'extension' LOOP
      IF current_setting('extwlist.extensions', true) IS NOT NULL
         AND NOT trim(BOTH '"' FROM made.object_identity) = ANY (string_to_array(current_setting('extwlist.extensions'), ',')) THEN
        RAISE EXCEPTION 'extension "%" is not allowed on Heroku', made.object_identity;
      END IF;
    END LOOP;
  END $$;
  CREATE FUNCTION _heroku.grant_table_if_exists(name text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$;
  CREATE FUNCTION _heroku.grant_function_execute_for_extension(name text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$;
  CREATE FUNCTION _heroku.postgis_after_create() RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$;
  CREATE FUNCTION _heroku.sanitize_search_path(path text) RETURNS text LANGUAGE sql AS 'SELECT path';
  CREATE FUNCTION _heroku.validate_search_path() RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$;
  RESET ROLE;
`;

const eventTriggers = `
  SET ROLE heroku_admin;
  CREATE EVENT TRIGGER extension_before_drop ON ddl_command_start WHEN TAG IN ('DROP EXTENSION')
    EXECUTE FUNCTION _heroku.extension_before_drop();
  CREATE EVENT TRIGGER log_create_ext ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION')
    EXECUTE FUNCTION _heroku.create_ext();
  CREATE EVENT TRIGGER log_drop_ext ON sql_drop WHEN TAG IN ('DROP EXTENSION')
    EXECUTE FUNCTION _heroku.drop_ext();
  CREATE EVENT TRIGGER validate_extension ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION')
    EXECUTE FUNCTION _heroku.validate_extension();
  RESET ROLE;
`;

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
