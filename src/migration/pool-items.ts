import { blocked, told, type Item } from './item.ts';
import type { PlanFacts } from './plan.ts';

/** What is left for the release phase, a console and the migration itself while the pool holds its connections. */
export const BESIDE_THE_POOL = 5;

/** What each language must do before transactions share connections: a prepared statement lives in one of them. */
const PREPARED: Record<'node' | 'ruby' | 'python', string> = {
  ruby: 'In config/database.yml: `prepared_statements: false` and `advisory_locks: false`.',
  node: 'Name no queries with `pg` (Prisma: `?pgbouncer=true` and `directUrl`; Knex and Sequelize name none).',
  python: 'Django: `DISABLE_SERVER_SIDE_CURSORS = True` (psycopg 3: `prepare_threshold = None`).',
};

/** The connection pool that migration.yml asks for: whether the cluster has room, and what the application must give up. */
export function poolItems({
  config,
  postgres: { cluster, offer },
  language,
}: Pick<PlanFacts, 'config' | 'postgres' | 'language'>): Item[] {
  const { pool } = config.postgres;
  if (pool === undefined) return [];
  const room = offer === undefined ? undefined : offer.connections - BESIDE_THE_POOL;
  if (room !== undefined && pool.size > room)
    return [
      blocked({
        id: 'postgres/pool-size',
        area: 'postgres',
        what: `the pool wants ${pool.size} connections, and ${cluster.size} has ${offer?.connections ?? 0}`,
        why: `DigitalOcean takes a pool's connections from those of the cluster, and ${BESIDE_THE_POOL} are left for the release phase, a console and the migration`,
        remedy: `Set \`postgres.pool.size\` to ${Math.max(1, room)} or less, or a larger \`postgres.size\`.`,
      }),
    ];
  const becomes = `DATABASE_URL leads to a pool of ${pool.size} connections in ${pool.mode} mode, DATABASE_DIRECT_URL past it`;
  if (pool.mode === 'session')
    return [
      told({
        id: 'postgres/pool',
        area: 'postgres',
        what: 'a connection pool in session mode',
        becomes,
        why: 'migration.yml says so; a client keeps its connection as long as it is there',
        remedy: `More than ${pool.size} clients at a time wait for each other: lower the pools of web and workers to fit.`,
      }),
    ];
  return [
    told({
      id: 'postgres/pool',
      area: 'postgres',
      what: 'a connection pool in transaction mode',
      becomes,
      why:
        'migration.yml says so; between two transactions a client may get another connection, so prepared statements, ' +
        'session settings (SET), advisory locks and LISTEN do not last',
      remedy: `${language === null ? Object.values(PREPARED).join(' ') : PREPARED[language]} Run migrations with DATABASE_URL="$DATABASE_DIRECT_URL": they hold an advisory lock.`,
    }),
  ];
}
