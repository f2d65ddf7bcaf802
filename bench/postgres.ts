import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { startPostgres, type PostgresServer } from '../rehearsal/servers/postgres.ts';
import { temporaryDirectory } from '../rehearsal/servers/process.ts';
import { seedShop } from '../rehearsal/shop/seed.ts';
import { systemClock } from '../src/clock.ts';
import type { Log } from '../src/log.ts';
import { databaseArgument, toolEnvironment } from '../src/postgres/child.ts';
import { parsePostgresUrl, withConnection, type PostgresAddress } from '../src/postgres/connect.ts';
import { copyDatabase } from '../src/postgres/copy.ts';
import { compareDatabases } from '../src/postgres/parity.ts';
import { findPostgresTools, type PostgresTools } from '../src/postgres/tools.ts';
import { measure, type Measurement } from './measure.ts';
import type { BenchOptions } from './options.ts';

export interface PostgresResult {
  sizeBytes: number;
  rows: number;
  copy: {
    milliseconds: Measurement['milliseconds'];
    bytesPerSecond: number;
    /** How many times as fast as `pg_dump -Fc | pg_restore`; above 1 is faster. */
    vsPgDump: number;
  };
  pgDump: { milliseconds: Measurement['milliseconds']; bytesPerSecond: number };
}

const OFF = { mode: 'off' } as const;
/** As `copyBoth` of the actions does. */
const JOBS = 4;

/**
 * `copyDatabase` against `pg_dump -Fc | pg_restore`, between two servers on this machine, from an empty database to
 * an analyzed copy. What was copied last by ours is then compared by content: a copy that is not equal is no result.
 */
export async function benchPostgres(options: BenchOptions, log: Log): Promise<PostgresResult> {
  const [from, to] = await Promise.all([
    startPostgres({ name: 'bench-source' }),
    startPostgres({ name: 'bench-target' }),
  ]);
  useLibraries(from);
  const tools = await findPostgresTools(from.binaries.major, { environmentPath: from.binaries.bin });
  const directory = temporaryDirectory('bench');
  const source = await seededSource(from, options.sizeBytes);
  const [{ size } = { size: 0 }] = await from.query<{ size: number }>(
    source.database,
    'select pg_database_size(current_database())::float8 as size',
  );
  log.info(`PostgreSQL ${from.binaries.major}: ${(size / 1e6).toFixed(1)} MB of a shop's data`);

  const target = { ours: await newTarget(to), theirs: await newTarget(to) };
  const [ours, theirs] = await measure(
    [
      {
        name: 'copyDatabase',
        prepare: async () => {
          target.ours = await newTarget(to);
        },
        run: async () => {
          await copyDatabase({
            ...{ source, ...target.ours, tools, directory, log: quiet(log), clock: systemClock },
            ...{ migrationId: 'bench', jobs: JOBS },
          });
          return size;
        },
      },
      {
        name: 'pg_dump -Fc | pg_restore',
        prepare: async () => {
          target.theirs = await newTarget(to);
        },
        run: async () => {
          await pipeDump(source, target.theirs.owner, tools, directory);
          return size;
        },
      },
    ],
    options.rounds,
    (line) => log.info(line),
  );
  if (ours === undefined || theirs === undefined) throw new Error('Nothing was measured.');

  const parity = await compareDatabases({ source, target: target.ours.owner, log: quiet(log) });
  if (!parity.equal) throw new Error('The copy is not equal to its source, so its time means nothing.');
  return {
    sizeBytes: size,
    rows: parity.rows.compared,
    copy: {
      milliseconds: ours.milliseconds,
      bytesPerSecond: ours.perSecond,
      vsPgDump: theirs.milliseconds.median / ours.milliseconds.median,
    },
    pgDump: { milliseconds: theirs.milliseconds, bytesPerSecond: theirs.perSecond },
  };
}

async function seededSource(server: PostgresServer, sizeBytes: number): Promise<PostgresAddress> {
  await server.query('postgres', "create role app login password 'bench'");
  await server.query('postgres', 'create database app owner app');
  const url = server.url('app', 'app', 'bench');
  await seedShop(`${url}?sslmode=disable`, Math.max(1, Math.round(sizeBytes / 1e6)), 1);
  return parsePostgresUrl(url, OFF);
}

/** An empty database with the two roles of a managed cluster: one that owns the tables, one that loads them. */
async function newTarget(
  server: PostgresServer,
): Promise<{ owner: PostgresAddress; loader: PostgresAddress }> {
  const name = `shop_${randomBytes(4).toString('hex')}`;
  const loader = `doadmin_${name}`;
  await server.query(
    'postgres',
    `create role ${loader} login password 'bench' createdb createrole; create role ${name} login password 'bench'`,
  );
  await server.query('postgres', `create database ${name} owner ${loader}`);
  await server.query(
    name,
    `grant create on database ${name} to ${name}; grant create on schema public to ${name}`,
  );
  return {
    owner: parsePostgresUrl(server.url(name, name, 'bench'), OFF),
    loader: parsePostgresUrl(server.url(name, loader, 'bench'), OFF),
  };
}

/** What one would type without this project, down to the statistics that ours makes too. */
async function pipeDump(
  source: PostgresAddress,
  owner: PostgresAddress,
  tools: PostgresTools,
  directory: string,
): Promise<void> {
  const place = join(directory, owner.database);
  await mkdir(place, { mode: 0o700 });
  const environment = (address: PostgresAddress): Promise<Record<string, string>> =>
    toolEnvironment(address, { applicationName: 'bench', directory: place });
  const dump = spawn(tools.pgDump, ['-Fc', '--no-owner', '--no-privileges', databaseArgument(source)], {
    env: await environment(source),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const restore = spawn(
    tools.pgRestore,
    ['--exit-on-error', '--no-owner', '--no-privileges', databaseArgument(owner)],
    { env: await environment(owner), stdio: ['pipe', 'ignore', 'inherit'] },
  );
  await Promise.all([
    ended('pg_dump', dump),
    ended('pg_restore', restore),
    pipeline(dump.stdout, restore.stdin),
  ]);
  await withConnection(owner, { applicationName: 'bench' }, (client) => client.query('analyze'));
}

function ended(name: string, child: ReturnType<typeof spawn>): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${name} ended with ${String(code)}.`));
    });
  });
}

/** Programs that were unpacked rather than installed find their libraries by the environment. */
function useLibraries({ binaries }: PostgresServer): void {
  for (const [name, value] of Object.entries(binaries.environment)) {
    const before = process.env[name];
    process.env[name] = before === undefined ? value : `${value}:${before}`;
  }
}

/** What a copy tells of itself would stand between the measurements. */
function quiet(log: Log): Log {
  return { ...log, info: (line) => log.debug(line) };
}
