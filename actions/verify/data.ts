import type { Check } from '../../src/checks/result.ts';
import { judged } from '../../src/checks/result.ts';
import { messageOf } from '../../src/errors.ts';
import { CaptureBroken } from '../../src/postgres/capture.ts';
import { unexplainedRows, type Unexplained } from '../../src/postgres/unexplained.ts';
import { formatCount } from '../../src/report/format.ts';
import type { Parties } from '../parties.ts';
import type { BothParities } from '../prove-equal.ts';

/**
 * What the comparison of both sides says, as checks. Before the switch the copy is as old as it is, so rows may differ and
 * objects may not. After it each row that differs must have been written since.
 */
export async function dataChecks(
  parties: Parties,
  parities: BothParities,
  { moved, lost }: { moved: boolean; lost: readonly string[] },
): Promise<Check[]> {
  const { postgres, redis } = parities;
  const { rows, tables, catalogue, sequences } = postgres;
  const compared = `${formatCount(rows.compared)} rows of ${tables.length} tables compared by content, ${formatCount(rows.different)} differ`;
  return [
    judged('data/objects', 'data', 'Both sides have the same objects and settings', {
      passed: catalogue.length === 0,
      found: catalogue.length === 0 ? 'every object is there' : catalogue.slice(0, 10).join('; '),
      remedy: moved
        ? 'A change of the schema since the switch closes the way back: undo it, or make it on Heroku, too.'
        : 'Copy again: run migrate-db.',
    }),
    ...(moved
      ? [
          judged('data/lost-rows', 'data', 'No row of Heroku is missing on the new side', {
            passed: lost.length === 0,
            found: lost.length === 0 ? `none; ${compared}` : lost.slice(0, 10).join('; '),
            remedy:
              'Find out whether the application has deleted them since the switch; if not, run roll-back.',
          }),
          await explained(parties, parities),
        ]
      : [
          {
            id: 'data/rows',
            area: 'data' as const,
            what: 'Rows of the practice copy',
            found: `${compared}${rows.different === 0 && sequences.length === 0 ? '' : ': it is as old as it is, and the proof is made inside the fence'}`,
            state: rows.different === 0 ? ('passed' as const) : ('told' as const),
          },
        ]),
    ...(redis === null
      ? []
      : [
          {
            id: 'data/keys',
            area: 'data' as const,
            what: 'Redis keys',
            found: `${formatCount(redis.keys.compared)} compared by content, ${formatCount(redis.keys.different)} differ${redis.keys.different === 0 ? '' : `, which ${moved ? 'the new side' : 'Heroku'} has written since`}`,
            state: redis.keys.different === 0 ? ('passed' as const) : ('told' as const),
          },
        ]),
  ];
}

/** A sample of the rows that differ is looked up in the log of what the new side has written. */
async function explained(parties: Parties, { postgres }: BothParities): Promise<Check> {
  const { subject, oldSide, newSide, clock, signal } = parties;
  const id = 'data/explained';
  const what = 'Every row that differs was written on the new side since the switch';
  const tables = postgres.tables.filter(({ equal }) => !equal).map(({ name }) => name);
  const remedy =
    'These rows are not those that were moved: compare them by hand, and run roll-back if they are wrong.';
  if (tables.length === 0) return judged(id, 'data', what, { passed: true, found: 'no row differs', remedy });
  let found: Unexplained | undefined;
  try {
    found = await unexplainedRows(oldSide.database, newSide.owner, {
      migrationId: subject.environment.migrationId,
      tables,
      clock,
      signal,
    });
  } catch (error) {
    if (!(error instanceof CaptureBroken)) throw error;
    return judged(id, 'data', what, {
      passed: false,
      found: messageOf(error),
      remedy: 'Run verify again after catch-up has set it right.',
    });
  }
  if (found === undefined) {
    return {
      id,
      area: 'data',
      what,
      found: 'not known: no way back is captured any more, so nothing tells what was written since',
      state: 'told',
    };
  }
  const { looked, lines, notLooked } = found;
  const rest = notLooked.length === 0 ? '' : `; not told apart: ${notLooked.slice(0, 10).join(', ')}`;
  return judged(id, 'data', what, {
    passed: lines.length === 0,
    found: `${lines.length === 0 ? `all of ${formatCount(looked)} rows that were looked at` : lines.slice(0, 10).join('; ')}${rest}`,
    remedy,
  });
}
