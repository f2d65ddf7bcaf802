import { Command, type Redis } from 'ioredis';
import { PAGE_BYTES, pageOf, ValueReplaced, type Page, type Reading } from './big-key-page.ts';

/**
 * A string (also a bitmap or a HyperLogLog) by ranges of bytes. A long one is written by a single SET whose argument
 * goes over the wire in pieces: the server puts them where the value will be, while others are served. Growing it by
 * APPEND would have it moved again and again, 50 ms each time, and SETRANGE would fill all of it with zeros first.
 */
export async function* stringPages(reading: Reading): AsyncGenerator<Page> {
  const { from, to, key, part } = reading;
  const [length, first] = await Promise.all([from.strlen(key), from.getrangeBuffer(key, 0, PAGE_BYTES - 1)]);
  if (length <= PAGE_BYTES) {
    yield pageOf(reading, first.length, [['SET', part, first]]);
    return;
  }
  const set = await beginSet(to, part, length);
  try {
    for (let offset = 0; offset < length; offset += PAGE_BYTES) {
      const end = Math.min(offset + PAGE_BYTES, length);
      const range = offset === 0 ? first : await from.getrangeBuffer(key, offset, end - 1);
      // Shorter by now, and its length is announced.
      if (range.length !== end - offset) throw new ValueReplaced();
      yield { bytes: range.length, write: () => set.write(range) };
    }
    await set.done;
  } finally {
    set.close();
  }
}

/** A SET under way. */
interface OpenSet {
  /** The next piece; resolves when the system has taken it. */
  write(piece: Buffer): Promise<void>;
  /** The server's answer. */
  done: Promise<unknown>;
  /** The server forgets a SET that is not complete. */
  close(): void;
}

/** The server answers only once all pieces are there: 512 MB on a slow way. A lost one is noticed by the lane's PINGs. */
const LONGEST_SET_MS = 3_600_000;

/** On a connection of its own: whatever else came between the pieces would become part of the value. */
async function beginSet(to: Redis, key: Buffer, length: number): Promise<OpenSet> {
  const own = to.duplicate({
    db: to.condition?.select ?? 0,
    lazyConnect: true,
    retryStrategy: () => null,
    socketTimeout: LONGEST_SET_MS,
  });
  // What fails is told by the command or the piece that fails.
  own.on('error', () => undefined);
  const close = (): void => own.disconnect();
  // The lane's connection is closed to stop everything.
  to.once('end', close);
  own.once('end', () => to.off('end', close));
  try {
    await own.connect();
    const command = new Command('SET', [key]);
    const beginning = Buffer.concat([
      Buffer.from(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n`),
      key,
      Buffer.from(`\r\n$${length}\r\n`),
    ]);
    command.toWritable = () => beginning;
    const done = Promise.resolve(own.sendCommand(command));
    done.catch(() => undefined);
    let left = length;
    const write = async (piece: Buffer): Promise<void> => {
      left -= piece.length;
      await written(own, piece);
      if (left === 0) await written(own, Buffer.from('\r\n'));
    };
    return { write, done, close };
  } catch (thrown) {
    close();
    throw thrown;
  }
}

function written({ stream }: Redis, piece: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(piece, (error) => (error ? reject(error) : resolve()));
  });
}
