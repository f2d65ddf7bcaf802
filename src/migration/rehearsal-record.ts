import { z } from 'zod';

import type { MigrationRecord } from './record.ts';
import type { RehearsedDecisions } from './rehearsed-decisions.ts';

export const depths = ['copy', 'full', 'shadow'] as const;
/**
 * How far a rehearsal goes: `copy` to a target that is thrown away · `full`: the cutover of an environment, and back ·
 * `shadow`: as `copy`, with production's data.
 */
export type Depth = (typeof depths)[number];

/** `over-budget`: it went well, and took longer than migration.yml allows, or will. */
export const rehearsalOutcomes = ['passed', 'over-budget', 'failed', 'nothing-to-do'] as const;
export type RehearsalOutcome = (typeof rehearsalOutcomes)[number];

const decisionsSchema = z.object({ shared: z.string(), own: z.string() });

/** How a rehearsal ended, as its own section tells; written when everything else is over. */
const rehearsalSection = z.object({
  depth: z.enum(depths),
  outcome: z.enum(rehearsalOutcomes),
  decisions: decisionsSchema,
});

/** What a record tells of a rehearsal. `other`: it tried other decisions. `nothing`: there is none in it. */
export type Judged =
  | { verdict: 'passed'; at: Date; found: string }
  | { verdict: 'failed'; at: Date; why: string }
  | { verdict: 'other' }
  | { verdict: 'nothing' };

const cutoverSection = z.object({
  outcome: z.string(),
  decisions: decisionsSchema.optional(),
  steps: z.array(z.object({ finishedAt: z.string().nullish() })).default([]),
});
const outcome = z.object({ outcome: z.string() });
const copied = z.object({
  command: z.literal('copy').optional(),
  outcome: z.string(),
  tables: z.number().optional(),
  keys: z.number().optional(),
  /** What differed from the side that serves and writes on, one line a table. */
  movedOn: z.array(z.string()).default([]),
  /** Whether the new side bears what the old one bears. */
  checks: z.array(z.object({ state: z.string(), what: z.string() })).default([]),
});

/**
 * Whether an environment was cut over with these decisions, proven, and where it went back, well. The last cutover counts.
 *
 * @param mustEnd it was a scheduled rehearsal, which is over only with its own section: one that died half-way has none
 */
export function judgeFull(
  record: MigrationRecord,
  { decisions, mustEnd }: { decisions: Pick<RehearsedDecisions, 'shared'>; mustEnd: boolean },
): Judged {
  const { sections } = record;
  const ended = lastRehearsal(record, 'full');
  const index = sections.findLastIndex(({ phase }) => phase === 'cutover');
  const section = sections[index];
  if (section === undefined) {
    if (ended?.outcome !== 'failed') return { verdict: 'nothing' };
    if (ended.decisions.shared !== decisions.shared) return { verdict: 'other' };
    return { verdict: 'failed', at: ended.at, why: 'it failed before its cutover' };
  }
  const cutover = cutoverSection.safeParse(section.data).data;
  if (cutover === undefined)
    return { verdict: 'failed', at: new Date(section.at), why: 'its cutover is of an unknown form' };
  const at = new Date(
    cutover.steps.findLast(({ finishedAt }) => finishedAt != null)?.finishedAt ?? section.at,
  );
  const failed = (why: string): Judged => ({ verdict: 'failed', at: new Date(section.at), why });
  // One of a version that did not tell its decisions has tried nobody knows what.
  if (cutover.decisions?.shared !== decisions.shared) return { verdict: 'other' };
  if (!['moved', 'unchanged'].includes(cutover.outcome)) return failed(`its cutover is "${cutover.outcome}"`);

  const after = sections.slice(index + 1);
  const last = (phase: string): string | undefined =>
    after
      .filter((one) => one.phase === phase)
      .map(({ data }) => outcome.safeParse(data).data?.outcome ?? 'of an unknown form')
      .at(-1);
  const [verified, back] = [last('verify'), last('roll-back')];
  if (verified !== 'verified')
    return failed(`its new side was not verified (${verified ?? 'not looked at'})`);
  if (back !== undefined && !['rolled-back', 'nothing-to-do'].includes(back))
    return failed(`its way back is "${back}"`);
  if (ended !== undefined && ended.outcome !== 'passed') return failed(`it is "${ended.outcome}"`);
  if (ended === undefined && mustEnd) return failed('it did not come to its end');
  return {
    verdict: 'passed',
    at,
    found: `${record.environment} moved${back === 'rolled-back' ? ' and went back' : ''}, verified`,
  };
}

/** Whether production's data was copied to a target that was thrown away, and proven, with these decisions. */
export function judgeShadow(
  record: MigrationRecord,
  { decisions }: { decisions: Pick<RehearsedDecisions, 'own'> },
): Judged {
  const ended = lastRehearsal(record, 'shadow');
  if (ended === undefined || ended.outcome === 'nothing-to-do') return { verdict: 'nothing' };
  if (ended.decisions.own !== decisions.own) return { verdict: 'other' };
  if (ended.outcome !== 'passed') return { verdict: 'failed', at: ended.at, why: `it is "${ended.outcome}"` };
  const copy = judgeCopy(record);
  if (copy.verdict !== 'passed') return { verdict: 'failed', at: ended.at, why: 'it holds no proven copy' };
  return { verdict: 'passed', at: copy.at, found: `shadow: ${copy.found}` };
}

/**
 * Whether the newest copy in a record went well: its data was compared in full before it was recorded. What differed then is
 * told: the old side may have written it since, and nothing but the proof inside the fence tells whether it has. The real
 * target's own copy proves what a shadow does, on the very servers that will serve.
 */
export function judgeCopy(record: MigrationRecord): Judged {
  const section = record.sections.findLast(
    ({ phase, data }) =>
      phase === 'migrate-db' && (data as { command?: unknown } | null)?.command !== 'catch-up',
  );
  if (section === undefined) return { verdict: 'nothing' };
  const at = new Date(section.at);
  const copy = copied.safeParse(section.data).data;
  if (copy?.outcome !== 'copied' || copy.tables === undefined)
    return { verdict: 'failed', at, why: `the last copy is "${copy?.outcome ?? 'of an unknown form'}"` };
  const broken = copy.checks.find(({ state }) => state === 'failed');
  if (broken !== undefined)
    return { verdict: 'failed', at, why: `after the last copy this did not hold: ${broken.what}` };
  return {
    verdict: 'passed',
    at,
    found: `${copy.tables} tables and ${copy.keys ?? 0} keys copied and compared${differing(copy.movedOn)}`,
  };
}

/** A line of `movedOn` is a table, all sequences, or all keys. */
function differing(movedOn: readonly string[]): string {
  const tables = movedOn.filter((line) => line.startsWith('table ')).length;
  const named = [
    ...(tables === 0 ? [] : [`${tables} tables`]),
    ...movedOn.filter((line) => !line.startsWith('table ')),
  ];
  return named.length === 0
    ? ''
    : `; ${named.join(' and ')} differ, which Heroku may have written since: only the proof inside the fence can tell`;
}

function lastRehearsal(
  record: MigrationRecord,
  depth: Depth,
): (z.infer<typeof rehearsalSection> & { at: Date }) | undefined {
  for (const { phase, at, data } of record.sections.toReversed()) {
    const parsed = phase === 'rehearsal' ? rehearsalSection.safeParse(data).data : undefined;
    if (parsed?.depth === depth) return { ...parsed, at: new Date(at) };
  }
  return undefined;
}
