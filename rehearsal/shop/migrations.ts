/** A step of the schema's history. `schema.sql` already holds all of them, so none is pending after a seed. */
export interface Migration {
  version: string;
  sql: string;
}

export const migrations: readonly Migration[] = [
  {
    version: '20240211093000',
    sql: 'CREATE INDEX IF NOT EXISTS index_order_lines_on_product_id ON order_lines (product_id)',
  },
  {
    version: '20250604141500',
    sql: 'ALTER TABLE users ADD COLUMN IF NOT EXISTS orders_count integer NOT NULL DEFAULT 0',
  },
  {
    version: '20260118080000',
    sql: "CREATE INDEX IF NOT EXISTS index_orders_on_placed ON orders (placed_at) WHERE status = 'placed'",
  },
];
