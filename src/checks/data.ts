import type { LostRows } from '../postgres/lost-rows.ts';
import type { DatabaseParity } from '../postgres/parity.ts';
import type { Unexplained } from '../postgres/unexplained.ts';
import type { RedisParity } from '../redis/parity.ts';
import { formatCount } from '../report/format.ts';
import { judged, type Check } from './result.ts';

export interface BothSidesCompared {
  postgres: Pick<DatabaseParity, 'rows' | 'tables' | 'catalogue' | 'sequences'>;
  /** `null` for an application without a Redis. */
  redis: Pick<RedisParity, 'keys'> | null;
}

/** How the rows that differ came about, as the capture of the way back tells it. */
export interface SinceTheSwitch {
  lost: LostRows;
  /** Undefined when no way back is captured. */
  unexplained: Unexplained | undefined;
}

/**
 * What the comparison of both sides says, as checks. Before the switch (`since` undefined) the copy is as old as it is, so
 * rows may differ and objects may not. After it each row that differs must have been written since; `broken` is why nobody
 * can tell.
 */
export function dataChecks(
  { postgres, redis }: BothSidesCompared,
  since: SinceTheSwitch | { broken: string } | undefined,
): Check[] {
  const { rows, tables, catalogue, sequences } = postgres;
  const compared = `${formatCount(rows.compared)} rows of ${tables.length} tables compared by content, ${formatCount(rows.different)} differ`;
  const same = rows.different === 0 && tables.every(({ equal }) => equal);
  return [
    judged('data/objects', 'data', 'Both sides have the same objects and settings', {
      passed: catalogue.length === 0,
      found: catalogue.length === 0 ? 'every object is there' : catalogue.slice(0, 10).join('; '),
      remedy:
        since === undefined
          ? 'Copy again: run migrate-db.'
          : 'A change of the schema since the switch closes the way back: undo it, or make it on Heroku, too.',
    }),
    ...(since === undefined
      ? [
          {
            id: 'data/rows',
            area: 'data' as const,
            what: 'Rows of the practice copy',
            found: `${compared}${rows.different === 0 && sequences.length === 0 ? '' : ': it is as old as it is, and the proof is made inside the fence'}`,
            state: rows.different === 0 ? ('passed' as const) : ('told' as const),
          },
        ]
      : 'broken' in since
        ? [
            judged('data/lost-rows', 'data', LOST, brokenCapture(since.broken)),
            judged('data/explained', 'data', EXPLAINED, brokenCapture(since.broken)),
          ]
        : [lostCheck(since.lost, compared), explainedCheck(since.unexplained, same)]),
    ...(redis === null
      ? []
      : [
          {
            id: 'data/keys',
            area: 'data' as const,
            what: 'Redis keys',
            found: `${formatCount(redis.keys.compared)} compared by content, ${formatCount(redis.keys.different)} differ${redis.keys.different === 0 ? '' : since === undefined ? ': the copy is as old as it is, and the proof is made inside the fence' : '; nothing tells which of them the new side has written since'}`,
            state: redis.keys.different === 0 ? ('passed' as const) : ('told' as const),
          },
        ]),
  ];
}

const LOST = 'No row of Heroku was lost on the new side';
const EXPLAINED = 'Every row that differs was written on the new side since the switch';

function brokenCapture(why: string): { passed: false; found: string; remedy: string } {
  return { passed: false, found: why, remedy: 'Run verify again after catch-up has set it right.' };
}

function lostCheck({ captured, lines, notLooked }: LostRows, compared: string): Check {
  const rest = restOf(notLooked);
  if (lines.length > 0 && !captured) {
    return {
      ...{ id: 'data/lost-rows', area: 'data', what: LOST, state: 'told' },
      found: `${listed(lines)}; no way back is captured any more, so nothing tells whether the application has deleted them${rest}`,
    };
  }
  if (lines.length === 0 && notLooked.length > 0)
    return {
      id: 'data/lost-rows',
      area: 'data',
      what: LOST,
      found: `none; ${compared}${rest}`,
      state: 'told',
    };
  return judged('data/lost-rows', 'data', LOST, {
    passed: lines.length === 0,
    found: lines.length === 0 ? `none; ${compared}` : `${listed(lines)}${rest}`,
    remedy:
      'The new side has not deleted them since the switch, by its own log. Compare them by hand, and run roll-back if they are missed.',
  });
}

function explainedCheck(unexplained: Unexplained | undefined, same: boolean): Check {
  const base = { id: 'data/explained', area: 'data', what: EXPLAINED } as const;
  if (same) return { ...base, found: 'no row differs', state: 'passed' };
  if (unexplained === undefined) {
    return {
      ...base,
      found: 'not known: no way back is captured any more, so nothing tells what was written since',
      state: 'told',
    };
  }
  const { looked, lines, notLooked } = unexplained;
  const rest = restOf(notLooked);
  if (lines.length === 0 && notLooked.length > 0)
    return { ...base, found: `all of ${formatCount(looked)} rows that were looked at${rest}`, state: 'told' };
  return judged(base.id, base.area, base.what, {
    passed: lines.length === 0,
    found:
      lines.length === 0
        ? `all of ${formatCount(looked)} rows that were looked at`
        : `${listed(lines)}${rest}`,
    remedy:
      'These rows are not those that were moved: compare them by hand, and run roll-back if they are wrong.',
  });
}

function listed(lines: readonly string[]): string {
  return lines.slice(0, 10).join('; ');
}

function restOf(notLooked: readonly string[]): string {
  return notLooked.length === 0 ? '' : `; not told apart: ${notLooked.slice(0, 10).join(', ')}`;
}
