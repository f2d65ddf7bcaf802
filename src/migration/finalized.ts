import type { StepJournal } from './journal.ts';

/** The phase that ends the way back, as the journal knows it. */
export const FINALIZE = 'finalize';

/** When the way back was ended on purpose; `undefined` while it is kept, or none ever was. */
export async function finalizedAt(journal: Pick<StepJournal, 'steps'>): Promise<Date | undefined> {
  const ended = (await journal.steps(FINALIZE)).find(
    ({ pointOfNoReturn, status }) => pointOfNoReturn && status === 'done',
  );
  return ended === undefined ? undefined : (ended.finishedAt ?? ended.begunAt);
}
