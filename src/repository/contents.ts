import { closeSync, constants, openSync, readSync } from 'node:fs';

import type { TreeFile } from './tree.ts';

export type Contents =
  { text: string; bytes: number } | { unread: 'too large' | 'no text' | 'cannot be read' };

export interface ContentsReader {
  /** The file as text, one character a byte: what is looked for is ASCII. */
  read(file: TreeFile, atMost: number): Contents;
}

/**
 * Reads one file after the other into the same memory. Reading is synchronous: thousands of small files take a third of
 * the time that promises need, and the caller gives way between them.
 */
export function createContentsReader(): ContentsReader {
  let memory = Buffer.allocUnsafe(512 * 1024 + 1);
  return {
    read(file, atMost) {
      if (memory.length <= atMost) memory = Buffer.allocUnsafe(atMost + 1);
      const bytes = readInto(memory, file.opens, atMost + 1);
      if (bytes === undefined) return { unread: 'cannot be read' };
      if (bytes > atMost) return { unread: 'too large' };
      if (memory.subarray(0, Math.min(bytes, 8_000)).includes(0)) return { unread: 'no text' };
      return { text: memory.toString('latin1', 0, bytes), bytes };
    },
  };
}

/** Never waits (a pipe under a file's name would) and follows no link put there since it was listed. */
const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

function readInto(memory: Buffer, path: string, atMost: number): number | undefined {
  let handle: number | undefined;
  try {
    handle = openSync(path, READ_ONLY);
    let bytes = 0;
    while (bytes < atMost) {
      const more = readSync(handle, memory, bytes, atMost - bytes, null);
      if (more === 0) break;
      bytes += more;
    }
    return bytes;
  } catch {
    return undefined;
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}
