import { z } from 'zod';

import type { StepRow } from '../../src/migration/journal.ts';
import { REVERSE_CAPTURE } from '../cutover/reverse.ts';
import { cdnStepName } from '../cutover/cdn-traffic.ts';
import { dnsStepName } from '../cutover/dns-traffic.ts';
import { FRONT_DOOR } from '../cutover/front-door-traffic.ts';

/** A formation as the journal's prior states hold it. */
export const formation = z.array(
  z.object({ type: z.string(), quantity: z.number(), size: z.string(), command: z.string() }),
);
const parkPrior = z.object({ release: z.string().nullable() });
const parkedFrom = z.object({ parkedFrom: z.string() });

/** What the journal knows of the cutover that is to be reversed. */
export interface Past {
  /** The row of a step that was begun and is not undone. */
  step(name: string): StepRow | undefined;
  /** The release that ran before Heroku was parked; `null` when it was not, or none had ever run. */
  releaseBefore(): string | null;
  /** Names whose record was changed, or may have been, whether migration.yml still lists them or not. */
  movedNames: string[];
  /** Names that a CDN takes to the new side, or may. */
  switchedOrigins: string[];
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
    releaseBefore: () => {
      const row = step('park') ?? step(FRONT_DOOR);
      if (row === undefined) return null;
      return parkedFrom.safeParse(row.result).data?.parkedFrom ?? parkPrior.parse(row.prior).release;
    },
    movedNames: namesOf(cutover, dnsStepName('')),
    switchedOrigins: namesOf(cutover, cdnStepName('')),
    wasOpened: step('open-new-side') !== undefined,
    isCaptured: step(REVERSE_CAPTURE)?.status === 'done',
  };
}

function namesOf(cutover: readonly StepRow[], prefix: string): string[] {
  return cutover
    .filter(({ name, status }) => status !== 'undone' && name.startsWith(prefix))
    .map(({ name }) => name.slice(prefix.length));
}
