import type { Log } from '../../src/log.ts';
import {
  closeConnection,
  connect,
  withConnection,
  type PostgresAddress,
} from '../../src/postgres/connect.ts';
import { compareDatabases } from '../../src/postgres/parity.ts';
import { measure, ratioOf, type Spread, type Variant } from '../measure.ts';

export interface ParityResult {
  /** Our time divided by that of the plain sums, as between servers of one major version. */
  vsRowHash: Spread;
  /** As between two major versions, whose own hash functions may differ. */
  vsRowHashAcrossMajors: Spread;
  rows: number;
}

/** Connections on each side, for both ways. */
const CONNECTIONS = 2;

/**
 * The whole proof (rows, keys, sequences, catalogue) against what PostgreSQL itself needs to hash each row of both
 * sides once: `sum(hashtextextended(row::text, 0))`, both sides at once, largest table first, with as many connections.
 */
export async function measureParity(
  source: PostgresAddress,
  target: PostgresAddress,
  options: { rounds: number; log: Log; quiet: Log },
): Promise<ParityResult> {
  const found = { rows: 0 };
  const proof = (name: string, hash: 'auto' | 'portable'): Variant => ({
    name,
    run: async () => {
      found.rows = await proveEqual(source, target, { log: options.quiet, hash });
      return found.rows;
    },
  });
  const [ours, portable, plain] = await measure(
    [
      proof('compareDatabases', 'auto'),
      proof('compareDatabases as across majors', 'portable'),
      {
        name: 'sum(hashtextextended(row::text, 0))',
        run: async () => {
          await Promise.all([source, target].map(hashRows));
          return found.rows;
        },
      },
    ],
    { rounds: options.rounds, warmUp: true, tell: (line) => options.log.info(line) },
  );
  if (ours === undefined || portable === undefined || plain === undefined)
    throw new Error('Nothing was measured.');
  return {
    vsRowHash: ratioOf(ours.rounds, plain.rounds),
    vsRowHashAcrossMajors: ratioOf(portable.rounds, plain.rounds),
    rows: found.rows,
  };
}

/** The number of rows. A copy that is not equal to its source is no result. */
export async function proveEqual(
  source: PostgresAddress,
  target: PostgresAddress,
  options: { log: Log; hash?: 'auto' | 'portable' },
): Promise<number> {
  const parity = await compareDatabases({
    ...{ source, target, jobs: CONNECTIONS, applicationName: 'bench', ...options },
  });
  if (parity.equal) return parity.rows.compared;
  const { rows, catalogue, sequences } = parity;
  throw new Error(
    `The copy is not equal to its source, so its time means nothing: ${JSON.stringify({ rows, catalogue, sequences })}`,
  );
}

/** The settings of both sessions are pinned by `connect`, so that a row has one text. */
async function hashRows(address: PostgresAddress): Promise<void> {
  const tables = await withConnection(address, { applicationName: 'bench' }, async (client) => {
    const { rows } = await client.query<{ name: string }>(`
      SELECT c.oid::regclass::text AS name FROM pg_class c
       WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY pg_relation_size(c.oid) DESC`);
    return rows.map((row) => row.name);
  });
  const worker = async (): Promise<void> => {
    const client = await connect(address, { applicationName: 'bench' });
    try {
      for (let table = tables.shift(); table !== undefined; table = tables.shift())
        await client.query(`SELECT count(*), sum(hashtextextended(t::text, 0)) FROM ONLY ${table} AS t`);
    } finally {
      await closeConnection(client);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}
