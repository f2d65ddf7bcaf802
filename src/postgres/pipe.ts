import type pg from 'pg';
import { splice } from './splice.ts';

export interface Piped<T> {
  rows: number;
  /** As they travelled, in the statement's format and with the protocol's five bytes a row. */
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
 * After an error both connections are cut, which rolls back what they did: one might still be sending rows, or waiting.
 */
export async function pipeCopy<T>(
  sides: { source: pg.Client; target: pg.Client },
  statements: { out: string; into: string },
  options: PipeOptions<T>,
): Promise<Piped<T>> {
  let bytes = 0;
  const answer: { after?: T } = {};
  const { read, written } = await splice(
    sides,
    { source: statements.out, target: statements.into },
    async () => {
      answer.after = await options.afterRead(sides.source);
    },
    {
      onBytes: (piece) => {
        bytes += piece;
        options.onBytes?.(piece);
      },
      errorOf: options.errorOf,
    },
  );
  const [sent, taken] = [read[0] ?? 0, written[0] ?? 0];
  if (sent !== taken)
    throw new Error(
      `The source sent ${sent} rows and the target took ${taken}: nothing of it was committed.`,
    );
  return { rows: taken, bytes, after: answer.after as T };
}
