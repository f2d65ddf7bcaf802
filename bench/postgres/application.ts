import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

/** How many rows there are of each kind; the load picks among them. */
export interface Volume {
  organizations: number;
  users: number;
  products: number;
  orders: number;
  events: number;
  movements: number;
  documents: number;
  audits: number;
}

/** Measured with PostgreSQL 15, indexes included: a thousandth of each kind's rows for each megabyte. */
const PER_MEGABYTE: Volume = {
  organizations: 1,
  users: 40,
  products: 10,
  orders: 170,
  events: 550,
  movements: 330,
  documents: 4,
  audits: 1010,
};

/** In a database of `sizeBytes`, indexes included. */
export function volumeOf(sizeBytes: number): Volume {
  const rows = (perMegabyte: number): number => Math.max(20, Math.round((perMegabyte * sizeBytes) / 1e6));
  return {
    organizations: rows(PER_MEGABYTE.organizations),
    users: rows(PER_MEGABYTE.users),
    products: rows(PER_MEGABYTE.products),
    orders: rows(PER_MEGABYTE.orders),
    events: rows(PER_MEGABYTE.events),
    movements: rows(PER_MEGABYTE.movements),
    documents: rows(PER_MEGABYTE.documents),
    audits: rows(PER_MEGABYTE.audits),
  };
}

/**
 * Fills an empty database with an application's schema and about `sizeBytes` of rows and indexes, as the role of the
 * address, which owns everything. The rows depend on `sizeBytes` only. What can be made side by side is.
 */
export async function makeApplication(url: string, sizeBytes: number): Promise<void> {
  const volume = volumeOf(sizeBytes);
  await inSession(url, async (client) => {
    await client.query(sqlOf('tables.sql'));
    await client.query(PHRASES);
  });
  await sideBySide(url, [[AUDIT_LOGS(volume)], restOf(volume)]);
  const statements = statementsOf('keys.sql');
  const keys = statements.filter((sql) => /^ALTER TABLE \w+ ADD (PRIMARY KEY|UNIQUE)/.test(sql));
  const big = (sql: string): boolean => sql.includes(' audit_logs ');
  const indexes = statements.filter((sql) => sql.startsWith('CREATE INDEX'));
  const later = statements.filter((sql) => !keys.includes(sql) && !indexes.includes(sql));
  await sideBySide(url, [
    [...keys, ...indexes].filter(big),
    [...keys, ...indexes].filter((sql) => !big(sql)),
  ]);
  await inSession(url, async (client) => {
    for (const sql of later) await client.query(sql);
    await client.query('DROP TABLE phrases');
    // Hint bits and visibility are as in a database that has been there for a while: no copy pays for writing them.
    await client.query('VACUUM (ANALYZE)');
  });
}

function sqlOf(file: string): string {
  return readFileSync(fileURLToPath(new URL(`./${file}`, import.meta.url)), 'utf8');
}

/** A file without bodies of functions: every semicolon at the end of a line ends a statement. */
function statementsOf(file: string): string[] {
  return sqlOf(file)
    .split(/;\n/)
    .map((sql) => sql.replaceAll(/^--.*$/gm, '').trim())
    .filter((sql) => sql !== '');
}

async function inSession(url: string, body: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(SETTINGS);
    await client.query(PICK);
    await body(client);
  } finally {
    await client.end();
  }
}

async function sideBySide(url: string, lanes: string[][]): Promise<void> {
  const run = (lane: string[]): Promise<void> =>
    inSession(url, async (client) => {
      for (const sql of lane) await client.query(sql);
    });
  await Promise.all(lanes.map(run));
}

const SETTINGS = `
  SET synchronous_commit = off; SET timezone = 'UTC'; SET maintenance_work_mem = '256MB';
  SET search_path = public, heroku_ext`;

/** A number from 0 to n - 1 that depends on the row and on what it is for, the same in every run. */
const PICK = `
  CREATE FUNCTION pg_temp.pick(i bigint, salt integer, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS 'SELECT (hashint8extended(i, salt) & 9223372036854775807) % n'`;

const PHRASE_COUNT = 4_093;
const WORDS =
  'account address after amount because before billing branch button cancel carrier change charge client colour ' +
  'company confirm contact contract country coupon credit customer delay delivery deposit discount due email error ' +
  'every export failed field first gateway gift home import invoice item label late ledger letter limit line list ' +
  'manager message missing month morning move name new notice number offer office open order other owner package ' +
  'page paid parcel partner payment pending phone place plan please price product quantity question quote reason ' +
  'receipt record refund region reminder reply report request reserve result return review sale schedule second ' +
  'section service session setting share shipment shop signed size source stock store street subject support tax ' +
  'team ticket today total town transfer update urgent user value vendor version visit waiting warehouse week';

/** Sentences to make texts of: about as varied, and as compressible, as what people and programs write. */
const PHRASES = `
  CREATE UNLOGGED TABLE phrases AS
  SELECT n::integer AS n, initcap(words[1]) || ' ' || array_to_string(words[2:], ' ') || '.' AS text
    FROM generate_series(0, ${PHRASE_COUNT - 1}) AS n,
         LATERAL (SELECT array_agg((string_to_array('${WORDS}', ' '))[1 + pg_temp.pick(n * 64 + p, 1, ${WORDS.split(' ').length})]) AS words
                    FROM generate_series(1, (6 + pg_temp.pick(n, 2, 18))::integer) AS p) AS sentence;
  ANALYZE phrases`;

/** Row `i` of three years. */
const at = (count: number): string =>
  `timestamptz '2024-01-01 00:00+00' + i * (interval '1030 days' / ${count})`;
const phrase = (alias: string, salt: number): string =>
  `JOIN phrases ${alias} ON ${alias}.n = pg_temp.pick(i, ${salt}, ${PHRASE_COUNT})`;
const oneOf = (values: readonly string[], salt: number): string =>
  `(ARRAY[${values.map((value) => `'${value}'`).join(', ')}])[1 + pg_temp.pick(i, ${salt}, ${values.length})]`;

const AUDIT_LOGS = ({ organizations, users, orders, audits }: Volume): string => `
  INSERT INTO audit_logs (organization_id, user_id, subject_type, subject_id, action, request_id, address, changes,
                          message, created_at)
  SELECT 1 + pg_temp.pick(i, 10, ${organizations}), 1 + pg_temp.pick(i, 11, ${users}),
         ${oneOf(['Order', 'Order', 'Payment', 'Product', 'User'], 12)}, 1 + pg_temp.pick(i, 13, ${orders}),
         ${oneOf(['create', 'update', 'update', 'update', 'destroy'], 14)},
         md5('request' || i / 3)::uuid, inet '10.0.0.0' + pg_temp.pick(i, 15, 65536),
         jsonb_build_object('status', jsonb_build_array('placed', 'paid'),
                            'total', jsonb_build_array((pg_temp.pick(i, 16, 100000) / 100.0)::numeric(12, 2), NULL),
                            'note', a.text, 'by', md5(i::text)),
         CASE WHEN i % 4 > 0 THEN b.text END, ${at(audits)}
    FROM generate_series(1, ${audits}::bigint) AS i ${phrase('a', 17)} ${phrase('b', 18)}`;

function restOf({ organizations, users, products, orders, events, movements, documents }: Volume): string[] {
  return [
    `INSERT INTO schema_migrations SELECT 20240101000000 + i FROM generate_series(1, 200) AS i`,
    `INSERT INTO organizations (name, slug, owner_id, discount, settings, created_at)
     SELECT 'Company ' || i, 'company-' || i, 1 + i % ${users}, i % 30,
            jsonb_build_object('locale', ${oneOf(['de', 'en', 'fr', 'ja'], 20)}, 'theme', md5(i::text)),
            timestamp '2024-01-01' + i * interval '1 minute'
       FROM generate_series(1, ${organizations}::bigint) AS i`,
    `INSERT INTO users (organization_id, email, name, settings, last_address, last_seen_at, created_at, updated_at)
     SELECT 1 + i % ${organizations}, 'Customer.' || i || '@Example.com', 'Zoë Nº ' || i,
            jsonb_build_object('locale', ${oneOf(['de', 'en', 'fr', 'ja'], 21)}, 'newsletter', i % 3 = 0, 'token', md5(i::text)),
            inet '10.0.0.0' + i, CASE WHEN i % 3 = 0 THEN ${at(users)} END,
            timestamp '2024-01-01', timestamp '2024-01-01'
       FROM generate_series(1, ${users}::bigint) AS i`,
    `INSERT INTO memberships SELECT 1 + i % ${organizations}, i, ${oneOf(['admin', 'member', 'member'], 22)}
       FROM generate_series(1, ${users}::bigint) AS i`,
    `INSERT INTO addresses (user_id, street, town, postcode, location)
     SELECT i, initcap(left(a.text, 18)) || ' ' || i % 200, 'Town ' || i % 400, lpad((i % 99999)::text, 5, '0'),
            point(pg_temp.pick(i, 23, 180000) / 1000.0 - 90, pg_temp.pick(i, 24, 360000) / 1000.0 - 180)
       FROM generate_series(1, ${users}::bigint) AS i ${phrase('a', 25)}`,
    `INSERT INTO categories (parent_id, name, position)
     SELECT CASE WHEN i > 8 THEN 1 + i % 8 END, 'Category ' || i, i FROM generate_series(1, 60) AS i`,
    `INSERT INTO products (category_id, sku, title, description, price, stock, tags, attributes, updated_at)
     SELECT 1 + i % 60, 'SKU-' || lpad(i::text, 8, '0'), left(a.text, 60),
            CASE WHEN i % 10 > 0 THEN a.text || ' ' || b.text || ' ' || repeat(c.text || ' ', (1 + i % 4)::integer) END,
            (100 + pg_temp.pick(i, 26, 20000)) / 100.0, 1000000,
            ARRAY['tag' || i % 97, 'it''s', 'colour' || i % 13], jsonb_build_object('colour', md5(i::text), 'sizes', '["s", "m", "l"]'::jsonb),
            timestamp '2024-01-01'
       FROM generate_series(1, ${products}::bigint) AS i ${phrase('a', 27)} ${phrase('b', 28)} ${phrase('c', 29)}`,
    `INSERT INTO products_tags SELECT 1 + i % ${products}, 'tag' || i % 97 FROM generate_series(1, ${KEYLESS_ROWS}) AS i`,
    `INSERT INTO orders (organization_id, user_id, address_id, number, status, net, tax, metadata, placed_at, updated_at)
     SELECT 1 + user_id % ${organizations}, user_id, user_id, 'N-' || lpad(i::text, 10, '0'),
            ${oneOf(['placed', 'paid', 'shipped', 'shipped', 'cancelled'], 31)}::order_status,
            (100 + pg_temp.pick(i, 32, 50000)) / 100.0, (pg_temp.pick(i, 33, 9500)) / 100.0,
            jsonb_build_object('channel', ${oneOf(['web', 'app', 'phone'], 34)}, 'note', a.text), ${at(orders)}, timestamp '2026-10-20'
       FROM generate_series(1, ${orders}::bigint) AS i ${phrase('a', 35)},
            LATERAL (SELECT 1 + pg_temp.pick(i, 30, ${users}) AS user_id) AS buyer`,
    `INSERT INTO order_lines (order_id, position, product_id, quantity, unit_price)
     SELECT i, p, 1 + pg_temp.pick(i * 8 + p, 36, ${products}), 1 + i % 3, (100 + pg_temp.pick(i * 8 + p, 37, 20000)) / 100.0
       FROM generate_series(1, ${orders}::bigint) AS i CROSS JOIN LATERAL generate_series(1, 2 + i % 3) AS p`,
    `INSERT INTO payments (id, order_id, state, amount, gateway, created_at)
     SELECT md5('payment' || i)::uuid, i, 'captured', (100 + pg_temp.pick(i, 32, 50000)) / 100.0,
            jsonb_build_object('reference', md5('reference' || i), 'brand', ${oneOf(['visa', 'amex', 'sepa'], 38)}), ${at(orders)}
       FROM generate_series(1, ${orders}::bigint) AS i`,
    `INSERT INTO shipments (order_id, carrier, tracking, weight, expected)
     SELECT i, ${oneOf(['dhl', 'ups', 'post'], 39)}, upper(left(md5('shipment' || i), 16)),
            CASE i % 100 WHEN 0 THEN 'NaN' ELSE i % 977 / 7.0 END, tstzrange(${at(orders)}, ${at(orders)} + interval '3 days')
       FROM generate_series(1, ${orders}::bigint) AS i WHERE i % 4 > 0`,
    `INSERT INTO stock_movements (product_id, delta, reason, moved_at)
     SELECT 1 + pg_temp.pick(i, 40, ${products}), -1 - i % 3, ${oneOf(['sale', 'sale', 'return', 'count'], 41)}, ${at(movements)}
       FROM generate_series(1, ${movements}::bigint) AS i`,
    `INSERT INTO documents (order_id, kind, body, content)
     SELECT 1 + pg_temp.pick(i, 42, ${orders}), 'invoice', repeat(a.text || ' ' || b.text || ' ', 20),
            (SELECT string_agg(sha256(convert_to(i || '/' || p, 'UTF8')), '' ORDER BY p) FROM generate_series(1, 200 + i % 150) AS p)
       FROM generate_series(1, ${documents}::bigint) AS i ${phrase('a', 43)} ${phrase('b', 44)}`,
    `INSERT INTO events (at, user_id, name, payload)
     SELECT ${at(events)}, 1 + pg_temp.pick(i, 45, ${users}), ${oneOf(['page.viewed', 'cart.changed', 'search.done', 'user.signed_in'], 46)},
            jsonb_build_object('path', '/products/' || pg_temp.pick(i, 47, ${products}), 'term', left(a.text, 40), 'ms', pg_temp.pick(i, 48, 900))
       FROM generate_series(1, ${events}::bigint) AS i ${phrase('a', 49)}`,
  ];
}

const KEYLESS_ROWS = 5_000;
