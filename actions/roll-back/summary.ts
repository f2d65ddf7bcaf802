import { heading, list } from '../../src/report/summary.ts';
import type { Subject } from '../subject.ts';
import type { RollBack } from './roll-back.ts';

const VERDICTS: Record<RollBack['outcome'], string> = {
  'nothing-to-do': 'No cutover had begun: nothing was changed.',
  undone: 'The cutover had stopped before its point of no return; everything it had done is undone.',
  'rolled-back':
    'The new side had taken no writes, which was proven row by row; Heroku takes writes and visitors again.',
};

export function rollBackSummary(subject: Subject, done: RollBack): string {
  return [
    heading(`${subject.config.application} (${subject.environment.name}) runs on Heroku`, 2),
    VERDICTS[done.outcome],
    list(done.steps),
  ].join('\n\n');
}
