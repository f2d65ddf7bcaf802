import { z } from 'zod';
import { createOrFind, orUndefined, type DigitalOcean } from './client.ts';

const endSchema = z.object({ host: z.string(), port: z.number(), database: z.string().optional() });
const poolSchema = z.object({
  name: z.string(),
  mode: z.string(),
  size: z.number(),
  db: z.string(),
  user: z.string().nullish(),
  connection: endSchema.nullish(),
  private_connection: endSchema.nullish(),
});
export type Pool = z.infer<typeof poolSchema>;

export interface WantedPool {
  name: string;
  mode: 'transaction' | 'session';
  /** Connections to Postgres. */
  size: number;
  database: string;
  user: string;
}

/** A pool of the cluster (PgBouncer); `undefined` when there is none of that name. */
export async function findPool(
  client: DigitalOcean,
  clusterId: string,
  name: string,
): Promise<Pool | undefined> {
  const schema = z.object({ pool: poolSchema });
  return (await orUndefined(() => client.request('GET', poolPath(clusterId, name), schema)))?.pool;
}

/** Whether a pool is as wanted. */
export function poolIs(pool: Pool, wanted: WantedPool): boolean {
  return (
    pool.mode === wanted.mode &&
    pool.size === wanted.size &&
    pool.db === wanted.database &&
    pool.user === wanted.user
  );
}

/** Creates the pool, or gives it the wanted mode and size; the database and the user must be there. */
export async function ensurePool(
  client: DigitalOcean,
  clusterId: string,
  wanted: WantedPool,
): Promise<'created' | 'changed' | 'kept'> {
  const { name, mode, size, database: db, user } = wanted;
  const find = (): Promise<Pool | undefined> => findPool(client, clusterId, name);
  const found = await find();
  if (found === undefined) {
    const schema = z.object({ pool: poolSchema });
    await createOrFind<Pool>(
      async () =>
        (
          await client.request('POST', `/databases/${clusterId}/pools`, schema, {
            name,
            mode,
            size,
            db,
            user,
          })
        ).pool,
      find,
    );
    return 'created';
  }
  if (poolIs(found, wanted)) return 'kept';
  await client.request('PUT', poolPath(clusterId, name), z.unknown(), { mode, size, db, user });
  return 'changed';
}

function poolPath(clusterId: string, name: string): string {
  return `/databases/${clusterId}/pools/${encodeURIComponent(name)}`;
}
