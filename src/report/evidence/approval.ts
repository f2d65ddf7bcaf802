import { z } from 'zod';

import type { MigrationRecord } from '../../migration/record.ts';
import type { Section } from './document.ts';
import { tableOf } from './document.ts';
import type { Moved } from './moved.ts';
import { readMoved } from './moved.ts';

const gate = z.object({
  mode: z.string(),
  approvedBy: z.string().nullable(),
  checks: z.array(z.object({ what: z.string(), found: z.string() })),
});

const planned = z.object({ planDigest: z.string() });

/** Who approved what and when, with everything that the gate looked at. */
export function approvalSection(record: MigrationRecord): Section | undefined {
  const moved = readMoved(record);
  if (moved === undefined) return undefined;
  const evidence = gate.safeParse(moved.gate).data;
  if (evidence === undefined) {
    return {
      id: 'approval',
      title: 'Approval',
      blocks: [
        {
          kind: 'text',
          text: 'The gate did not let this cutover begin, or its evidence is not in the record.',
          tone: 'open',
        },
      ],
    };
  }
  return {
    id: 'approval',
    title: 'Approval',
    blocks: [
      { kind: 'text', text: whoAndWhen(moved, evidence) },
      ...tableOf(
        [{ title: 'What the gate looked at' }, { title: 'What it found' }],
        evidence.checks.map(({ what, found }) => [
          what,
          found.startsWith('sha256:') ? { text: found, code: true } : found,
        ]),
      ),
    ],
  };
}

/** The name beside the verdict; `null` without a gate. */
export function approvedBy(record: MigrationRecord): string | null | undefined {
  return gate.safeParse(readMoved(record)?.gate).data?.approvedBy;
}

function whoAndWhen({ steps, actor, at }: Moved, { mode, approvedBy }: z.infer<typeof gate>): string {
  const read = steps.find(({ name }) => name === 'gate')?.begunAt ?? at;
  const when = `${read.slice(0, 10)} at ${read.slice(11, 19)} UTC`;
  if (approvedBy === null)
    return `No second person was asked: this environment is not protected in migration.yml. Started by ${actor}; looked at on ${when}.`;
  // GitHub tells who approved a run, and not when (REST API, "Get the review history for a workflow run").
  return mode === 'second-dispatch'
    ? `${approvedBy} started the cutover of the plan below, which somebody else had prepared. The gate proved it on ${when}.`
    : `${approvedBy} approved the plan below; the run was started by ${actor}. The gate proved it on ${when}: GitHub tells who approved, and not at which second.`;
}

/** The plan that was approved. */
export function planDigestOf(record: MigrationRecord): string | undefined {
  const assess = record.sections.findLast(
    ({ phase, data }) => phase === 'assess' && planned.safeParse(data).success,
  );
  return planned.safeParse(assess?.data).data?.planDigest;
}
