import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { databaseSettings, type Queryable } from './database.ts';
import { migrations } from './migrations.ts';

/** Ids 1…n of these exist in every seeded shop, however small. */
export const leastUsers = 200;
export const leastProducts = 60;

/**
 * Fills an empty database with the shop's schema and about `sizeMb` megabytes (indexes included) of three years of
 * orders. The rows depend on `sizeMb` and `seed` only. Where citext or pg_trgm are installed, in whatever schema, they
 * are used. The address is in the shop's own terms (`?sslmode=disable` for a server without TLS).
 */
export async function seedShop(url: string, sizeMb: number, seed: number): Promise<void> {
  const client = new pg.Client(databaseSettings({ DATABASE_URL: url }));
  await client.connect();
  try {
    await client.query(readFileSync(fileURLToPath(new URL('./schema.sql', import.meta.url)), 'utf8'));
    await useExtensions(client);
    // One worker, so that random() is asked in the same order each time.
    await client.query(
      "SET max_parallel_workers_per_gather = 0; SET synchronous_commit = off; SET timezone = 'UTC'",
    );
    await client.query('SELECT setseed($1)', [(seed % 1000) / 1000]);
    await insertCatalogue(client, sizeMb);
    await insertOrders(client, Math.max(100, ordersIn(sizeMb)));
    await insertMetadata(client);
    await client.query('ANALYZE');
  } finally {
    await client.end();
  }
}

/** Measured with PostgreSQL 15: one order with its lines, payment, audit event and index entries, and one that is booked. */
const perMegabyte = { orders: 1080, bookedOrders: 900 };
/**
 * Ledger entries have no key: once anything was written to such a table it is copied whole inside the window, and the
 * downtime grows with it under either strategy. Only so many orders are booked, as where books are closed: what grows here
 * with the size is what can be followed.
 */
const mostBookedOrders = 7200;

function ordersIn(sizeMb: number): number {
  const booked = Math.min(mostBookedOrders, sizeMb * perMegabyte.bookedOrders);
  return Math.round(booked + (sizeMb - booked / perMegabyte.bookedOrders) * perMegabyte.orders);
}

async function useExtensions(client: Queryable): Promise<void> {
  const { rows } = await client.query<{ name: string; schema: string }>(`
    SELECT e.extname AS name, quote_ident(n.nspname) AS schema
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname IN ('citext', 'pg_trgm')`);
  for (const { name, schema } of rows) {
    if (name === 'citext') {
      // Only a view's definition stands in the way of changing a column's type.
      await client.query(`
        CREATE TEMPORARY TABLE definition AS SELECT pg_get_viewdef('open_orders'::regclass) AS sql;
        DROP VIEW open_orders;
        ALTER TABLE users ALTER COLUMN email TYPE ${schema}.citext;
        DO $$ BEGIN EXECUTE 'CREATE VIEW open_orders AS ' || (SELECT sql FROM definition); END $$;
        DROP TABLE definition`);
    } else {
      await client.query(
        `CREATE INDEX index_products_on_title ON products USING gin (title ${schema}.gin_trgm_ops)`,
      );
    }
  }
}

async function insertCatalogue(client: Queryable, sizeMb: number): Promise<void> {
  await client.query(
    `INSERT INTO users (email, name, settings, last_address, deleted_at, created_at, updated_at)
     SELECT format('Customer.%s@Example.com', i), format('Customer Nº %s – Zoë', i),
       jsonb_build_object('locale', (ARRAY['de', 'en', 'fr', 'ja'])[1 + floor(random() * 4)::int], 'newsletter', random() < 0.3),
       ('10.' || floor(random() * 255) || '.0.' || floor(random() * 255))::inet,
       CASE WHEN i > $2 AND random() < 0.02 THEN timestamp '2026-03-01' END,
       timestamp '2024-01-01' + i * interval '1 minute', timestamp '2024-01-01' + i * interval '1 minute'
     FROM generate_series(1, $1::int) AS i`,
    [Math.max(leastUsers, sizeMb * 20), leastUsers],
  );
  await client.query(`
    INSERT INTO categories (parent_id, name, position)
    SELECT CASE WHEN i > 4 THEN 1 + i % 4 END, 'Category ' || i, i FROM generate_series(1, 12) AS i`);
  await client.query(
    `INSERT INTO products (category_id, sku, title, description, price, tags, attributes, thumbnail,
       weight_grams, created_at, updated_at)
     SELECT 1 + i % 12, 'SKU-' || lpad(i::text, 6, '0'), 'Product ' || i || E' "quoted"\\ttabbed \\\\N',
       CASE WHEN random() < 0.9 THEN repeat(md5(random()::text) || ' soft cotton ', 1 + floor(random() * 20)::int) END,
       round((1 + random() * 200)::numeric, 2), ARRAY['tag' || i % 7, 'it''s', NULL],
       jsonb_build_object('colour', md5(random()::text), 'sizes', jsonb_build_array('s', 'm', 'l')),
       CASE WHEN i % 3 = 0 THEN decode(repeat(md5(random()::text), 60), 'hex') END,
       CASE WHEN i % 50 = 0 THEN 'NaN' ELSE random() * 1000 END, timestamp '2024-01-01', timestamp '2024-01-01'
     FROM generate_series(1, $1::int) AS i`,
    [Math.max(leastProducts, sizeMb * 10)],
  );
  await client.query(
    "INSERT INTO inventory SELECT id, 1000000, 0, timestamp '2024-01-01' FROM products ORDER BY id",
  );
}

/** Line `p` of order `i`, the same wherever it is asked for. */
const quantity = '(1 + i % 3)';
const unitPrice = '(((i * 37 + p * 911) % 20000 + 100) / 100.0)::numeric(12, 2)';

async function insertOrders(client: Queryable, count: number): Promise<void> {
  // Counting order by order is slow; one statement does the same at the end.
  await client.query('ALTER TABLE orders DISABLE TRIGGER USER');
  await client.query(
    `INSERT INTO orders (client_uuid, user_id, status, total, metadata, placed_at, updated_at)
     SELECT md5('order' || random() || i)::uuid, 1 + floor(random() * $2)::int,
       (ARRAY['placed', 'paid', 'shipped', 'shipped', 'cancelled'])[1 + floor(random() * 5)::int]::order_status,
       (SELECT sum(${quantity} * ${unitPrice}) FROM generate_series(1, 1 + i % 3) AS p),
       jsonb_build_object('channel', 'web', 'note', md5(random()::text)),
       timestamptz '2024-01-02Z' + i * (interval '1020 days' / $1::int), timestamp '2026-10-20'
     FROM generate_series(1, $1::int) AS i`,
    [count, leastUsers],
  );
  await client.query(
    `INSERT INTO order_lines (order_id, position, product_id, quantity, unit_price)
     SELECT i, p, 1 + (i * 7 + p * 13) % $1::int, ${quantity}, ${unitPrice}
     FROM generate_series(1, $2::int) AS i CROSS JOIN LATERAL generate_series(1, 1 + i % 3) AS p`,
    [leastProducts, count],
  );
  await client.query(`
    INSERT INTO payments (id, order_id, state, amount, gateway, created_at)
    SELECT md5('payment' || client_uuid)::uuid, id, 'captured', total,
      jsonb_build_object('reference', md5(client_uuid::text)), placed_at
    FROM orders ORDER BY id;
    INSERT INTO ledger_entries (kind, source_uuid, amount, side, booked_at)
    SELECT 'order', client_uuid, total, side, placed_at FROM orders WHERE id > ${count - mostBookedOrders} ORDER BY id;
    INSERT INTO audit_events (subject_type, subject_id, action, details, created_at)
    SELECT 'Order', id, 'placed', jsonb_build_object('total', total), placed_at FROM orders ORDER BY id;
    UPDATE users u SET orders_count = c.n
    FROM (SELECT user_id, count(*) AS n FROM orders GROUP BY user_id) c WHERE c.user_id = u.id;
    ALTER TABLE orders ENABLE TRIGGER USER`);
}

async function insertMetadata(client: Queryable): Promise<void> {
  await client.query('INSERT INTO schema_migrations SELECT unnest($1::varchar[])', [
    migrations.map(({ version }) => version),
  ]);
  await client.query(`
    INSERT INTO ar_internal_metadata
    VALUES ('environment', 'production', timestamp '2024-01-01', timestamp '2024-01-01')`);
}
