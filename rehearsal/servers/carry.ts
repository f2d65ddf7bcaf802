import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** How a connection is slowed down; read again for every piece of data. */
export interface LineQuality {
  /** Between arrival and departure, milliseconds. */
  delayMs: number;
  /** 0 is unbounded. */
  bytesPerSecond: number;
}

/** What may be on its way through a delayed line before its sender has to wait. */
const inFlightLimit = 1024 * 1024;
/** A slow line is fed in pieces that take about this long, so that its rate is smooth. */
const sliceMs = 50;

/**
 * Passes everything from one socket to another in order, keeps the sender waiting while the receiver is slow, and
 * passes on the end. Rejects when either socket breaks.
 */
export async function carry(from: Socket, to: Socket, quality: LineQuality): Promise<void> {
  const queue: { chunk: Buffer; dueAt: number }[] = [];
  let queued = 0;
  const line: { ended: boolean; failed: boolean } = { ended: false, failed: false };
  let wake: () => void = () => undefined;
  const broken = (): void => {
    line.failed = true;
    wake();
  };
  from.on('data', (chunk: Buffer) => {
    queue.push({ chunk, dueAt: performance.now() + quality.delayMs });
    queued += chunk.length;
    if (queued >= inFlightLimit || quality.delayMs === 0) from.pause();
    wake();
  });
  from.once('end', () => {
    line.ended = true;
    wake();
  });
  from.once('close', () => {
    if (!line.ended) broken();
    else wake();
  });
  to.once('close', broken);
  from.resume();

  for (;;) {
    const next = queue.shift();
    if (next) {
      const wait = next.dueAt - performance.now();
      if (wait > 0) await delay(wait);
      await send(next.chunk);
      queued -= next.chunk.length;
      if (queued < inFlightLimit) from.resume();
    } else if (line.ended || line.failed) {
      break;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  if (line.failed) throw new Error('The connection broke.');
  to.end();

  async function send(chunk: Buffer): Promise<void> {
    let rest = chunk;
    while (rest.length > 0 && !line.failed) {
      const rate = quality.bytesPerSecond;
      const size = rate > 0 ? Math.max(1, Math.ceil((rate * sliceMs) / 1000)) : rest.length;
      const slice = rest.subarray(0, size);
      rest = rest.subarray(size);
      if (rate > 0) await delay((slice.length / rate) * 1000);
      if (to.destroyed) throw new Error('The connection broke.');
      if (!to.write(slice)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
    }
  }
}
