import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** A write for which the shop sent a success status: it must be on the authoritative side, once, for ever. */
export interface Acknowledgement {
  kind: 'order' | 'webhook';
  uuid: string;
  /** Milliseconds since the epoch. */
  at: number;
}

/** Acknowledged writes, appended to a file (one JSON object a line) before anything else hears of them. */
export interface LedgerWriter {
  readonly file: string;
  readonly count: number;
  add(kind: Acknowledgement['kind'], uuid: string): void;
  close(): void;
}

export function openLedger(file: string): LedgerWriter {
  const descriptor = openSync(file, 'a', 0o600);
  let count = 0;
  return {
    file,
    get count() {
      return count;
    },
    add: (kind, uuid) => {
      writeSync(descriptor, `${JSON.stringify({ kind, uuid, at: Date.now() } satisfies Acknowledgement)}\n`);
      count += 1;
    },
    close: () => closeSync(descriptor),
  };
}

/** Reads a ledger back; a last line that was cut short by a kill was never acted on and is left out. */
export function readLedger(file: string): Acknowledgement[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  lines.pop();
  return lines.map((line) => JSON.parse(line) as Acknowledgement);
}
