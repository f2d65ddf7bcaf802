import { randomBytes } from 'node:crypto';
import { inTransaction, openPool } from './database.ts';
import { sideOf } from './environment.ts';
import { openRedis } from './redis.ts';
import { enqueueOnce } from './sidekiq-client.ts';

/**
 * What Heroku Scheduler and App Platform's scheduled jobs run: `node job.ts nightly-report`. Notes the firing and
 * enqueues its work: the push comes before the commit, so that a firing that is noted has always been enqueued.
 */
const names = ['nightly-report', 'sync-stock'];

async function fire(name: string): Promise<void> {
  const pool = openPool(process.env, 1);
  const redis = openRedis(process.env);
  const jid = randomBytes(12).toString('hex');
  try {
    await inTransaction(pool, async (client) => {
      await client.query('INSERT INTO schedule_runs (job, jid, side) VALUES ($1, $2, $3)', [
        name,
        jid,
        sideOf(process.env),
      ]);
      await enqueueOnce(redis, { jid, class: 'ReportJob', args: [name], queue: 'default' });
    });
    console.log(`${name}: enqueued ReportJob ${jid}`);
  } finally {
    redis.disconnect();
    await pool.end();
  }
}

// It takes a moment and is not worth cutting off; both platforms wait 30 s before they kill.
process.on('SIGTERM', () => console.log('SIGTERM: finishing first.'));
const name = process.argv[2] ?? '';
if (!names.includes(name)) {
  console.error(`Usage: node job.ts ${names.join('|')}`);
  process.exit(2);
}
try {
  await fire(name);
} catch (error) {
  console.error(`${name} failed: ${error instanceof Error ? error.message : 'unknown reason'}`);
  process.exitCode = 1;
}
