import { formatCount } from '../../src/report/format.ts';
import { heading, list, table } from '../../src/report/summary.ts';
import type { FailureWords } from '../failed-phase.ts';
import type { Subject } from '../subject.ts';
import { jobsTable } from '../jobs.ts';
import type { Carried, RollBack } from './roll-back.ts';

const VERDICTS: Record<RollBack['outcome'], string> = {
  'nothing-to-do': 'No cutover had begun: nothing was changed.',
  undone: 'The cutover had stopped before its point of no return; everything it had done is undone.',
  'rolled-back':
    'What the new side had taken since the switch is on Heroku, which was proven first; Heroku takes writes and visitors again.',
};

export function rollBackSummary(subject: Subject, done: RollBack): string {
  return [
    heading(`${subject.config.application} (${subject.environment.name}) runs on Heroku`, 2),
    VERDICTS[done.outcome],
    ...(done.carried === undefined ? [] : [carriedTable(done.carried)]),
    ...(done.carried === undefined || done.carried.jobs.length === 0 ? [] : [jobsTable(done.carried.jobs)]),
    list(done.steps),
  ].join('\n\n');
}

function carriedTable({ rows, keys, compared }: Carried): string {
  return table(
    ['Carried back to Heroku', { title: 'How many', align: 'right' }],
    [
      ['Rows of Postgres that had changed', formatCount(rows)],
      ['Keys of Redis that had changed', formatCount(keys)],
      ['Rows and keys compared in the end; none differ', formatCount(compared)],
    ],
  );
}

/** What holds after a roll-back that failed. */
export const ROLL_BACK_FAILED: FailureWords = {
  refused: {
    verdict: 'the roll-back did not begin',
    now: 'Nothing was touched by this run.',
  },
  undone: {
    verdict: 'the roll-back was undone',
    now: 'Everything is as it was before it: whatever side served goes on serving, and nothing is lost.',
  },
  unfinished: {
    verdict: 'the roll-back stopped half-way, after Heroku was let write again',
    now: 'The new side is closed; the steps say whether Heroku serves yet. Mend the reason and run roll-back again: it goes on from the step that failed.',
  },
  superseded: {
    verdict: 'another run has taken over',
    now: 'This run touched nothing after it noticed. Look at the other run.',
  },
  stuck: {
    verdict: 'the roll-back is half done, somebody must look now',
    now: 'Mend the reason and run roll-back again: it reads the journal and goes on, or goes on undoing.',
  },
};
