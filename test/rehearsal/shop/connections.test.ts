import { beforeAll, expect, test } from '@jest/globals';
import { createAuthority, type Authority } from '../../../rehearsal/servers/certificates.ts';
import { startPostgres, type PostgresServer } from '../../../rehearsal/servers/postgres.ts';
import type { RedisServer } from '../../../rehearsal/servers/redis.ts';
import { openPool } from '../../../rehearsal/shop/database.ts';
import { openRedis } from '../../../rehearsal/shop/redis.ts';
import { testRedis } from '../../support/servers.ts';

let authority: Authority;
let stranger: Authority;
let postgres: PostgresServer;
let redis: RedisServer;

beforeAll(async () => {
  [authority, stranger] = await Promise.all([
    createAuthority('The cluster'),
    createAuthority('Somebody else'),
  ]);
  [postgres, redis] = await Promise.all([
    startPostgres({ name: 'tls', tls: await authority.issue(['127.0.0.1']) }),
    testRedis([], {}, { tls: await authority.issue(['redis.shop.internal']) }),
  ]);
});

/** Resolves when the database could be read. */
async function readDatabase(ca: string | undefined): Promise<void> {
  const { password } = postgres.superuser;
  const DATABASE_URL = `postgres://postgres:${password}@127.0.0.1:${postgres.port}/postgres?sslmode=require`;
  const pool = openPool({ DATABASE_URL, DATABASE_CA_CERT: ca }, 1);
  await pool.query('select 1').finally(() => pool.end());
}

async function readRedis(ca: string | undefined, servername?: string): Promise<string> {
  const REDIS_URL = `rediss://127.0.0.1:${redis.port}`;
  const environment = { REDIS_URL, REDIS_CA_CERT: ca, REDIS_TLS_SERVERNAME: servername };
  const client = openRedis(environment, {}, () => undefined);
  return client.ping().finally(() => client.disconnect());
}

test('without a CA any certificate will do, as on Heroku', async () => {
  await readDatabase(undefined);
  expect(await readRedis(undefined)).toBe('PONG');
});

test('with a CA the database must present a certificate of it', async () => {
  await readDatabase(authority.pem);
  await readDatabase(authority.pem.replaceAll('\n', '\\n'));
  await expect(readDatabase(stranger.pem)).rejects.toThrow(/certificate/);
});

test('with a CA Redis must present a certificate of it for the expected name', async () => {
  expect(await readRedis(authority.pem, 'redis.shop.internal')).toBe('PONG');
  await expect(readRedis(authority.pem)).rejects.toThrow();
  await expect(readRedis(stranger.pem, 'redis.shop.internal')).rejects.toThrow();
});
