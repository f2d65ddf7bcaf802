import type pg from 'pg';
import type { CapturedTable } from './capture.ts';
import { quoteIdentifier } from './names.ts';

/** A captured table whose rows are told apart by a key. */
export type KeyedCapture = CapturedTable & { key: string[] };

/** The key's columns as one text, the same on both sides and in the log; it can be cast back to `text[]`. */
export function keyText(key: readonly string[], alias: string): string {
  return `(ARRAY[${key.map((column) => `${alias}.${quoteIdentifier(column)}::text`).join(', ')}])::text`;
}

/**
 * Those of the keys (as `keyText` writes them) that do not stand in the log: the side that is captured has neither
 * inserted, changed nor deleted such a row since the capture began or, what a drain takes away, has been followed in it.
 */
export async function notWrittenSince(
  client: pg.Client,
  { log, key }: KeyedCapture,
  keys: readonly string[],
): Promise<string[]> {
  // A row without a key says that the table was emptied: that explains everything.
  const { rows } = await client.query<{ key: string }>(
    `SELECT k.key FROM unnest($1::text[]) AS k (key)
      WHERE NOT EXISTS (SELECT FROM ${log} AS l WHERE ${keyText(key, 'l')} = k.key)
        AND NOT EXISTS (SELECT FROM ${log} AS l WHERE l.${quoteIdentifier(key[0] ?? '')} IS NULL)`,
    [keys],
  );
  return rows.map((row) => row.key);
}
