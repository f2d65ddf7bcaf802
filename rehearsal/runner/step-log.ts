import { appendFileSync, writeFileSync } from 'node:fs';
import type { Masker } from './masker.ts';

/** A step's log: a file and listeners that only ever see masked lines. */
export interface StepLog {
  path: string;
  /** Writes a line and returns it as it was written. */
  write(line: string): string;
}

export function createStepLog(path: string, masker: Masker, onLine: (line: string) => void): StepLog {
  writeFileSync(path, '');
  return {
    path,
    write: (line) => {
      const masked = masker.mask(line);
      appendFileSync(path, `${masked}\n`);
      onLine(masked);
      return masked;
    },
  };
}
