import { z } from 'zod';

import type { MigrationRecord } from '../../migration/record.ts';
import type { Downtime } from './document.ts';

const step = z.object({
  name: z.string(),
  status: z.string(),
  begunAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
});
/** As a phase that failed tells its steps. */
const failedStep = z
  .object({ name: z.string(), ended: z.string(), begunAt: z.iso.datetime(), endedAt: z.iso.datetime() })
  .transform(({ name, ended, begunAt, endedAt }) => ({ name, status: ended, begunAt, finishedAt: endedAt }));
const cutover = z.object({
  outcome: z.string(),
  steps: z.array(z.union([step, failedStep])),
  downtimeMs: z.number().optional(),
  downtime: z
    .object({ from: z.iso.datetime(), to: z.iso.datetime(), held: z.boolean().default(false) })
    .nullish(),
  gate: z.unknown().optional(),
  preFlight: z.unknown().optional(),
  parity: z.unknown().optional(),
  redis: z.unknown().optional(),
  jobs: z.unknown().optional(),
  forecast: z.unknown().optional(),
});

/** The newest cutover in the record that took steps, whether it moved or was undone. */
export interface Moved extends z.infer<typeof cutover> {
  /** Who started the run, and when the section was written. */
  actor: string;
  runUrl: string;
  at: string;
}

export function readMoved(record: MigrationRecord): Moved | undefined {
  const cutovers = record.sections.flatMap(({ phase, data, run, at }): Moved[] => {
    const parsed = phase === 'cutover' ? cutover.safeParse(data).data : undefined;
    return parsed === undefined ? [] : [{ ...parsed, actor: run.actor, runUrl: run.runUrl, at }];
  });
  // One that was refused later took no step, and does not hide the one that did.
  return cutovers.findLast(({ steps }) => steps.length > 0) ?? cutovers.at(-1);
}

/** The time without service as the runner saw it; `undefined` when nobody was kept away. */
export function downtimeOf({ downtime, steps }: Moved): Downtime | undefined {
  if (downtime) return { from: new Date(downtime.from), to: new Date(downtime.to), held: downtime.held };
  // Records before the downtime was told by itself, and cutovers that were undone.
  const closed = steps.find(({ name }) => name === 'maintenance-mode');
  const open = steps.find(({ name }) => name === 'smoke')?.finishedAt ?? undone(closed);
  return closed === undefined || open === undefined
    ? undefined
    : { from: new Date(closed.begunAt), to: new Date(open), held: false };
}

function undone(closed: Moved['steps'][number] | undefined): string | undefined {
  return closed?.status === 'undone' ? (closed.finishedAt ?? undefined) : undefined;
}
