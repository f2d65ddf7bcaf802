import { inTransaction, openPool } from './database.ts';
import { migrations } from './migrations.ts';

/** The release phase: runs the migrations that the database has not seen. With none pending it writes nothing. */
async function migrate(): Promise<void> {
  const pool = openPool(process.env, 1);
  try {
    const { rows } = await pool.query<{ version: string }>('SELECT version FROM schema_migrations');
    const known = new Set(rows.map(({ version }) => version));
    const pending = migrations.filter(({ version }) => !known.has(version));
    for (const { version, sql } of pending) {
      await inTransaction(pool, async (client) => {
        // Two releases at once: the second one waits and then finds nothing left to do.
        await client.query("SELECT pg_advisory_xact_lock(hashtext('shop migrations'))");
        const done = await client.query('SELECT FROM schema_migrations WHERE version = $1', [version]);
        if (done.rowCount !== 0) return;
        await client.query(sql);
        await client.query('INSERT INTO schema_migrations (version) VALUES ($1)', [version]);
      });
      console.log(`Migrated ${version}.`);
    }
    if (pending.length === 0) console.log('No migration is pending.');
  } finally {
    await pool.end();
  }
}

try {
  await migrate();
} catch (error) {
  console.error(`The release failed: ${error instanceof Error ? error.message : 'unknown reason'}`);
  process.exitCode = 1;
}
