import type pg from 'pg';
import type { Log } from '../log.ts';
import { copyIn, copyOut, type Chunk, type TableToCopy } from './chunks.ts';
import { emptyTables, noteChunk, readCopied, type CopiedChunk } from './copied.ts';
import { closeConnection, connect, describeAddress, type PostgresAddress } from './connect.ts';
import { codeOf, statementError } from './errors.ts';
import { pipeCopy } from './pipe.ts';
import { applicationName } from './settle.ts';
import { asSnapshotLost, beginInSnapshot, SnapshotLostError, type Snapshot } from './snapshot.ts';
import { holdEpoch, holdEpochStatement, holdSharedStatement, refuseEpoch, type Run } from './stamp.ts';

export interface PairOptions extends Run {
  source: PostgresAddress;
  /** The role that may write. */
  loader: PostgresAddress;
  snapshot: Snapshot;
  /** Which of several runners this is; only the first, which holds the snapshot, commits whatever `shareSnapshot` says. */
  shard?: number;
  log: Log;
  signal?: AbortSignal;
}

/** Rewritten: the table was, or it was emptied, on the source; nothing of the chunk was kept. */
export type ChunkOutcome = { rows: number; bytes: number } | 'rewritten';

/** Reading: no plan but the range of pages, one process, no compilation (the statement is simple and the rows are many). */
const SOURCE_SETTINGS = {
  enable_seqscan: 'off',
  enable_tidscan: 'on',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  synchronize_seqscans: 'off',
};

/** A crash of the server may lose the last chunks, together with the rows that say they are there. */
const TARGET_SETTINGS = { synchronous_commit: 'off' };

/** A session on each side that copy one chunk after the other, each in a transaction of its own on both sides. */
export class Pair {
  readonly #options: PairOptions;
  readonly #source: pg.Client;
  readonly #target: pg.Client;
  #begun = { source: false, target: false };

  private constructor(options: PairOptions, source: pg.Client, target: pg.Client) {
    this.#options = options;
    this.#source = source;
    this.#target = target;
  }

  static async open(options: PairOptions): Promise<Pair> {
    const session = {
      applicationName: applicationName(options.migrationId, options.epoch, options.shard),
      log: options.log,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
    const opened = await Promise.allSettled([
      openSession(options.source, session, SOURCE_SETTINGS),
      openSession(options.loader, session, {
        ...TARGET_SETTINGS,
        // Triggers of ours on the target let our own writes pass, and do not log them.
        'heroku_to_digitalocean.applying': options.migrationId,
      }),
    ]);
    const [source, target] = opened;
    if (source.status === 'fulfilled' && target.status === 'fulfilled')
      return new Pair(options, source.value, target.value);
    for (const side of opened) if (side.status === 'fulfilled') await closeConnection(side.value);
    throw source.status === 'rejected' ? source.reason : target.status === 'rejected' ? target.reason : null;
  }

  /**
   * Copies a chunk. It and the row that notes it are committed together, and only when the table's file on the source is
   * still `table.filenode`: nobody can replace that while our transaction there holds its lock on the table.
   *
   * After an error the pair can only be cut.
   */
  async copy(
    table: TableToCopy,
    chunk: Chunk,
    options: { more: boolean; onBytes: (bytes: number) => void },
  ): Promise<ChunkOutcome> {
    await this.#begin();
    const { rows, bytes, after } = await pipeCopy(
      { source: this.#source, target: this.#target },
      { out: copyOut(table, chunk), into: copyIn(table) },
      {
        onBytes: options.onBytes,
        errorOf: (thrown, side) => this.#errorOf(thrown, side),
        afterRead: (source) => readFilenode(source, table.oid),
      },
    );
    if (after !== table.filenode) {
      await this.#end({ note: undefined, more: options.more });
      return 'rewritten';
    }
    const snapshot = this.#options.snapshot.id;
    const note = noteChunk(table.relation, { ...chunk, snapshot, filenode: after, rows, bytes });
    await this.#end({ note, more: options.more });
    return { rows, bytes };
  }

  /** The chunks of these tables that are on the target, by relation. */
  async readCopied(tables: TableToCopy[]): Promise<Map<string, CopiedChunk[]>> {
    const relations = tables.map(({ relation }) => relation);
    return this.#onTarget((client) => readCopied(client, relations));
  }

  /**
   * Whether this very chunk is on the target already: the answer to its COMMIT may have been lost, or another runner has
   * copied it, too.
   */
  async find(table: TableToCopy, chunk: Chunk): Promise<CopiedChunk | undefined> {
    const copied = await this.readCopied([table]);
    return copied
      .get(table.relation)
      ?.find(
        ({ part, parts, firstPage, endPage, filenode }) =>
          part === chunk.part &&
          parts === chunk.parts &&
          firstPage === chunk.firstPage &&
          endPage === chunk.endPage &&
          filenode === table.filenode,
      );
  }

  /** The table as it is on the source now: another file, another number of pages. */
  async measure(table: TableToCopy): Promise<TableToCopy> {
    const { rows } = await this.#source
      .query<{ filenode: number; pages: number }>(
        `SELECT pg_catalog.pg_relation_filenode($1::oid)::bigint::float8 AS filenode,
                pg_catalog.pg_relation_size($1::oid) / pg_catalog.current_setting('block_size')::float8 AS pages`,
        [table.oid],
      )
      .catch((thrown: unknown) => {
        throw this.#errorOf(thrown, 'source');
      });
    return { ...table, filenode: rows[0]?.filenode ?? 0, pages: rows[0]?.pages ?? 0 };
  }

  /** Ends what was begun for a next chunk that does not come: no lock is held while nothing is done. */
  async rest(): Promise<void> {
    const { source, target } = this.#begun;
    this.#begun = { source: false, target: false };
    await this.#both(source ? 'COMMIT' : undefined, target ? 'ROLLBACK' : undefined);
  }

  /** Empties tables on the target and forgets what was noted of them. */
  async empty(relations: string[]): Promise<void> {
    if (relations.length === 0) return;
    await this.#emptying((client) => emptyTables(client, relations));
  }

  /** Empties a table that other runners may be writing to: what they have in flight is committed or gone before. */
  async emptyWhileWritten(relation: string): Promise<void> {
    await this.#emptying(async (client) => {
      // In a statement of its own: the next one then sees what was committed, rows and note.
      await client.query(`LOCK TABLE ONLY ${relation} IN ACCESS EXCLUSIVE MODE`);
      await emptyTables(client, [relation]);
    });
  }

  async #emptying(body: (client: pg.Client) => Promise<void>): Promise<void> {
    await this.rest();
    await this.#onTarget(async (client) => {
      await client.query('BEGIN');
      await holdEpoch(client, this.#options, 'shared');
      await body(client);
      await client.query('COMMIT');
    });
  }

  async close(): Promise<void> {
    await Promise.all([closeConnection(this.#source), closeConnection(this.#target)]);
  }

  /** Ends both sessions at once, whatever they are doing; the servers roll it back. */
  cut(): void {
    this.#source.connection.stream.destroy();
    this.#target.connection.stream.destroy();
  }

  /** Both sides at once, and only where the chunk before has not begun the transaction already. */
  async #begin(): Promise<void> {
    const { source, target } = this.#begun;
    this.#begun = { source: true, target: true };
    await this.#both(
      source ? undefined : beginInSnapshot(this.#options.snapshot),
      target ? undefined : this.#beginOnTarget(),
    );
  }

  /** Ends both transactions and, when there is more to do, begins the next ones in the same round trip. */
  async #end({ note, more }: { note: string | undefined; more: boolean }): Promise<void> {
    const source = ['COMMIT', ...(more ? [beginInSnapshot(this.#options.snapshot)] : [])];
    const target = [
      ...(note === undefined ? ['ROLLBACK'] : [note, 'COMMIT']),
      ...(more ? [this.#beginOnTarget()] : []),
    ];
    this.#begun = { source: more, target: more };
    await this.#both(source.join('; '), target.join('; '));
  }

  async #both(source: string | undefined, target: string | undefined): Promise<void> {
    const done = await Promise.allSettled([
      source === undefined ? undefined : this.#onSource(source),
      target === undefined ? undefined : this.#onTarget((client) => this.#runOnTarget(client, target)),
    ]);
    // A target that failed is told first: whether the chunk is there depends on it alone.
    for (const side of done.reverse()) if (side.status === 'rejected') throw side.reason;
  }

  async #onSource(sql: string): Promise<void> {
    await this.#source.query(sql).catch((thrown: unknown) => {
      throw this.#errorOf(asSnapshotLost(thrown, this.#options.snapshot), 'source');
    });
  }

  async #onTarget<T>(body: (client: pg.Client) => Promise<T>): Promise<T> {
    try {
      return await body(this.#target);
    } catch (thrown) {
      throw this.#errorOf(thrown, 'target');
    }
  }

  #beginOnTarget(): string {
    const { migrationId } = this.#options;
    return `BEGIN; ${this.#takesPart() ? holdSharedStatement(migrationId) : holdEpochStatement(migrationId, 'shared')}`;
  }

  #takesPart(): boolean {
    return (this.#options.shard ?? 1) > 1;
  }

  /** Several statements answer with several results; the one with an epoch is judged. */
  async #runOnTarget(client: pg.Client, sql: string): Promise<void> {
    const answer = (await client.query(sql)) as unknown as pg.QueryResult<{
      epoch: string;
      snapshot?: string | null;
    }>[];
    if (!sql.endsWith(this.#beginOnTarget())) return;
    const held = answer.at(-1)?.rows[0];
    refuseEpoch(held?.epoch, this.#options);
    if (this.#takesPart() && held?.snapshot !== this.#options.snapshot.id)
      throw new SnapshotLostError('The copy is complete, or it goes on under another snapshot.');
  }

  #errorOf(thrown: unknown, side: 'source' | 'target'): unknown {
    if (this.#options.signal?.aborted === true) return this.#options.signal.reason;
    return statementError(
      thrown,
      describeAddress(side === 'source' ? this.#options.source : this.#options.loader),
    );
  }
}

async function openSession(
  address: PostgresAddress,
  options: Parameters<typeof connect>[1],
  settings: Record<string, string>,
): Promise<pg.Client> {
  const client = await connect(address, options);
  try {
    await client.query(
      `SELECT pg_catalog.set_config(name, value, false)
         FROM unnest($1::text[], $2::text[]) AS setting(name, value)`,
      [Object.keys(settings), Object.values(settings)],
    );
    return client;
  } catch (thrown) {
    await closeConnection(client);
    throw statementError(thrown, describeAddress(address));
  }
}

/** Of the table as it is now, whatever the transaction's snapshot: the server looks such names up afresh. */
async function readFilenode(client: pg.Client, oid: number): Promise<number> {
  const { rows } = await client.query<{ filenode: number }>(
    'SELECT pg_catalog.pg_relation_filenode($1::oid)::bigint::float8 AS filenode',
    [oid],
  );
  return rows[0]?.filenode ?? 0;
}

/** Whether the error says that the chunk had been noted before: its COMMIT was done although no answer came. */
export function isNotedAlready(thrown: unknown): boolean {
  return codeOf(thrown) === '23505' && thrown instanceof Error && thrown.message.includes('copied_pkey');
}
