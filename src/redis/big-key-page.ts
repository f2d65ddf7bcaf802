import type { Redis } from 'ioredis';
import { pipelined } from './scan.ts';

/** About as much as one page holds: a few milliseconds of either server. */
export const PAGE_BYTES = 1_000_000;
/** Small elements cost by number, not by size. One command writes at most so many: each has its own place to be found. */
export const WRITTEN_AT_ONCE = 1_000;
/** A page has at most so many times the elements of the one before, whose size told how many fit. */
const GROWTH = 8;
/** Elements of the first page of a key that is small by its server's estimate, which a few large ones escape. */
const FIRST_OF_SMALL = 100;

/** What the pages of one key are read from, and the temporary name under which they are written. */
export interface Reading {
  from: Redis;
  to: Redis;
  key: Buffer;
  part: Buffer;
  /** What must be added to a time of the source's clock to say the same moment on the target's, milliseconds. */
  clockOffsetMs: number;
  /** Of the whole key, about; null: the server does not tell. */
  memoryBytes: number | null;
}

export type Command = readonly [name: string, ...args: (Buffer | string | number)[]];

/** A piece of a value. */
export interface Page {
  bytes: number;
  /** Writes it under the temporary name. @throws what the target answers */
  write: () => Promise<void>;
}

/** The key was deleted and made anew while it was read, perhaps as another type: what was read is of no use. */
export class ValueReplaced extends Error {
  override readonly name = 'ValueReplaced';
  constructor() {
    super('A key was replaced by another each time that it was read.');
  }
}

/** How many elements to ask for, learnt from the pages before: replies are bounded in bytes, requests only in number. */
export class PageSize {
  elements: number;
  readonly #most: number;
  #elementsSeen = 0;
  #bytesSeen = 0;

  /** `most`: elements of a page, however small they are. A small key mostly comes in one page. */
  constructor({ memoryBytes }: Reading, most: number) {
    this.#most = most;
    this.elements = memoryBytes !== null && memoryBytes <= PAGE_BYTES ? FIRST_OF_SMALL : 1;
  }

  learn(elements: number, bytes: number): void {
    if (elements === 0) return;
    this.#elementsSeen += elements;
    this.#bytesSeen += bytes;
    // The mean of all, lest a page without any of the few large elements forget them; the last, as they may grow.
    const each = Math.max(1, bytes / elements, this.#bytesSeen / this.#elementsSeen);
    const fitting = Math.floor(PAGE_BYTES / each);
    this.elements = Math.max(1, Math.min(fitting, this.elements * GROWTH, this.#most));
  }
}

export function pageOf({ to }: Reading, bytes: number, commands: readonly Command[]): Page {
  return {
    bytes,
    write: async () => {
      await pipelined(to, [...commands], (pipeline, command) => pipeline.call(...command));
    },
  };
}

/**
 * Commands that write elements of `width` items each, none with more than a page: a server may answer more than was
 * asked for, such as a small hash, which it keeps in one piece.
 */
export function inCommands(
  items: readonly Buffer[],
  width: number,
  command: (items: readonly Buffer[]) => Command,
): Command[] {
  const commands: Command[] = [];
  let start = 0;
  let bytes = 0;
  for (let end = 0; end < items.length; end += width) {
    const more = bytesOf(items.slice(end, end + width));
    if (end > start && (bytes + more > PAGE_BYTES || end - start >= width * WRITTEN_AT_ONCE)) {
      commands.push(command(items.slice(start, end)));
      [start, bytes] = [end, 0];
    }
    bytes += more;
  }
  if (start < items.length) commands.push(command(items.slice(start)));
  return commands;
}

export function bytesOf(items: readonly Buffer[]): number {
  return items.reduce((sum, item) => sum + item.length, 0);
}
