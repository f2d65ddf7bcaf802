import { z } from 'zod';

import type { MigrationRecord } from '../migration/record.ts';
import { probeIds, type ProbeId } from './probes.ts';

/**
 * How a probe ended: `passed` and `failed` are the platform's answer; `not-asked` says that there was none, and is never
 * taken for either.
 */
const probeResults = ['passed', 'failed', 'not-asked'] as const;
export type ProbeResult = (typeof probeResults)[number];

/** One probe, once. */
export interface Probed {
  id: ProbeId;
  result: ProbeResult;
  /** What was seen, or why nothing was. */
  seen: string;
  /** When it ended, in ISO 8601. */
  at: string;
  milliseconds: number;
}

/** Of the record's section `probe`. Probes of another version that this one does not know are passed over. */
const sectionSchema = z.object({
  probes: z.array(
    z.object({
      id: z.string(),
      result: z.enum(probeResults),
      seen: z.string(),
      at: z.iso.datetime(),
      milliseconds: z.number(),
    }),
  ),
});

/** The name of the artifact in which a run of the probes keeps its record. */
export function probeArtifact(environment: string): string {
  return `migration-record-${environment}-${PROBE_LABEL}`;
}

/** Tells what the probes make from what a migration makes: in names, in tags, in the record's migration id. */
export const PROBE_LABEL = 'probe';

/**
 * What each probe told last, whichever run it was. A probe that could not be asked tells nothing, so that an older answer
 * stands; it counts only where there is none.
 */
export function newestAnswers(records: readonly MigrationRecord[]): Map<ProbeId, Probed> {
  const newest = new Map<ProbeId, Probed>();
  for (const one of records.flatMap(probedIn)) {
    const known = newest.get(one.id);
    if (known === undefined || weight(one) > weight(known)) newest.set(one.id, one);
  }
  return newest;
}

function weight({ result, at }: Probed): number {
  return Date.parse(at) - (result === 'not-asked' ? Number.MAX_SAFE_INTEGER / 2 : 0);
}

function probedIn({ sections }: MigrationRecord): Probed[] {
  return sections.flatMap(({ phase, data }) => {
    const parsed = phase === 'probe' ? sectionSchema.safeParse(data) : undefined;
    return (parsed?.data?.probes ?? []).flatMap((one) => (isProbe(one.id) ? [{ ...one, id: one.id }] : []));
  });
}

export function isProbe(id: string): id is ProbeId {
  return (probeIds as string[]).includes(id);
}
