-- In this order by hand: what follows needs what stands before.
ALTER TABLE schema_migrations ADD PRIMARY KEY (version);
ALTER TABLE organizations ADD PRIMARY KEY (id);
ALTER TABLE users ADD PRIMARY KEY (id);
ALTER TABLE memberships ADD PRIMARY KEY (organization_id, user_id);
ALTER TABLE addresses ADD PRIMARY KEY (id);
ALTER TABLE categories ADD PRIMARY KEY (id);
ALTER TABLE products ADD PRIMARY KEY (id);
ALTER TABLE orders ADD PRIMARY KEY (id);
ALTER TABLE order_lines ADD PRIMARY KEY (id);
ALTER TABLE payments ADD PRIMARY KEY (id);
ALTER TABLE shipments ADD PRIMARY KEY (id);
ALTER TABLE stock_movements ADD PRIMARY KEY (id);
ALTER TABLE documents ADD PRIMARY KEY (id);
ALTER TABLE events ADD PRIMARY KEY (at, id);
ALTER TABLE audit_logs ADD PRIMARY KEY (id);

ALTER TABLE organizations ADD UNIQUE (slug);
ALTER TABLE users ADD UNIQUE (email);
ALTER TABLE products ADD UNIQUE (sku);
ALTER TABLE orders ADD UNIQUE (number);
ALTER TABLE order_lines ADD UNIQUE (order_id, position) DEFERRABLE;

ALTER TABLE products ADD CHECK (price >= 0);
ALTER TABLE orders ADD CHECK (net >= 0 AND tax >= 0);
ALTER TABLE order_lines ADD CHECK (quantity > 0);

ALTER TABLE organizations ADD FOREIGN KEY (owner_id) REFERENCES users DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE users ADD FOREIGN KEY (organization_id) REFERENCES organizations;
ALTER TABLE memberships ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE CASCADE;
ALTER TABLE memberships ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
ALTER TABLE addresses ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
ALTER TABLE categories ADD FOREIGN KEY (parent_id) REFERENCES categories;
ALTER TABLE products ADD FOREIGN KEY (category_id) REFERENCES categories;
ALTER TABLE orders ADD FOREIGN KEY (organization_id) REFERENCES organizations;
ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users;
ALTER TABLE orders ADD FOREIGN KEY (address_id) REFERENCES addresses ON UPDATE CASCADE ON DELETE SET NULL;
ALTER TABLE order_lines ADD FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE;
ALTER TABLE order_lines ADD FOREIGN KEY (product_id) REFERENCES products;
ALTER TABLE payments ADD FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE;
ALTER TABLE shipments ADD FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE;
ALTER TABLE stock_movements ADD FOREIGN KEY (product_id) REFERENCES products;
ALTER TABLE documents ADD FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE;

CREATE INDEX ON organizations (owner_id);
CREATE INDEX ON users (organization_id);
CREATE INDEX ON users (lower(name));
CREATE INDEX ON users (last_seen_at) WHERE last_seen_at IS NOT NULL;
CREATE INDEX ON memberships (user_id);
CREATE INDEX ON addresses (user_id);
CREATE INDEX ON addresses USING gist (location);
CREATE INDEX ON categories (parent_id);
CREATE INDEX ON products (category_id);
CREATE INDEX ON products USING gin (tags);
CREATE INDEX ON products USING gin (search);
CREATE INDEX ON products USING gin (title heroku_ext.gin_trgm_ops);
CREATE INDEX ON products_tags (product_id);
CREATE INDEX ON orders (organization_id, placed_at);
CREATE INDEX ON orders (user_id) INCLUDE (gross);
CREATE INDEX ON orders (address_id);
CREATE INDEX ON orders (placed_at) WHERE status = 'placed';
CREATE INDEX ON orders USING gin (metadata jsonb_path_ops);
CREATE INDEX ON order_lines (product_id);
CREATE INDEX ON payments (order_id);
CREATE INDEX ON payments ((gateway ->> 'reference'));
CREATE INDEX ON shipments (order_id);
CREATE INDEX ON shipments (tracking);
CREATE INDEX ON stock_movements (product_id, moved_at);
CREATE INDEX ON documents (order_id);
CREATE INDEX ON events (user_id);
CREATE INDEX ON events (name, at);
CREATE INDEX ON audit_logs (organization_id, created_at);
CREATE INDEX ON audit_logs (subject_type, subject_id);
CREATE INDEX ON audit_logs USING brin (created_at);

CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER products_touch BEFORE UPDATE ON products FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER orders_touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE VIEW open_orders AS SELECT id, number, gross FROM orders WHERE status IN ('placed', 'paid');
CREATE MATERIALIZED VIEW sales_by_category AS
  SELECT p.category_id, sum(l.total) AS total
    FROM order_lines l JOIN products p ON p.id = l.product_id GROUP BY p.category_id;
CREATE UNIQUE INDEX ON sales_by_category (category_id);
CREATE STATISTICS orders_by_user ON organization_id, user_id FROM orders;
