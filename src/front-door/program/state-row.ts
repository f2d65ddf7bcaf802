import { setTimeout as delay } from 'node:timers/promises';

import { log, nameOf } from './log.ts';
import { openSession, type Session } from './postgres.ts';

export type State = 'hold' | 'forward';

export interface RowOptions {
  /** `undefined` when the dyno has no such config var. */
  url: string | undefined;
  migrationId: string;
  /** Called whenever the row was read, whether its state changed or not. */
  onState: (state: State) => void;
  signal?: AbortSignal;
}

const EVERY_MS = 100;
const LONGEST_READ_PAUSE_MS = 1_000;

/**
 * Follows the row in the old database over one connection, until the signal. What cannot be read changes
 * nothing: who forwarded forwards on, who held holds on.
 */
export async function followRow(options: RowOptions): Promise<void> {
  // As in src/front-door/state.ts, whose row it is. A migration's id holds letters, digits and hyphens.
  const sql = `SELECT state FROM heroku_to_digitalocean.front_door WHERE migration_id = '${options.migrationId.replaceAll("'", "''")}'`;
  let session: Session | undefined;
  let trouble = false;
  for (let pauseMs = EVERY_MS; options.signal?.aborted !== true;) {
    try {
      session ??= await openSession(options.url ?? '');
      const state = (await session.query(sql))[0]?.[0];
      if (state !== 'hold' && state !== 'forward') throw Object.assign(new Error(), { code: 'NO_ROW' });
      if (trouble) log('reads its state again');
      trouble = false;
      pauseMs = EVERY_MS;
      options.onState(state);
    } catch (error) {
      session?.close();
      session = undefined;
      if (!trouble) log(`cannot read its state (${nameOf(error)}) and goes on as it is`);
      trouble = true;
      pauseMs = Math.min(pauseMs * 2, LONGEST_READ_PAUSE_MS);
    }
    await delay(pauseMs);
  }
  session?.close();
}
