import { randomBytes } from 'node:crypto';
import { silentLog } from '../../src/log.ts';
import type { PostgresAddress } from '../../src/postgres/connect.ts';
import { compareDatabases, type DatabaseParity, type ParityOptions } from '../../src/postgres/parity.ts';
import { testPostgres } from '../support/servers.ts';
import { everythingSql, twoSides, type TwoSides } from './two-sides.ts';

/** Two databases of one application on one server. */
export interface Clones {
  source: PostgresAddress;
  target: PostgresAddress;
  /** SQL as the superuser on either side. */
  onSource: TwoSides['onSource'];
  onTarget: TwoSides['onTarget'];
  compare: (options?: Partial<ParityOptions>) => Promise<DatabaseParity>;
}

let template: Promise<TwoSides> | undefined;
let sharedSource: Promise<PostgresAddress> | undefined;

/** A clone of a database that has most of what real applications have. */
async function clone(): Promise<PostgresAddress> {
  template ??= twoSides(everythingSql);
  const { source, sourceDatabase } = await template;
  const { server } = sourceDatabase;
  const database = `clone_${randomBytes(4).toString('hex')}`;
  await server.query(
    'postgres',
    `CREATE DATABASE ${database} TEMPLATE ${source.database} OWNER "${source.user}"`,
  );
  // A clone does not inherit what is set on the database.
  await server.query('postgres', `ALTER DATABASE ${database} SET search_path = "$user", public, heroku_ext`);
  return { ...source, database };
}

/** Two databases that hold the same. The target is the test's own; the source too, for those that change it. */
export async function clones(options: { changesSource?: boolean } = {}): Promise<Clones> {
  if (options.changesSource !== true) sharedSource ??= clone();
  const source = await (options.changesSource === true || sharedSource === undefined
    ? clone()
    : sharedSource);
  const target = await clone();
  const server = await testPostgres();
  return {
    source,
    target,
    onSource: (statement) => server.query(source.database, statement),
    onTarget: (statement) => server.query(target.database, statement),
    compare: (more = {}) => compareDatabases({ source, target, log: silentLog, ...more }),
  };
}
