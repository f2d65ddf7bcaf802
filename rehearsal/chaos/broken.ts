import type { Verdict as Judgement } from '../load/judge.ts';
import type { LoadReport } from '../load/report.ts';
import { sideChangesTooMany, type Ending } from '../side-changes.ts';

/** What is known of a run when the weather is clear again and everybody has stopped asking. */
export interface Outcome extends Ending {
  judgement: Judgement;
  /** Of the visitors of the whole run. */
  load: Seen;
  /** Of those who came when all was over. */
  late: Seen;
  /** What must hold in the state in which it ended, each true or not. */
  conditions: readonly { what: string; holds: boolean }[];
}

type Seen = Pick<LoadReport, 'refusedRequests' | 'forgottenOrders' | 'webhooks'>;

/**
 * What of the promises a run broke; empty when all hold. Visitors may be refused while things go wrong, never afterwards.
 * A delivery may be sent many times, as its sender does until it is acknowledged: it is acknowledged in the end wherever
 * the run ended, since one side serves, and it was processed once and on one side (`doubled` counts by its id).
 */
export function brokenBy({ judgement, load, late, conditions, ...ending }: Outcome): string[] {
  const { writes, jobs, schedules, stranded, examples } = judgement;
  const sum = (of: (seen: Seen) => number): number => of(load) + of(late);
  const mustBeZero: [string, number][] = [
    ['acknowledged writes missing', writes.missing],
    ['writes doubled', writes.doubled],
    ['jobs lost', jobs.lost],
    ['jobs run on both sides', jobs.twice],
    // Before the switch the new side holds the practice copy's jobs, and is closed.
    ['jobs stranded on the other side', ending.authoritative === 'heroku' ? 0 : stranded],
    ['requests refused after all was over', late.refusedRequests],
    ['orders acknowledged and then not found', sum(({ forgottenOrders }) => forgottenOrders)],
    ['webhook deliveries never acknowledged', sum(({ webhooks }) => webhooks.outstanding)],
    ['changes of the side on which schedules fired, beyond the moves', sideChangesTooMany(schedules, ending)],
  ];
  const mustNotBeZero: [string, number][] = [
    ['nothing was written', writes.found],
    ['no schedule fired', schedules.fired],
    ['no webhook was delivered', sum(({ webhooks }) => webhooks.sent)],
  ];
  return [
    ...mustBeZero.filter(([, count]) => count > 0).map(([what, count]) => `${count} ${what}`),
    ...Object.values(examples).flat(),
    ...conditions.filter(({ holds }) => !holds).map(({ what }) => `not so: ${what}`),
    ...mustNotBeZero.filter(([, count]) => count === 0).map(([what]) => `${what}: a verdict about nothing`),
  ];
}
