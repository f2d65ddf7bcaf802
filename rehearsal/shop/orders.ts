import type { Redis } from 'ioredis';
import type pg from 'pg';
import { inTransaction, type Queryable } from './database.ts';
import type { Side } from './environment.ts';
import { enqueueOnce, jobIdFor, type NewJob } from './sidekiq-client.ts';

export interface OrderRequest {
  /** Chosen by the client; sending the same one again makes no second order. */
  uuid: string;
  userId: number;
  lines: { productId: number; quantity: number }[];
}

/** What came over the wire as an order, or undefined when it is none. */
export function parseOrder(body: unknown): OrderRequest | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { uuid, userId, lines } = body as Record<string, unknown>;
  if (!isUuid(uuid) || !isPositive(userId) || !Array.isArray(lines) || lines.length === 0) return undefined;
  const parsed: OrderRequest['lines'] = [];
  for (const line of lines as unknown[]) {
    const { productId, quantity } = (line ?? {}) as Record<string, unknown>;
    if (!isPositive(productId) || !isPositive(quantity)) return undefined;
    parsed.push({ productId, quantity });
  }
  return { uuid, userId, lines: parsed };
}

export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value);
}

function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/**
 * Takes an order: one transaction over order, lines, payment, stock, audit and ledger, then its job. When this has
 * resolved the order may be acknowledged. Sent again, it changes nothing but makes sure that the job was enqueued.
 */
export async function placeOrder(
  { pool, redis, side }: { pool: pg.Pool; redis: Redis; side: Side },
  request: OrderRequest,
): Promise<'placed' | 'known'> {
  const id = await inTransaction(pool, (client) => insertOrder(client, request, side));
  await enqueueOnce(redis, jobOfOrder(request.uuid));
  return id === undefined ? 'known' : 'placed';
}

async function insertOrder(
  client: Queryable,
  request: OrderRequest,
  side: Side,
): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>(
    `INSERT INTO orders (client_uuid, user_id, side) VALUES ($1, $2, $3)
     ON CONFLICT (client_uuid) DO NOTHING RETURNING id`,
    [request.uuid, request.userId, side],
  );
  const id = rows[0]?.id;
  if (id === undefined) return undefined;

  const products = request.lines.map(({ productId }) => productId);
  const quantities = request.lines.map(({ quantity }) => quantity);
  // Always in the same order, so that two orders for the same products wait for each other and do not deadlock.
  await client.query(
    'SELECT FROM inventory WHERE product_id = ANY ($1::bigint[]) ORDER BY product_id FOR UPDATE',
    [products],
  );
  await client.query(
    `UPDATE inventory i SET reserved = i.reserved + l.quantity
     FROM (SELECT product_id, sum(quantity) AS quantity
           FROM unnest($1::bigint[], $2::int[]) AS l (product_id, quantity) GROUP BY product_id) l
     WHERE l.product_id = i.product_id`,
    [products, quantities],
  );
  await client.query(
    `INSERT INTO order_lines (order_id, position, product_id, quantity, unit_price)
     SELECT $1, l.position, l.product_id, l.quantity, p.price
     FROM unnest($2::bigint[], $3::int[]) WITH ORDINALITY AS l (product_id, quantity, position)
     JOIN products p ON p.id = l.product_id`,
    [id, products, quantities],
  );
  await client.query(
    `WITH priced AS (
       UPDATE orders SET total = (SELECT sum(quantity * unit_price) FROM order_lines WHERE order_id = $1)
       WHERE id = $1 RETURNING id, client_uuid, total
     ), paid AS (
       INSERT INTO payments (order_id, amount, gateway)
       SELECT id, total, jsonb_build_object('side', $2::text) FROM priced
     ), audited AS (
       INSERT INTO audit_events (subject_type, subject_id, action, details)
       SELECT 'Order', id, 'placed', jsonb_build_object('total', total) FROM priced
     )
     INSERT INTO ledger_entries (kind, source_uuid, amount, side) SELECT 'order', client_uuid, total, $2::text FROM priced`,
    [id, side],
  );
  return id;
}

/** Every order has exactly one job; which kind follows from its uuid: most run at once, some fail first, some wait. */
export function jobOfOrder(uuid: string): NewJob {
  const jid = jobIdOfOrder(uuid);
  const kind = Number.parseInt(jid.slice(0, 2), 16) % 8;
  if (kind === 0) return { jid, class: 'FraudCheckJob', args: [uuid], queue: 'critical' };
  if (kind === 1) return { jid, class: 'ShipmentJob', args: [uuid], queue: 'default', in: 2 };
  return { jid, class: 'ReceiptJob', args: [uuid], queue: 'default' };
}

export function jobIdOfOrder(uuid: string): string {
  return jobIdFor(`order:${uuid}`);
}

export async function findOrder(pool: pg.Pool, uuid: string): Promise<Record<string, unknown> | undefined> {
  const { rows } = await pool.query<Record<string, unknown>>(
    `SELECT o.client_uuid AS uuid, o.number, o.status, o.total, o.side, count(l.*)::int AS lines
     FROM orders o LEFT JOIN order_lines l ON l.order_id = o.id
     WHERE o.client_uuid = $1 GROUP BY o.id`,
    [uuid],
  );
  return rows[0];
}
