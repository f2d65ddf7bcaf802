import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { inTransaction, type Queryable } from './database.ts';
import type { Side } from './environment.ts';
import type { JobPayload } from './sidekiq-client.ts';

interface Run {
  client: Queryable;
  args: unknown[];
  /** 1 the first time. */
  attempt: number;
  /** Aborted when the worker has no more time for this job. */
  signal: AbortSignal;
}

type Job = (run: Run) => Promise<void>;

/** The shop's job classes by name. */
const jobs: Readonly<Record<string, Job>> = {
  /** Sends a receipt, which takes a moment, and captures the payment. */
  ReceiptJob: async ({ client, args, signal }) => {
    await delay(20, undefined, { signal });
    await client.query(
      `UPDATE payments SET state = 'captured' FROM orders o
       WHERE o.client_uuid = $1 AND payments.order_id = o.id`,
      [args[0]],
    );
  },
  /** The service that it asks is always down the first time. */
  FraudCheckJob: async ({ client, args, attempt }) => {
    if (attempt === 1) throw new Error('the fraud service did not answer');
    await client.query("UPDATE orders SET status = 'paid' WHERE client_uuid = $1", [args[0]]);
  },
  ShipmentJob: async ({ client, args }) => {
    await client.query("UPDATE orders SET status = 'shipped' WHERE client_uuid = $1", [args[0]]);
  },
  ReportJob: async ({ client, signal }) => {
    await client.query('SELECT count(*), sum(total) FROM open_orders');
    await delay(100, undefined, { signal });
  },
  /** Works for as many milliseconds as it is told to. */
  SlowJob: async ({ args, signal }) => {
    await delay(Number(args[0]), undefined, { signal });
  },
};

/**
 * Runs one job in one transaction, which also records the run: a job that was cut off leaves no trace, and one that is
 * recorded has had its effect.
 *
 * @throws what the job threw; the signal's reason when there was no more time for it
 */
export async function runJob(
  pool: pg.Pool,
  side: Side,
  payload: JobPayload,
  signal: AbortSignal,
): Promise<void> {
  const job = jobs[payload.class];
  if (!job) throw new Error(`uninitialized constant ${payload.class}`);
  const attempt = payload.retry_count === undefined ? 1 : payload.retry_count + 2;
  await inTransaction(pool, async (client) => {
    await job({ client, args: payload.args, attempt, signal });
    await client.query(
      'INSERT INTO job_runs (run_id, jid, class, side, attempt) VALUES ($1, $2, $3, $4, $5)',
      [randomUUID(), payload.jid, payload.class, side, attempt],
    );
    // From here on it is committed, whatever else happens: nobody else may run it again.
    signal.throwIfAborted();
  });
}
