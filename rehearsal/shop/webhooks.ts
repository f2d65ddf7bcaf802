import type pg from 'pg';
import { inTransaction } from './database.ts';
import type { Side } from './environment.ts';
import { isUuid } from './orders.ts';

export interface Delivery {
  /** The sender's; a delivery that comes again is processed once. */
  id: string;
  topic: string;
  body: unknown;
}

export function parseDelivery(body: unknown): Delivery | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { id, topic, body: content } = body as Record<string, unknown>;
  return isUuid(id) && typeof topic === 'string' ? { id, topic, body: content ?? {} } : undefined;
}

/** Processes a delivery in one transaction; when this has resolved it may be acknowledged. */
export async function processDelivery(
  pool: pg.Pool,
  side: Side,
  delivery: Delivery,
): Promise<'processed' | 'known'> {
  return inTransaction(pool, async (client) => {
    const { rowCount } = await client.query(
      `INSERT INTO webhook_deliveries (delivery_id, topic, body, side) VALUES ($1, $2, $3, $4)
       ON CONFLICT (delivery_id) DO NOTHING`,
      [delivery.id, delivery.topic, JSON.stringify(delivery.body), side],
    );
    if (rowCount === 0) return 'known';
    await client.query("INSERT INTO ledger_entries (kind, source_uuid, side) VALUES ('webhook', $1, $2)", [
      delivery.id,
      side,
    ]);
    return 'processed';
  });
}
