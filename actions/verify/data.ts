import { dataChecks, type SinceTheSwitch } from '../../src/checks/data.ts';
import type { Check } from '../../src/checks/result.ts';
import { messageOf } from '../../src/errors.ts';
import { CaptureBroken } from '../../src/postgres/capture.ts';
import { lostRows } from '../../src/postgres/lost-rows.ts';
import { unexplainedRows } from '../../src/postgres/unexplained.ts';
import type { Parties } from '../parties.ts';
import type { BothParities } from '../prove-equal.ts';

/** What the comparison says of the data; after the switch, rows that differ are looked up in the log of the way back. */
export async function inspectData(
  parties: Parties,
  parities: BothParities,
  moved: boolean,
): Promise<Check[]> {
  return dataChecks(parities, moved ? await lookUp(parties, parities) : undefined);
}

async function lookUp(
  { subject, oldSide, newSide, clock, signal }: Parties,
  { postgres }: BothParities,
): Promise<SinceTheSwitch | { broken: string }> {
  const options = {
    migrationId: subject.environment.migrationId,
    tables: postgres.tables.filter(({ equal }) => !equal).map(({ name }) => name),
    clock,
    signal,
  };
  try {
    return {
      lost: await lostRows(oldSide.database, newSide.owner, options),
      unexplained: await unexplainedRows(oldSide.database, newSide.owner, options),
    };
  } catch (error) {
    if (!(error instanceof CaptureBroken)) throw error;
    return { broken: messageOf(error) };
  }
}
