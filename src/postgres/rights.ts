import type pg from 'pg';
import { withConnection, type PostgresAddress } from './connect.ts';
import { perRelation } from './swap.ts';
import { isNoExtensionMember, isUserSchema } from './user-objects.ts';

interface RightsOptions {
  applicationName?: string;
  signal?: AbortSignal;
}

/**
 * Takes from the application's role the right to write to its own tables and to advance its sequences. It takes
 * effect at once, also in sessions that are open (unlike a changed default of the role).
 */
export async function closeWrites(owner: PostgresAddress, options: RightsOptions = {}): Promise<void> {
  await inOneStatement(
    owner,
    options,
    perRelation({
      table: 'REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON TABLE %1$s FROM CURRENT_USER',
      sequence: 'REVOKE USAGE, UPDATE ON SEQUENCE %1$s FROM CURRENT_USER',
    }),
  );
}

/** Gives the application's role the right to write again, to all tables at the same moment. */
export async function openWrites(owner: PostgresAddress, options: RightsOptions = {}): Promise<void> {
  await inOneStatement(
    owner,
    options,
    perRelation({
      table: 'GRANT INSERT, UPDATE, DELETE, TRUNCATE ON TABLE %1$s TO CURRENT_USER',
      sequence: 'GRANT USAGE, UPDATE ON SEQUENCE %1$s TO CURRENT_USER',
    }),
  );
}

/** `closed` when the application's role may write to none of its tables, `open` otherwise. */
export async function writesAre(
  owner: PostgresAddress,
  options: RightsOptions = {},
): Promise<'open' | 'closed'> {
  return withConnection(owner, session(options), async (client) =>
    (await mayWrite(client, owner.user)) ? 'open' : 'closed',
  );
}

/** Whether a role that owns tables may write to any of them. */
export async function mayWrite(client: pg.Client, owner: string): Promise<boolean> {
  const { rows } = await client.query<{ open: boolean }>(
    `SELECT EXISTS (
              SELECT FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
               WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND r.rolname = $1
                 AND ${isUserSchema('n.nspname')} AND ${isNoExtensionMember('pg_class', 'c.oid')}
                 AND pg_catalog.has_table_privilege(c.relowner, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')) AS open`,
    [owner],
  );
  return rows[0]?.open === true;
}

async function inOneStatement(owner: PostgresAddress, options: RightsOptions, sql: string): Promise<void> {
  await withConnection(owner, session(options), async (client) => {
    await client.query(sql);
  });
}

function session(options: RightsOptions): { applicationName: string; signal?: AbortSignal } {
  return {
    applicationName: options.applicationName ?? 'h2d rights',
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
}
