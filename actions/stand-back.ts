import { MoveAtWorkError } from '../src/digitalocean/move-at-work.ts';
import type { Edge } from '../src/github/run.ts';
import type { LeaseHeldError } from '../src/migration/lease.ts';
import type { Phase } from '../src/migration/record.ts';
import { heading, paragraph } from '../src/report/summary.ts';
import type { Subject } from './subject.ts';
import { recordPhase } from './subject.ts';

/**
 * Ends a job of the schedule that came while another run is at work: tells it in log, summary and record, and succeeds,
 * since the schedule comes again. Throws what it stood back before when that has been there for longer than moves take:
 * a machine may have died, and somebody must look.
 */
export async function standBack(
  edge: Edge,
  subject: Subject,
  { phase, ...section }: { phase: Phase } & Record<string, unknown>,
  before: MoveAtWorkError | LeaseHeldError,
): Promise<void> {
  const { config, environment } = subject;
  const what = `${config.application} (${environment.name}): stood back, another run is at work`;
  edge.log.info(before.message);
  await recordPhase(edge, subject, phase, {
    ...section,
    outcome: 'stood-back',
    changed: false,
    why: before.message,
  });
  await edge.summary([heading(what, 2), paragraph(before.message)].join('\n\n'));
  if (before instanceof MoveAtWorkError && before.unusual) throw before;
}
