import type pg from 'pg';
import type { Side } from './parity-side.ts';

/** A question to one side. */
export interface Task {
  /** What it reads, about. */
  bytes: number;
  /** Answers how many rows it looked at. */
  run: (client: pg.Client) => Promise<number>;
}

/** What is done of all tasks of both sides. */
export interface Done {
  bytes: number;
  rows: number;
}

/**
 * Does one side's tasks with all of its sessions, in the given order. When one fails the others end what they are at,
 * and the first failure is thrown.
 */
export async function work(side: Side, tasks: Task[], done: Done): Promise<void> {
  const queue = [...tasks];
  let failed = false;
  const worker = async (client: pg.Client): Promise<void> => {
    for (let task = queue.shift(); task !== undefined && !failed; task = queue.shift())
      try {
        done.rows += await task.run(client);
        done.bytes += task.bytes;
      } catch (thrown) {
        failed = true;
        throw thrown;
      }
  };
  const results = await Promise.allSettled(side.clients.map(worker));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
