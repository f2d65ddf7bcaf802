import type pg from 'pg';

/** What a batch answered, one entry a statement: rows that it read or wrote. */
export interface Spliced {
  read: number[];
  written: number[];
}

export interface SpliceOptions {
  /** Told how much of copied data passes, as it passes. */
  onBytes?: (bytes: number) => void;
  /** Gives an error of one side its words. */
  errorOf?: (thrown: unknown, side: 'source' | 'target') => unknown;
}

/**
 * Runs a batch of statements on each side in one round trip: what the `COPY … TO STDOUT` of the source's batch send is
 * what the `COPY … FROM STDIN` of the target's take, in their order. There must be as many of the one as of the other,
 * in the same formats. Between them may be any statements whose rows nobody needs. Memory stays at some hundred kilobytes
 * whatever a value's size: the two protocols frame copied data alike, so bytes pass as they come.
 *
 * After an error both sessions are cut: one might still be sending, or waiting for rows.
 *
 * @param afterRead runs as soon as the source's batch is done, beside what the target still has to do
 */
export async function splice(
  sides: { source: pg.Client; target: pg.Client },
  batches: { source: string; target: string },
  afterRead: () => Promise<void> = () => Promise.resolve(),
  { onBytes = () => undefined, errorOf = (thrown) => thrown }: SpliceOptions = {},
): Promise<Spliced> {
  const writing = new Batch(batches.target);
  const reading = new Batch(batches.source, (connection) => tap(connection, sides.target, onBytes));
  sides.target.query(writing);
  sides.source.query(reading);
  try {
    const [written, read] = await Promise.all([
      writing.done.catch((thrown: unknown) => {
        throw errorOf(thrown, 'target');
      }),
      reading.done
        .then(async (rows) => {
          await afterRead();
          return rows;
        })
        .catch((thrown: unknown) => {
          throw errorOf(thrown, 'source');
        }),
    ]);
    return { read, written };
  } catch (thrown) {
    for (const client of [sides.source, sides.target]) client.connection.stream.destroy();
    await Promise.allSettled([writing.done, reading.done]);
    throw thrown;
  }
}

/** What the driver calls while it runs a batch as one simple query (its interface is pg's `Submittable`). */
class Batch {
  readonly done: Promise<number[]>;
  readonly #rows: number[] = [];
  readonly #text: string;
  readonly #begin: (connection: pg.Connection) => void;
  #resolve: (rows: number[]) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(text: string, begin: (connection: pg.Connection) => void = () => undefined) {
    this.#text = text;
    this.#begin = begin;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // It is awaited together with the other side's.
    this.done.catch(() => undefined);
  }

  submit(connection: pg.Connection): void {
    this.#begin(connection);
    connection.query(this.#text);
  }

  handleCommandComplete(message: { text: string }): void {
    this.#rows.push(Number(/ (\d+)$/.exec(message.text)?.[1] ?? 0));
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#rows);
  }

  handleError(error: Error): void {
    this.#reject(error);
  }

  handleRowDescription(): void {
    // Answers of statements between the copies are of no interest.
  }

  handleDataRow(): void {
    // As above.
  }

  handleEmptyQuery(): void {
    // Nothing between two semicolons.
  }

  handleCopyInResponse(): void {
    // Rows are sent without waiting for this: the server reads them when it comes to the statement.
  }
}

const COPY_DATA = 'd'.charCodeAt(0);
const COPY_DONE = 'c'.charCodeAt(0);
const COPY_OUT_RESPONSE = 'H'.charCodeAt(0);
const READY_FOR_QUERY = 'Z'.charCodeAt(0);
/** A type and a length, which counts itself and not the type (PostgreSQL manual, “Message Formats”). */
const HEADER_BYTES = 5;

/**
 * Stands between the source's socket and the driver until the batch is over: frames of copied data go to the target's
 * socket as they are, at the pace at which that takes them, and everything else to the driver.
 */
function tap(connection: pg.Connection, target: pg.Client, onBytes: (bytes: number) => void): void {
  const from = connection.stream;
  const to = target.connection.stream;
  const driver = from.listeners('data') as ((bytes: Buffer) => void)[];
  from.removeAllListeners('data');

  let header: Buffer = Buffer.alloc(0);
  /** Bytes of the present frame that have not come yet. */
  let left = 0;
  let route: 'target' | 'driver' | 'nowhere' = 'driver';
  let last = false;

  const pass = (bytes: Buffer): void => {
    if (bytes.length === 0) return;
    if (route === 'driver') for (const listener of driver) listener.call(from, bytes);
    else if (route === 'target' && !to.destroyed) {
      onBytes(bytes.length);
      if (to.write(bytes)) return;
      from.pause();
      to.once('drain', () => from.resume());
    }
  };
  const onData = (bytes: Buffer): void => {
    const all = header.length === 0 ? bytes : Buffer.concat([header, bytes]);
    header = Buffer.alloc(0);
    /** Neighbouring frames that go the same way go in one piece. */
    let start = 0;
    let position = 0;
    while (position < all.length) {
      if (left > 0) {
        const here = Math.min(left, all.length - position);
        position += here;
        left -= here;
      } else if (all.length - position < HEADER_BYTES) {
        header = all.subarray(position);
        break;
      } else {
        const type = all[position] ?? 0;
        const next = routeOf(type);
        if (next !== route) {
          pass(all.subarray(start, position));
          start = position;
          route = next;
        }
        last = type === READY_FOR_QUERY;
        left = all.readUInt32BE(position + 1) - (HEADER_BYTES - 1);
        position += HEADER_BYTES;
      }
      if (last && left === 0) {
        // Before the driver hears that it may send the next query, it gets its socket back.
        from.removeListener('data', onData);
        for (const listener of driver) from.on('data', listener);
        pass(all.subarray(start));
        return;
      }
    }
    pass(all.subarray(start, position));
  };
  from.on('data', onData);
}

function routeOf(type: number): 'target' | 'driver' | 'nowhere' {
  if (type === COPY_DATA || type === COPY_DONE) return 'target';
  return type === COPY_OUT_RESPONSE ? 'nowhere' : 'driver';
}
