import type { Socket } from 'node:net';

/** One message of Postgres's protocol, without its length. */
export interface Message {
  type: string;
  body: Buffer;
}

export interface Messages {
  /** The next one, however long it takes; throws when the connection is lost. */
  next(): Promise<Message>;
}

/** What we ask for is one word; whatever is longer is not for us. */
const LONGEST = 1_000_000;

/** Cuts what comes into messages: a letter, a length that counts itself, and the body. */
export function readMessages(stream: Socket): Messages {
  let pending = Buffer.alloc(0);
  let lost: Error | undefined;
  let wake: () => void = () => undefined;

  const lose = (error: Error): void => {
    lost ??= error;
    wake();
  };
  stream.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    wake();
  });
  stream.on('error', lose);
  stream.on('close', () => {
    lose(Object.assign(new Error('The connection was lost.'), { code: 'ECONNRESET' }));
  });

  const take = (): Message | undefined => {
    if (pending.length < 5) return undefined;
    const size = pending.readInt32BE(1);
    if (size < 4 || size > LONGEST) throw new Error('The server’s words are not understood.');
    if (pending.length < size + 1) return undefined;
    const message = { type: pending.toString('latin1', 0, 1), body: pending.subarray(5, size + 1) };
    pending = pending.subarray(size + 1);
    return message;
  };
  return {
    next: async () => {
      for (;;) {
        const message = take();
        if (message !== undefined) return message;
        if (lost !== undefined) throw lost;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
