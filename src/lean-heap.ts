import { setFlagsFromString } from 'node:v8';

/**
 * Has this process clear away early what it needs only for a moment. Left alone, V8 lets new objects grow to tens of
 * megabytes between two collections, and the buffers that hang on them to hundreds: a copy throws away everything that it
 * touches within milliseconds. Copying Redis: 187 MB at most instead of 287, at the same CPU time (Node 24.19).
 */
export function keepHeapLean(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * As `keepHeapLean`, and what stays is not given room to grow into either: for work that is waiting for answers, not for
 * the processor. assess of forty apps: 155 MB at most instead of 200, at the same time (Node 24.19).
 */
export function keepHeapSmall(): void {
  keepHeapLean();
  setFlagsFromString('--optimize-for-size');
  setFlagsFromString('--heap-growing-percent=20');
}
