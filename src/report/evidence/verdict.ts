import { z } from 'zod';

import type { MigrationRecord } from '../../migration/record.ts';
import { readChecks } from './checks.ts';
import type { Verdict } from './document.ts';

const ended = z.object({
  outcome: z.string(),
  reason: z.string().optional(),
  now: z.string().optional(),
  command: z.string().optional(),
  state: z.string().optional(),
});

/** What each way in which a cutover or a roll-back may end means to the reader. */
const STOPPED: Record<string, { words: (phase: string) => string; tone: Verdict['tone'] }> = {
  refused: { words: (phase) => `The ${phase} did not begin`, tone: 'open' },
  undone: { words: (phase) => `The ${phase} was undone`, tone: 'bad' },
  unfinished: { words: (phase) => `The ${phase} is not finished`, tone: 'bad' },
  superseded: { words: (phase) => `The ${phase} was taken over by another run`, tone: 'open' },
  stuck: { words: (phase) => `The ${phase} is half done: somebody must look now`, tone: 'bad' },
};

const SERVES_ON_DIGITALOCEAN = 'DigitalOcean serves, and Heroku is fenced.';

/**
 * Where the migration stands, from the newest section that says so. Nothing is called good that was not checked: a move
 * without a verification after it is open, and one failed check is enough for a bad verdict.
 */
export function verdictOf(record: MigrationRecord): Verdict {
  const sections = record.sections.flatMap(({ phase, data }, index) => {
    const parsed = ended.safeParse(data).data;
    return parsed === undefined ? [] : [{ phase, index, ...parsed }];
  });
  const last = lastMove(sections);
  const verify = sections.findLast(
    ({ phase, command }) => phase === 'verify' && command !== 'watch' && command !== 'compare',
  );
  // A run over a migration that is finished has a record of its own, without the cutover.
  if (last === undefined && verify?.state === 'moved') return moved(record, verify.outcome);
  if (last === undefined) return notYet(record, sections.at(-1));
  const stopped = STOPPED[last.outcome];
  // The guard and a roll-back before the point of no return end well with everything undone.
  if (stopped !== undefined && last.phase === 'cutover') {
    return {
      ...stopped,
      words: stopped.words('cutover'),
      sentence: [last.now, last.reason].filter((part) => part !== undefined).join(' Why: '),
    };
  }
  if (last.phase === 'roll-back') return rolledBack(last.outcome, last.now, last.reason);
  return moved(record, verify !== undefined && verify.index > last.index ? verify.outcome : undefined);
}

interface Ended extends z.infer<typeof ended> {
  phase: string;
  index: number;
}

/** These leave everything where it was: they only tell where it stands when nothing else does. */
const MOVED_NOTHING = new Set(['refused', 'superseded', 'nothing-to-do']);

/** The newest section that says which side serves. To end the way back moves nothing, and nor does one that was undone. */
function lastMove(sections: readonly Ended[]): Ended | undefined {
  const moves = sections.filter(
    ({ phase, command }) => phase === 'cutover' || (phase === 'roll-back' && command !== 'finalize'),
  );
  const undoneBack = ({ phase, outcome, now }: Ended): boolean =>
    phase === 'roll-back' && outcome === 'undone' && now !== undefined;
  return moves.findLast((one) => !MOVED_NOTHING.has(one.outcome) && !undoneBack(one)) ?? moves.at(-1);
}

/** DigitalOcean serves; `verified` is how the verification after the cutover ended, if there was one. */
function moved(record: MigrationRecord, verified: string | undefined): Verdict {
  if (verified === undefined)
    return {
      tone: 'open',
      words: 'Moved, not verified yet',
      sentence: `${SERVES_ON_DIGITALOCEAN} No verification has run after the cutover.`,
    };
  if (verified !== 'verified')
    return {
      tone: 'bad',
      words: 'Moved, and the verification failed',
      sentence: `${SERVES_ON_DIGITALOCEAN} ${failedChecks(record)}`,
    };
  if (readChecks(record).checks.some(({ state }) => state === 'failed'))
    return {
      tone: 'bad',
      words: 'Moved and verified, and a check failed',
      sentence: `${SERVES_ON_DIGITALOCEAN} ${failedChecks(record)}`,
    };
  return {
    tone: 'good',
    words: 'Moved and verified',
    sentence: `${SERVES_ON_DIGITALOCEAN} Everything that was looked at afterwards is as it must be.`,
  };
}

function rolledBack(outcome: string, now: string | undefined, reason: string | undefined): Verdict {
  const stopped = STOPPED[outcome];
  const why = [now, reason].filter((part) => part !== undefined).join(' Why: ');
  if (outcome === 'rolled-back')
    return {
      tone: 'good',
      words: 'Back on Heroku',
      sentence: 'Heroku serves again, with everything that the new side had taken since the switch.',
    };
  if (outcome === 'undone' && now === undefined)
    return {
      tone: 'open',
      words: 'Undone: Heroku serves',
      sentence:
        'The cutover had stopped before its point of no return, and everything it had done is undone.',
    };
  if (stopped === undefined)
    return {
      tone: 'open',
      words: 'Heroku serves',
      sentence: `The roll-back ended as ${outcome}. ${why}`.trim(),
    };
  return { ...stopped, words: stopped.words('roll-back'), sentence: why };
}

/** Before any cutover. */
function notYet(
  record: MigrationRecord,
  newest: { phase: string; outcome: string; reason?: string | undefined } | undefined,
): Verdict {
  if (newest === undefined)
    return { tone: 'open', words: 'Nothing was done yet', sentence: 'The record holds no phase.' };
  const failed = readChecks(record).checks.filter(({ state }) => state === 'failed');
  if (failed.length > 0 || ['failed', 'blocked'].includes(newest.outcome) || newest.outcome in STOPPED)
    return {
      tone: 'bad',
      words: 'Not ready',
      sentence:
        failed.length > 0
          ? `Heroku serves. ${failedChecks(record)}`
          : `Heroku serves. The newest phase, ${newest.phase}, ended as ${newest.outcome}. ${newest.reason ?? ''}`.trim(),
    };
  return {
    tone: 'open',
    words: 'Prepared',
    sentence: `Heroku serves, and no cutover has begun. The newest phase, ${newest.phase}, ended as ${newest.outcome}.`,
  };
}

function failedChecks(record: MigrationRecord): string {
  const failed = readChecks(record).checks.filter(({ state }) => state === 'failed').length;
  return failed === 1 ? 'One check failed.' : `${failed} checks failed.`;
}
