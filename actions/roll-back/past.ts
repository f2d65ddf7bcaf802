import type { StepRow } from '../../src/migration/journal.ts';
import { REVERSE_CAPTURE } from '../cutover/reverse.ts';

/** What the journal knows of the cutover that is to be reversed. */
export interface Past {
  /** The row of a step that was begun and is not undone. */
  step(name: string): StepRow | undefined;
  /** The new side has been opened, or may have been. */
  wasOpened: boolean;
  /** The new side logs what changes there: it can be carried back. */
  isCaptured: boolean;
}

export function pastOf(cutover: readonly StepRow[]): Past {
  const step = (name: string): StepRow | undefined =>
    cutover.find((row) => row.name === name && row.status !== 'undone');
  return {
    step,
    wasOpened: step('open-new-side') !== undefined,
    isCaptured: step(REVERSE_CAPTURE)?.status === 'done',
  };
}
