import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';

export interface Piped<T> {
  rows: number;
  /** As they travelled, in the statement's format. */
  bytes: number;
  /** What `afterRead` answered. */
  after: T;
}

export interface PipeOptions<T> {
  /** Asks the source something more in the same transaction, while the target is still taking the last rows. */
  afterRead: (source: pg.Client) => Promise<T>;
  /** Told of every piece that was read. */
  onBytes?: (bytes: number) => void;
  /** Gives an error of one side its words. */
  errorOf: (thrown: unknown, side: 'source' | 'target') => unknown;
}

/**
 * Pipes what `out` (a single COPY … TO STDOUT) reads on the source into `into` (COPY … FROM STDIN) on the target, as
 * fast as the slower of both takes it: some hundred kilobytes are in memory, whatever a row's size. It answers when the
 * target has taken everything and both sides count the same rows; neither side's transaction is ended.
 *
 * After an error both connections are of no use any more: one may still be sending rows, or waiting for some. They are
 * to be cut, which rolls back what they did.
 */
export async function pipeCopy<T>(
  sides: { source: pg.Client; target: pg.Client },
  statements: { out: string; into: string },
  options: PipeOptions<T>,
): Promise<Piped<T>> {
  const reading = sides.source.query(copyTo(statements.out));
  const writing = sides.target.query(copyFrom(statements.into));
  let bytes = 0;
  reading.on('data', (piece: Buffer) => {
    bytes += piece.length;
    options.onBytes?.(piece.length);
  });
  const after = await new Promise<T>((resolve, reject) => {
    const failOn = (side: 'source' | 'target') => (thrown: unknown) => {
      // It stays as a listener: the streams have more to say when their connections are cut.
      reading.unpipe(writing);
      const error = options.errorOf(thrown, side);
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    reading.on('error', failOn('source'));
    writing.on('error', failOn('target'));
    const written = new Promise<void>((finished) => writing.once('finish', finished));
    // The query waits in the driver until the source has ended the COPY, so that its count is known afterwards.
    reading.once('end', () => {
      Promise.all([options.afterRead(sides.source), written]).then(
        ([answer]) => resolve(answer),
        failOn('source'),
      );
    });
    reading.pipe(writing);
  });
  if (reading.rowCount !== writing.rowCount)
    throw new Error(
      `The source sent ${reading.rowCount} rows and the target took ${writing.rowCount}: nothing of it was committed.`,
    );
  return { rows: writing.rowCount, bytes, after };
}
