import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startProcess, type ServerProcess } from '../../rehearsal/servers/process.ts';
import { toolEnvironment } from '../../src/postgres/child.ts';
import type { PostgresAddress } from '../../src/postgres/connect.ts';
import type { Volume } from './application.ts';
import type { BenchServers } from './servers.ts';

export interface LoadOptions {
  servers: BenchServers;
  source: PostgresAddress;
  /** What the database was made with. */
  volume: Volume;
  directory: string;
  /** What is run, and how often relative to the others. */
  scripts: readonly { name: keyof typeof scripts; weight: number }[];
}

export interface LoadResult {
  transactions: number;
  perSecond: number;
}

/** An application's day: mostly orders, some changes, now and then what is hard to follow. */
export const MIXED = [
  { name: 'order', weight: 14 },
  { name: 'change', weight: 5 },
  { name: 'odd', weight: 1 },
] as const;

/** Sessions that write at the same time. */
const SESSIONS = 4;

/** pgbench's own language. What is not a parameter's type already needs a cast: statements are prepared. */
const scripts = {
  /** Nine rows in eight tables. */
  order: `
\\set user random(1, :users * 9 / 10)
\\set product random(1, :products)
\\set other random(1, :products)
\\set cents random(100, 90000)
BEGIN;
INSERT INTO orders (organization_id, user_id, address_id, number, net, tax, metadata, placed_at, updated_at)
  VALUES (1 + :user::bigint % :organizations::bigint, :user, (SELECT min(id) FROM addresses WHERE user_id = :user), gen_random_uuid(), :cents::numeric / 100, 1.9, '{"channel": "web"}', now(), now())
  RETURNING id AS order \\gset
INSERT INTO order_lines (order_id, position, product_id, quantity, unit_price) VALUES (:order, 1, :product, 1, 10.5), (:order, 2, :other, 2, 3);
INSERT INTO payments (order_id, state, amount, gateway, created_at)
  VALUES (:order, 'captured', :cents::numeric / 100, jsonb_build_object('reference', md5(:order::text), 'brand', 'visa'), now());
UPDATE products SET stock = stock - 1 WHERE id = :product;
INSERT INTO stock_movements (product_id, delta, reason, moved_at) VALUES (:product, -1, 'sale', now());
UPDATE users SET sign_in_count = sign_in_count + 1, last_seen_at = now() WHERE id = :user;
INSERT INTO events (at, user_id, name, payload) VALUES (now(), :user, 'order.placed', jsonb_build_object('order', :order::bigint));
INSERT INTO audit_logs (organization_id, user_id, subject_type, subject_id, action, request_id, changes, created_at)
  VALUES (1 + :user::bigint % :organizations::bigint, :user, 'Order', :order, 'create', gen_random_uuid(), jsonb_build_object('status', '["new", "placed"]'::jsonb, 'total', :cents::numeric / 100), now());
END;
`,
  change: `
\\set order random(1, :orders)
BEGIN;
UPDATE orders SET status = 'shipped' WHERE id = :order;
INSERT INTO shipments (order_id, carrier, tracking, weight) SELECT :order, 'post', upper(md5(:order::text)), 'NaN' WHERE EXISTS (SELECT FROM orders WHERE id = :order);
INSERT INTO audit_logs (organization_id, subject_type, subject_id, action, request_id, changes, created_at)
  VALUES (1, 'Order', :order, 'update', gen_random_uuid(), '{"status": ["paid", "shipped"], "total": 1.10}', now());
END;
`,
  /**
   * A changed key with a cascade, a delete, and a row in the table without a key. Addresses of users who order now keep
   * their keys, or an order could refer to one that is gone by the time that it is written.
   */
  odd: `
\\set order random(1, :orders)
\\set user random(:users * 9 / 10 + 1, :users)
BEGIN;
UPDATE addresses SET id = DEFAULT WHERE user_id = :user;
DELETE FROM order_lines WHERE order_id = :order AND position = 2;
INSERT INTO products_tags VALUES (1 + :order::bigint % :products::bigint, 'sale');
END;
`,
};

/** Writes about `perSecond` transactions a second until it is stopped. */
export async function startLoad(options: LoadOptions, perSecond: number): Promise<ServerProcess> {
  const lines: string[] = [];
  const load = await pgbench(options, ['-R', String(perSecond), '-T', '36000'], lines);
  void load.exited.then((code) => {
    // Stopping it is a signal, which has no code.
    if (code !== null && code !== 0) process.stderr.write(`The load ended: ${lines.slice(-5).join('\n')}\n`);
  });
  return load;
}

/** As many transactions as the machine can do in so many seconds, or so many at full speed. */
export async function runLoad(
  options: LoadOptions,
  amount: { seconds: number } | { transactions: number },
): Promise<LoadResult> {
  const lines: string[] = [];
  const limit =
    'seconds' in amount
      ? ['-T', String(amount.seconds)]
      : ['-t', String(Math.ceil(amount.transactions / SESSIONS))];
  const code = await (await pgbench(options, limit, lines)).exited;
  const text = lines.join('\n');
  const transactions = Number(/transactions actually processed: (\d+)/.exec(text)?.[1]);
  const perSecond = Number(/^tps = ([\d.]+)/m.exec(text)?.[1]);
  if (code !== 0 || Number.isNaN(transactions + perSecond)) throw new Error(`pgbench failed:\n${text}`);
  return { transactions, perSecond };
}

async function pgbench(
  { servers, source, volume, directory, scripts: wanted }: LoadOptions,
  limit: string[],
  lines: string[],
): Promise<ServerProcess> {
  const files = await Promise.all(
    wanted.map(async ({ name, weight }) => {
      const file = join(directory, `${name}.pgbench`);
      await writeFile(file, scripts[name]);
      return `${file}@${weight}`;
    }),
  );
  return startProcess(
    join(servers.bin, 'pgbench'),
    [
      ...['-n', '-M', 'prepared', '-c', String(SESSIONS), '-j', '1', '--max-tries', '10'],
      ...Object.entries(volume).flatMap(([name, count]: [string, number]) => ['-D', `${name}=${count}`]),
      ...files.flatMap((file) => ['-f', file]),
      ...limit,
    ],
    {
      env: {
        ...servers.environment,
        ...(await toolEnvironment(source, { applicationName: 'shop', directory })),
      },
      onLine: (line) => {
        lines.push(line);
        // One session less writes from then on.
        if (line.includes('aborted')) process.stderr.write(`${line}\n`);
      },
    },
  );
}
