import { hashOfText, type HashFunction } from './parity-hash.ts';
import { both, type Side } from './parity-side.ts';
import { differingRows, type Differences } from './parity-differences.ts';
import { added, NOTHING, type Sum } from './parity-sums.ts';
import type { Task } from './parity-work.ts';

/** Under which large objects stand among the tables. */
export const LARGE_OBJECTS = 'large objects';

/** Read piece by piece, since one may be larger than a value can be. */
const PIECE_BYTES = 1_048_576;
/** Numbers in one question: of objects, most of which are small. */
const OBJECTS = 500;

/** Numbers of all large objects; the catalogue of them is readable by everyone, their content by their owner. */
export async function readLargeObjects(side: Side): Promise<string[]> {
  const { rows } = await side.clients[0].query<{ oid: string }>(
    'SELECT oid::text FROM pg_catalog.pg_largeobject_metadata ORDER BY oid',
  );
  return rows.map((row) => row.oid);
}

/** The tasks that sum up these large objects, in pieces of some hundred. */
export function tasksOfLargeObjects(
  numbers: string[],
  hash: HashFunction,
  onSum: (sum: Sum) => void,
): Task[] {
  const slices = Array.from({ length: Math.ceil(numbers.length / OBJECTS) }, (_, index) =>
    numbers.slice(index * OBJECTS, (index + 1) * OBJECTS),
  );
  if (slices.length === 0) onSum(NOTHING);
  let whole = NOTHING;
  let left = slices.length;
  return slices.map((slice) => ({
    bytes: 0,
    run: async (client) => {
      const { rows } = await client.query<{ hash: string }>(
        `SELECT COALESCE(pg_catalog.sum(h), 0)::text AS hash FROM (${hashedObjects(hash)}) AS hashed`,
        [slice],
      );
      whole = added(whole, {
        rows: slice.length,
        looked: slice.length,
        hash: BigInt(rows[0]?.hash ?? '0'),
      });
      left -= 1;
      if (left === 0) onSum(whole);
      return slice.length;
    },
  }));
}

/** Names the large objects that differ. */
export async function findLargeObjects(source: Side, target: Side, hash: HashFunction): Promise<Differences> {
  const fetch = async (side: Side): Promise<{ key: string[]; h: string; times: string }[]> => {
    const numbers = await readLargeObjects(side);
    const found: { key: string[]; h: string; times: string }[] = [];
    for (let start = 0; start < numbers.length; start += OBJECTS) {
      const { rows } = await side.clients[0].query<{ oid: string; hash: string }>(
        `SELECT oid, pg_catalog.sum(h)::text AS hash FROM (${hashedObjects(hash)}) AS hashed GROUP BY oid`,
        [numbers.slice(start, start + OBJECTS)],
      );
      for (const row of rows) found.push({ key: [row.oid], h: row.hash, times: '1' });
    }
    return found;
  };
  const [left, right] = await both(fetch(source), fetch(target));
  return differingRows(['large object'], left, right);
}

/**
 * A hash for each piece of each object of `$1`, with its number, its place and the object's length. A descriptor tells
 * the length (262144 opens for reading, 2 seeks to the end; "Client Interfaces" of the manual's chapter on large objects).
 */
function hashedObjects(hash: HashFunction): string {
  const content = `pg_catalog.concat_ws(':', sized.oid, sized.bytes, piece.start,
                     pg_catalog.md5(pg_catalog.lo_get(sized.oid::pg_catalog.oid, piece.start, ${PIECE_BYTES})))`;
  return `SELECT sized.oid, ${hashOfText(content, hash)} AS h
            FROM (SELECT opened.oid, pg_catalog.lo_lseek64(opened.fd, 0, 2) AS bytes, pg_catalog.lo_close(opened.fd) AS closed
                    FROM (SELECT number AS oid, pg_catalog.lo_open(number::pg_catalog.oid, 262144) AS fd
                            FROM pg_catalog.unnest($1::text[]) AS number OFFSET 0) AS opened OFFSET 0) AS sized
           CROSS JOIN LATERAL pg_catalog.generate_series(0::bigint, GREATEST(sized.bytes - 1, 0), ${PIECE_BYTES}) AS piece(start)`;
}
