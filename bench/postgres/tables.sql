-- What an application of some years has grown: 18 tables with rows, one of them (audit_logs) about half of everything.
-- Keys and indexes come after the rows, in keys.sql.
CREATE SCHEMA heroku_ext;
CREATE EXTENSION citext SCHEMA heroku_ext;
CREATE EXTENSION pg_trgm SCHEMA heroku_ext;

CREATE TYPE order_status AS ENUM ('placed', 'paid', 'shipped', 'cancelled');
CREATE DOMAIN percentage AS numeric(5, 2) CHECK (VALUE BETWEEN 0 AND 100);

CREATE TABLE schema_migrations (version varchar NOT NULL);

CREATE TABLE organizations (
  id bigserial,
  name text NOT NULL,
  slug text NOT NULL,
  owner_id bigint,
  discount percentage NOT NULL DEFAULT 0,
  settings jsonb NOT NULL DEFAULT '{}',
  created_at timestamp NOT NULL
);

CREATE TABLE users (
  id bigserial,
  organization_id bigint NOT NULL,
  email heroku_ext.citext NOT NULL,
  name text NOT NULL,
  settings jsonb NOT NULL DEFAULT '{}',
  last_address inet,
  sign_in_count integer NOT NULL DEFAULT 0,
  last_seen_at timestamptz,
  created_at timestamp NOT NULL,
  updated_at timestamp NOT NULL
);

CREATE TABLE memberships (
  organization_id bigint NOT NULL,
  user_id bigint NOT NULL,
  role text NOT NULL
);

CREATE TABLE addresses (
  id bigserial,
  user_id bigint NOT NULL,
  street text NOT NULL,
  town text NOT NULL,
  postcode text NOT NULL,
  location point
);

CREATE TABLE categories (
  id bigserial,
  parent_id bigint,
  name text NOT NULL,
  position integer NOT NULL
);

CREATE TABLE products (
  id bigserial,
  category_id bigint NOT NULL,
  sku text NOT NULL,
  title text NOT NULL,
  description text,
  price numeric(12, 2) NOT NULL,
  stock integer NOT NULL DEFAULT 0,
  tags text[] NOT NULL DEFAULT '{}',
  attributes jsonb NOT NULL DEFAULT '{}',
  search tsvector GENERATED ALWAYS AS (to_tsvector('english', title || ' ' || coalesce(description, ''))) STORED,
  updated_at timestamp NOT NULL
);

-- As `create_join_table` makes it: no key at all. It does not grow with the rest.
CREATE TABLE products_tags (
  product_id bigint NOT NULL,
  tag text NOT NULL
);

CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY,
  organization_id bigint NOT NULL,
  user_id bigint NOT NULL,
  address_id bigint,
  number text NOT NULL,
  status order_status NOT NULL DEFAULT 'placed',
  net numeric(12, 2) NOT NULL,
  tax numeric(12, 2) NOT NULL,
  gross numeric(12, 2) GENERATED ALWAYS AS (net + tax) STORED,
  metadata jsonb NOT NULL DEFAULT '{}',
  placed_at timestamptz NOT NULL,
  updated_at timestamp NOT NULL
);

CREATE TABLE order_lines (
  id bigserial,
  order_id bigint NOT NULL,
  position integer NOT NULL,
  product_id bigint NOT NULL,
  quantity integer NOT NULL,
  unit_price numeric(12, 2) NOT NULL,
  total numeric(14, 2) GENERATED ALWAYS AS (quantity * unit_price) STORED
);

CREATE TABLE payments (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  order_id bigint NOT NULL,
  state text NOT NULL,
  amount numeric(12, 2) NOT NULL,
  gateway jsonb NOT NULL,
  created_at timestamptz NOT NULL
);

CREATE TABLE shipments (
  id bigserial,
  order_id bigint NOT NULL,
  carrier text NOT NULL,
  tracking text NOT NULL,
  weight double precision,
  expected tstzrange
);

CREATE TABLE stock_movements (
  id bigserial,
  product_id bigint NOT NULL,
  delta integer NOT NULL,
  reason text NOT NULL,
  moved_at timestamptz NOT NULL
);

CREATE TABLE documents (
  id bigserial,
  order_id bigint NOT NULL,
  kind text NOT NULL,
  body text NOT NULL,
  content bytea NOT NULL
);

CREATE TABLE events (
  id bigserial,
  at timestamptz NOT NULL,
  user_id bigint NOT NULL,
  name text NOT NULL,
  payload jsonb NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01 00:00+00') TO ('2025-01-01 00:00+00');
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2026-01-01 00:00+00');
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01 00:00+00') TO (MAXVALUE);

CREATE TABLE audit_logs (
  id bigserial,
  organization_id bigint NOT NULL,
  user_id bigint,
  subject_type text NOT NULL,
  subject_id bigint NOT NULL,
  action text NOT NULL,
  request_id uuid NOT NULL,
  address inet,
  changes jsonb NOT NULL,
  message text,
  created_at timestamptz NOT NULL
);

CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := statement_timestamp() AT TIME ZONE 'UTC';
  RETURN NEW;
END
$$;
