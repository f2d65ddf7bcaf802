import { compareDatabases } from '../src/postgres/parity.ts';
import { forward } from './live.ts';
import type { Parties } from './parties.ts';

/** What a proof of a target that is kept in step found, in counts: they go into the record. */
export interface LiveProof {
  rows: { compared: number; different: number };
  tables: number;
  /** Tables in which rows were written after the state that was copied, one line each. */
  movedOn: string[];
  milliseconds: number;
}

/** Compares every row of both sides while Heroku goes on writing: what it wrote since the last drain may differ. */
export async function proveLive(parties: Parties): Promise<LiveProof> {
  const { log, signal, clock } = parties;
  const sides = forward(parties);
  const started = clock.now().getTime();
  const parity = await compareDatabases({
    source: sides.source,
    target: sides.target.owner,
    log: { ...log, warning: (line) => log.debug(line) },
    signal,
  });
  return {
    rows: parity.rows,
    tables: parity.tables.length,
    movedOn: parity.tables
      .filter(({ equal }) => !equal)
      .map(
        ({ name, rows }) => `table ${name}: ${rows.source} rows on Heroku, ${rows.target} on DigitalOcean`,
      ),
    milliseconds: clock.now().getTime() - started,
  };
}
