import type pg from 'pg';
import type { Log } from '../log.ts';
import { describeAddress, withConnection, type PostgresAddress } from './connect.ts';
import { formatBytes } from './progress.ts';

/** How rows are best carried between the two servers. */
export interface Link {
  /** The longer one of both sides', milliseconds. */
  roundTripMs: number;
  /** Chunks to copy at the same time. */
  pairs: number;
  chunkBytes: number;
}

export interface LinkOptions {
  applicationName: string;
  /** Runners that share the connections; 1 unless given. */
  shards?: number;
  /** The source serves visitors meanwhile, and is in no hurry. */
  serves?: boolean;
  log: Log;
  signal?: AbortSignal;
}

/** From here on a connection's own pace is the limit rather than the servers'. */
const FAR_MS = 10;
const NEAR = { pairs: 4, chunkBytes: 64_000_000 };
const FAR = { pairs: 12, chunkBytes: 16_000_000 };
/** Nearby the servers are the limit, and visitors need some of the source's processors. */
const NEAR_WHILE_SERVING = { ...NEAR, pairs: 2 };

/** Left to the application (and to ourselves: the snapshot, the builders of indexes) on either side. */
const SPARE = 6;
/** What each further runner needs beside its chunks: it asks now and then what is there, and talks through the journal. */
const SPARE_FOR_A_SHARD = 2;

/**
 * Measures the round trip to both sides and looks how many sessions each lets in, and chooses from that: a few large
 * chunks at a time between servers nearby, many small ones over a long way, where each connection is slow.
 */
export async function measureLink(
  source: PostgresAddress,
  target: PostgresAddress,
  options: LinkOptions,
): Promise<Link> {
  const [from, to] = await Promise.all([measureSide(source, options), measureSide(target, options)]);
  const roundTripMs = Math.max(from.roundTripMs, to.roundTripMs);
  const { shards = 1, serves = false } = options;
  const near = serves ? NEAR_WHILE_SERVING : NEAR;
  const { pairs, chunkBytes } = roundTripMs < FAR_MS ? near : FAR;
  const free = Math.min(from.free, to.free) - SPARE - (shards - 1) * SPARE_FOR_A_SHARD;
  const link = { roundTripMs, pairs: Math.max(1, Math.min(pairs, Math.floor(free / shards))), chunkBytes };
  const each = shards === 1 ? '' : ` by each of ${shards} runners`;
  if (link.pairs < pairs) {
    const scarce = from.free < to.free ? source : target;
    const fewer = free < shards ? ` That is too few for ${shards} runners: take fewer.` : '';
    options.log.warning(
      `${describeAddress(scarce)} has ${Math.min(from.free, to.free)} connections left, so ${link.pairs} instead of ${pairs} chunks are copied at the same time${each}.${shards === 1 ? '' : fewer}`,
    );
  }
  options.log.info(
    `The round trip takes ${roundTripMs.toFixed(1)} ms: ${link.pairs} chunks of ${formatBytes(chunkBytes)} at the same time${each}.`,
  );
  return link;
}

async function measureSide(
  address: PostgresAddress,
  options: LinkOptions,
): Promise<{ roundTripMs: number; free: number }> {
  return withConnection(address, options, async (client) => ({
    roundTripMs: await roundTrip(client),
    free: await freeConnections(client),
  }));
}

/** The quickest of five: what one statement takes at least. */
async function roundTrip(client: pg.Client): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < 5; index += 1) {
    const started = performance.now();
    await client.query('SELECT');
    times.push(performance.now() - started);
  }
  return Math.min(...times);
}

/** By the limits of the server, the database and the role; all roles' sessions count for the first two. */
async function freeConnections(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ free: number }>(`
    SELECT LEAST(
             pg_catalog.current_setting('max_connections')::integer
               - pg_catalog.current_setting('superuser_reserved_connections')::integer
               - (SELECT pg_catalog.sum(numbackends)::integer FROM pg_catalog.pg_stat_database),
             CASE WHEN d.datconnlimit < 0 THEN NULL ELSE d.datconnlimit - activity.numbackends END,
             CASE WHEN r.rolconnlimit < 0 THEN NULL
                  ELSE r.rolconnlimit - (SELECT pg_catalog.count(*)::integer FROM pg_catalog.pg_stat_activity
                                          WHERE usename = current_user) END) AS free
      FROM pg_catalog.pg_database d
      JOIN pg_catalog.pg_stat_database activity ON activity.datid = d.oid
      JOIN pg_catalog.pg_roles r ON r.rolname = current_user
     WHERE d.datname = pg_catalog.current_database()`);
  return rows[0]?.free ?? 0;
}
