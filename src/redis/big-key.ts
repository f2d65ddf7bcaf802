import type { Lane } from './lanes.ts';

/** Above this much memory a key goes element by element: a DUMP or RESTORE of more would block a server too long. */
export const BIG_KEY_BYTES = 1_000_000;

export interface StreamedKey {
  /** `gone`: the source no longer has it, and now the target has none either. */
  outcome: 'carried' | 'gone';
  /** What went over the wire, about. */
  bytes: number;
}

/**
 * Carries one key of the selected database element by element: pages of bounded size, built under a temporary name and
 * renamed, with its expiry (`clockOffsetMs` added). No command blocks a server for longer than a page takes. A key that
 * changes meanwhile arrives with some of its changes: the change feed tells it, and it is carried again.
 *
 * @throws NotSupportedError for a type that only a module knows, naming it
 */
export async function streamKey(
  _lane: Lane,
  _key: Buffer,
  _options: { clockOffsetMs: number; signal?: AbortSignal; onBytes?: (bytes: number) => void },
): Promise<StreamedKey> {
  await Promise.resolve();
  throw new Error('not built yet');
}

/** Deletes what killed runs left half built in the selected database of the target. Returns how many keys that were. */
export async function deleteParts(_lane: Lane): Promise<number> {
  await Promise.resolve();
  throw new Error('not built yet');
}
