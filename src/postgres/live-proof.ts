import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { SUSPENDED_WHILE_LIVE } from './catalogue.ts';
import type { PostgresAddress } from './connect.ts';
import { compareDatabases, type TableParity } from './parity.ts';
import { compareTouched, type TouchedParity } from './parity-touched.ts';
import type { Sides } from './sides.ts';

/** What comparing a target that is kept in step found. */
export interface LiveProof {
  /** `pending`: rows of tables that are copied whole in the window and changed since; they are left out, and said. */
  rows: { compared: number; pending: number };
  tables: number;
  milliseconds: number;
}

export interface ProofOptions {
  migrationId: string;
  applicationName: string;
  /** Exported snapshots of exactly equal states; without them both sides are read as they are now. */
  snapshots?: { source: string; target: string };
  log: Log;
  clock: Clock;
  signal?: AbortSignal;
}

/**
 * Every row, sequence positions aside. A table in `waiting` changed since it was copied, and only the window can follow
 * that.
 *
 * @throws Error that names what differs
 */
export async function proveAll(
  sides: Sides,
  waiting: readonly string[],
  options: ProofOptions,
): Promise<Omit<LiveProof, 'milliseconds'>> {
  const parity = await compareDatabases({
    ...{ ...options, ...addresses(sides), announced: SUSPENDED_WHILE_LIVE, sequences: false },
    proof: { writer: sides.target.loader, resume: false },
  });
  const waits = new Set(waiting.map((relation) => relation.replaceAll('"', '')));
  const isWaiting = ({ name }: TableParity): boolean => waits.has(name.replaceAll('"', ''));
  const pending = parity.tables.filter(isWaiting);
  refuse([
    ...parity.tables
      .filter((table) => !table.equal && !isWaiting(table))
      .map(
        ({ name, rows, differingKeys }) =>
          `table ${name}: ${rows.source} rows on the source, ${rows.target} on the target, ${(differingKeys ?? []).join(', ')}`,
      ),
    ...parity.catalogue,
  ]);
  const rowsOf = (tables: TableParity[]): number => tables.reduce((sum, { rows }) => sum + rows.source, 0);
  return {
    rows: { compared: rowsOf(parity.tables) - rowsOf(pending), pending: rowsOf(pending) },
    tables: parity.tables.length - pending.length,
  };
}

/**
 * What drains wrote since the last proof, and the tables in `whole`.
 *
 * @throws Error that names what differs
 */
export async function proveTouched(
  sides: Sides,
  whole: readonly string[],
  options: ProofOptions & { waiting?: readonly string[] },
): Promise<TouchedParity> {
  const parity = await compareTouched({
    ...{ ...options, ...addresses(sides), whole: [...whole], writer: sides.target.loader },
  });
  refuse([
    ...parity.tables
      .filter(({ differingKeys }) => differingKeys.length > 0)
      .map(({ name, differingKeys }) => `table ${name}: ${differingKeys.join(', ')}`),
    ...parity.whole.filter(({ equal }) => !equal).map(({ name }) => `table ${name}`),
  ]);
  if (!parity.equal) throw new Error('The two sides do not hold the same.');
  return parity;
}

function addresses({ source, target }: Sides): { source: PostgresAddress; target: PostgresAddress } {
  return { source, target: target.owner };
}

function refuse(differences: readonly string[]): void {
  if (differences.length === 0) return;
  throw new Error(
    [
      `The target does not hold what the source does (${differences.length} differences):`,
      ...differences.slice(0, 20).map((line) => `  ${line}`),
      ...(differences.length > 20 ? [`  and ${differences.length - 20} more`] : []),
    ].join('\n'),
  );
}
