import type { Queryable } from '../shop/database.ts';
import type { Acknowledgement } from './ledger.ts';

export interface WritesFound {
  found: number;
  /** `order <uuid>: <what is not there>` */
  missing: string[];
  /** `order <uuid>: <how often>`, or that both sides did it */
  doubled: string[];
}

const chunkSize = 5000;

/**
 * Looks for every acknowledged write, with all its parts, and for anything at all that was booked more than once: there, or
 * once on each side.
 */
export async function findWrites(
  client: Queryable,
  acknowledged: Acknowledgement[],
  other?: Queryable,
): Promise<WritesFound> {
  const orders = unique(acknowledged, 'order');
  const webhooks = unique(acknowledged, 'webhook');
  const missing = [
    ...(await eachChunk(orders, (uuids) => incompleteOrders(client, uuids))),
    ...(await eachChunk(webhooks, (uuids) => missingDeliveries(client, uuids))),
  ];
  return {
    found: orders.length + webhooks.length - missing.length,
    missing,
    doubled: [...(await doubledWrites(client)), ...(other ? await bookedOnBothSides([client, other]) : [])],
  };
}

function unique(acknowledged: Acknowledgement[], kind: Acknowledgement['kind']): string[] {
  return [...new Set(acknowledged.filter((entry) => entry.kind === kind).map(({ uuid }) => uuid))];
}

async function eachChunk(uuids: string[], look: (uuids: string[]) => Promise<string[]>): Promise<string[]> {
  const found: string[] = [];
  for (let from = 0; from < uuids.length; from += chunkSize) {
    found.push(...(await look(uuids.slice(from, from + chunkSize))));
  }
  return found;
}

/** One transaction wrote all five: an order of which only a part arrived is as bad as one that did not. */
async function incompleteOrders(client: Queryable, uuids: string[]): Promise<string[]> {
  const { rows } = await client.query<{ uuid: string; lacks: string }>(
    `SELECT a.uuid, CASE
         WHEN o.id IS NULL THEN 'the order'
         WHEN NOT EXISTS (SELECT FROM order_lines l WHERE l.order_id = o.id) THEN 'its lines'
         WHEN o.total IS DISTINCT FROM (SELECT sum(l.quantity * l.unit_price) FROM order_lines l WHERE l.order_id = o.id)
           THEN 'some of its lines'
         WHEN NOT EXISTS (SELECT FROM payments p WHERE p.order_id = o.id) THEN 'its payment'
         WHEN NOT EXISTS (SELECT FROM ledger_entries e WHERE e.source_uuid = a.uuid) THEN 'its ledger entry'
         WHEN NOT EXISTS (SELECT FROM audit_events e WHERE e.subject_type = 'Order' AND e.subject_id = o.id)
           THEN 'its audit event'
       END AS lacks
     FROM unnest($1::uuid[]) AS a (uuid) LEFT JOIN orders o ON o.client_uuid = a.uuid`,
    [uuids],
  );
  return rows.filter(({ lacks }) => lacks).map(({ uuid, lacks }) => `order ${uuid}: ${lacks}`);
}

async function missingDeliveries(client: Queryable, uuids: string[]): Promise<string[]> {
  const { rows } = await client.query<{ uuid: string }>(
    `SELECT a.uuid FROM unnest($1::uuid[]) AS a (uuid)
     WHERE NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.delivery_id = a.uuid)
       OR NOT EXISTS (SELECT FROM ledger_entries e WHERE e.source_uuid = a.uuid)`,
    [uuids],
  );
  return rows.map(({ uuid }) => `webhook ${uuid}: the delivery`);
}

/** Also writes that nobody acknowledged: whatever was booked twice was done twice. */
async function doubledWrites(client: Queryable): Promise<string[]> {
  const { rows } = await client.query<{ kind: string; uuid: string; times: number }>(`
    SELECT kind, source_uuid AS uuid, count(*)::int AS times FROM ledger_entries
    GROUP BY kind, source_uuid HAVING count(*) > 1
    UNION ALL
    SELECT 'order', client_uuid, count(*)::int FROM orders GROUP BY client_uuid HAVING count(*) > 1`);
  return [...new Map(rows.map((row) => [`${row.kind} ${row.uuid}`, row.times]))].map(
    ([write, times]) => `${write}: ${times} times`,
  );
}

/**
 * What each side did itself, by its id: its row says which side that was, wherever the row was copied to. Found from the
 * new side's own rows, which are few.
 */
async function bookedOnBothSides(sides: readonly Queryable[]): Promise<string[]> {
  const ids = (rows: { uuid: string }[]): string[] => rows.map(({ uuid }) => uuid);
  const bookedByNewSide = await Promise.all(
    sides.map((side) =>
      side.query<{ uuid: string }>(
        `SELECT source_uuid AS uuid FROM ledger_entries WHERE side = 'digitalocean'`,
      ),
    ),
  );
  const uuids = [...new Set(bookedByNewSide.flatMap(({ rows }) => ids(rows)))];
  const byHerokuToo = await Promise.all(
    sides.map((side) =>
      eachChunk(uuids, async (chunk) => {
        const { rows } = await side.query<{ uuid: string }>(
          `SELECT kind || ' ' || source_uuid AS uuid FROM ledger_entries
           WHERE source_uuid = ANY ($1::uuid[]) AND side = 'heroku'`,
          [chunk],
        );
        return ids(rows);
      }),
    ),
  );
  return [...new Set(byHerokuToo.flat())].map((write) => `${write}: by both sides`);
}
