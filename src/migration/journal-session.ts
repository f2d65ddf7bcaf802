import type pg from 'pg';

import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import type { PostgresAddress } from '../postgres/connect.ts';
import { closeConnection, connect } from '../postgres/connect.ts';
import { codeOf, connectionError, statementError } from '../postgres/errors.ts';

/** Runs one statement of a transaction; rows as objects. */
export type Query = <Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<Row[]>;

/**
 * A session of the journal that outlives its connection: a cluster that restarts or fails over while a phase runs is
 * met again, and the transaction is repeated. Bodies must therefore bear being run twice even when the first run was
 * committed.
 */
export interface JournalSession {
  transaction<T>(body: (query: Query) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface JournalSessionOptions {
  applicationName: string;
  /** How long a lost connection is sought again before the error is passed on. */
  patienceMs: number;
  statementTimeoutMs: number;
  clock?: Clock;
}

/** Connects at once, so that a wrong address is told before anything is begun; errors as in `connect`. */
export async function openSession(
  address: PostgresAddress,
  options: JournalSessionOptions,
): Promise<JournalSession> {
  const clock = options.clock ?? systemClock;
  let client: pg.Client | undefined = await connect(address, options);
  let last: Promise<unknown> = Promise.resolve();
  // When the journal fell silent: patience is for one outage, not for each transaction in it.
  let silentSince: number | undefined;
  let closed = false;

  async function once<T>(body: (query: Query) => Promise<T>): Promise<T> {
    const session = (client ??= await connect(address, options));
    try {
      await session.query('begin');
      const result = await body(
        async (sql, values = []) => (await session.query(sql, values)).rows as never[],
      );
      await session.query('commit');
      return result;
    } catch (error) {
      if (isLost(error)) {
        client = undefined;
        void closeConnection(session);
      } else {
        await session.query('rollback').catch(() => undefined);
      }
      throw error;
    }
  }

  async function patiently<T>(body: (query: Query) => Promise<T>): Promise<T> {
    for (let pause = 100; ; pause = Math.min(pause * 2, 2_000)) {
      try {
        const result = await once(body);
        silentSince = undefined;
        return result;
      } catch (error) {
        const now = clock.now().getTime();
        if (client === undefined) silentSince ??= now;
        else silentSince = undefined;
        if (silentSince === undefined || now - silentSince + pause > options.patienceMs) throw clean(error);
        await clock.sleep(pause);
      }
    }
  }

  const where = `the journal (${address.host}:${address.port}/${address.database})`;
  function clean(error: unknown): unknown {
    if (!isLost(error)) return statementError(error, where);
    return codeOf(error).startsWith('E') ? connectionError(error, where) : statementError(error, where);
  }

  return {
    transaction(body) {
      if (closed) return Promise.reject(new Error(`${where} was asked after it had been closed.`));
      // One connection carries one transaction at a time.
      const result = last.then(() => patiently(body));
      last = result.catch(() => undefined);
      return result;
    },
    async close() {
      closed = true;
      await last;
      if (client) await closeConnection(client);
      client = undefined;
    },
  };
}

/** Class 08 and 57P are the server's word for a session that is gone; the rest are the driver's and the socket's. */
function isLost(error: unknown): boolean {
  const code = codeOf(error);
  if (/^(08|57P0)/.test(code) || /^E[A-Z]+$/.test(code)) return true;
  return (
    error instanceof Error && /connection|not queryable|Client was closed/i.test(error.message) && code === ''
  );
}
