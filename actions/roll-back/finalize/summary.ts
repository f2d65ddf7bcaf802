import { z } from 'zod';

import { details, heading, list, paragraph, table } from '../../../src/report/summary.ts';
import type { Finding } from '../../cutover/findings.ts';
import type { FailureWords } from '../../failed-phase.ts';
import type { Subject } from '../../subject.ts';
import type { Remaining } from './remains.ts';

interface Finalized {
  outcome: 'finalized' | 'unchanged' | 'planned';
  remains: readonly Remaining[];
  /** Of a dry run: what would be removed, and what stands in the way. */
  left?: readonly string[];
  problems?: readonly Finding[];
  /** The result of deleting them. */
  schedules: unknown;
}

const VERDICTS: Record<Finalized['outcome'], string> = {
  finalized:
    'There is no way back to Heroku any more. The captures, the fence and everything else of the migration are gone from both sides, which was proven.',
  unchanged: 'The way back had ended before, and nothing of the migration is left: nothing was changed.',
  planned: 'This was a dry run: nothing was changed.',
};

const toldInstead = z.object({ toldInstead: z.string() });

export function finalizeSummary(
  { config, environment }: Subject,
  { outcome, remains, left = [], problems = [], schedules }: Finalized,
): string {
  const byHand = toldInstead.safeParse(schedules).data?.toldInstead;
  return [
    heading(`${config.application} (${environment.name}) stays on DigitalOcean: ${outcome}`, 2),
    paragraph(VERDICTS[outcome]),
    ...(problems.length === 0
      ? []
      : [
          paragraph('It would be refused:'),
          list(problems.map(({ what, found, remedy }) => `${what}: ${found}. ${remedy ?? ''}`)),
        ]),
    ...(byHand === undefined
      ? []
      : [paragraph(`To be done by hand, since it could not be asked for: ${byHand}`)]),
    paragraph(
      'What remains on Heroku, and what it costs a month until somebody removes it. The databases hold what they held ' +
        'when the way back ended; take a last backup if you want one, then `heroku apps:destroy` ends all of it.',
    ),
    remainsTable(remains),
    ...(left.length === 0 ? [] : [details('What would be removed', list(left.slice(0, 200)))]),
  ].join('\n\n');
}

function remainsTable(remains: readonly Remaining[]): string {
  const known = remains.reduce((sum, { usdPerMonth }) => sum + (usdPerMonth ?? 0), 0);
  return table(
    ['What', 'Name', { title: 'USD a month', align: 'right' }],
    [
      ...remains.map(({ what, name, usdPerMonth }) => [
        what,
        name,
        usdPerMonth === null ? 'unknown' : usdPerMonth.toFixed(2),
      ]),
      ['Total', '', known.toFixed(2)],
    ],
  );
}

/** What holds after it failed. */
export const FINALIZE_FAILED: FailureWords = {
  refused: { verdict: 'the way back was not ended', now: 'Nothing was touched; it is open as before.' },
  undone: { verdict: 'the way back was not ended', now: 'Nothing was changed; it is open as before.' },
  unfinished: {
    verdict: 'the way back has ended, and not everything is removed yet',
    now: 'DigitalOcean serves and loses nothing. Mend the reason and run this again: it goes on from the step that failed.',
  },
  superseded: { verdict: 'another run has taken over', now: 'This run touched nothing after it noticed.' },
  stuck: {
    verdict: 'ending the way back stopped half-way',
    now: 'Mend the reason and run this again: it reads the journal and goes on.',
  },
};
