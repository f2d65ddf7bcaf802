import { z } from 'zod';

import { CHECK_AREAS } from '../../checks/result.ts';
import type { MigrationRecord } from '../../migration/record.ts';
import type { Block, Cell, Section, Tone } from './document.ts';
import { tableOf } from './document.ts';

const check = z.object({
  id: z.string(),
  area: z.string(),
  what: z.string(),
  found: z.string(),
  state: z.enum(['passed', 'failed', 'told']),
  remedy: z.string().optional(),
  milliseconds: z.object({ newSide: z.number(), oldSide: z.number().optional() }).optional(),
});
export type SeenCheck = z.infer<typeof check>;

const withChecks = z.object({ checks: z.array(check) });
/** Records of verify before its checks were one list. */
const withHttp = z.object({
  http: z.array(
    z.object({ url: z.string(), passed: z.boolean(), found: z.string(), milliseconds: z.number() }),
  ),
});
const withFailures = z.object({ failures: z.array(z.string()) });

export interface SeenChecks {
  checks: SeenCheck[];
  /** What else the newest verify called a failure, and has no check of its own. */
  failures: string[];
}

const KINDS = ['verify', 'watch', 'compare', 'copy'] as const;
type Kind = (typeof KINDS)[number];

const sectionOfVerify = z.object({
  command: z.enum(['verify', 'watch', 'compare']).default('verify'),
  outcome: z.string().optional(),
  state: z.string().optional(),
});

/** A section in which something was looked at. */
interface Look {
  index: number;
  kind: Kind;
  /** DigitalOcean served, and Heroku was asked nothing any more. */
  moved: boolean;
  data: unknown;
}

/**
 * Everything that was looked at, in the newest section of each kind that looked: verify, its watch of the way back, its
 * comparison of both sides before the switch, and the copy (capacity). What a later one looked at again is told once, as
 * the later one saw it; what only could be measured while both sides served stands as it was measured.
 */
export function readChecks(record: MigrationRecord): SeenChecks {
  const looks = record.sections.flatMap(({ phase, data }, index) => lookIn(phase, data, index));
  const newest = KINDS.flatMap((kind) => looks.findLast((look) => look.kind === kind) ?? []);
  const verify = newest.find(({ kind }) => kind === 'verify');
  const own = checksOf(verify);
  const seen = new Map<string, SeenCheck>();
  for (const look of newest.sort((one, other) => other.index - one.index)) {
    const isPast = look.kind === 'compare' && verify?.moved === true && verify.index > look.index;
    for (const check of checksOf(look)) {
      if (isPast && !ofBothSides(check)) continue;
      const later = seen.get(check.id);
      if (later === undefined || (later.state === 'told' && !ofBothSides(later) && ofBothSides(check)))
        seen.set(check.id, check);
    }
  }
  const failures = withFailures.safeParse(verify?.data).data?.failures ?? [];
  const told = new Set(own.filter(({ state }) => state === 'failed').flatMap(linesOf));
  return { checks: [...seen.values()], failures: failures.filter((line) => !told.has(line)) };
}

function lookIn(phase: string, data: unknown, index: number): Look[] {
  if (phase === 'migrate-db' && withChecks.safeParse(data).success)
    return [{ index, kind: 'copy', moved: false, data }];
  const section = phase === 'verify' ? sectionOfVerify.safeParse(data).data : undefined;
  if (section === undefined) return [];
  // A comparison that had nothing to compare takes nothing back of the one before.
  if (section.command === 'compare' && section.outcome === 'nothing-to-do') return [];
  return [{ index, kind: section.command, moved: section.state === 'moved', data }];
}

function checksOf(look: Look | undefined): SeenCheck[] {
  if (look === undefined) return [];
  return withChecks.safeParse(look.data).data?.checks ?? (look.kind === 'verify' ? fromHttp(look.data) : []);
}

function ofBothSides({ area, milliseconds }: SeenCheck): boolean {
  return area === 'compare' || milliseconds?.oldSide !== undefined;
}

function fromHttp(data: unknown): SeenCheck[] {
  return (withHttp.safeParse(data).data?.http ?? []).map(({ url, passed, found, milliseconds }) => ({
    id: `function/${url}`,
    area: 'function',
    what: url,
    found,
    state: passed ? 'passed' : 'failed',
    milliseconds: { newSide: milliseconds },
  }));
}

/** The forms in which verify tells a failed check as a line. */
function linesOf({ what, found, remedy }: SeenCheck): string[] {
  return [`${what}: ${found}`, `${what}: ${found} – ${remedy ?? ''}`];
}

const STATES: Record<SeenCheck['state'], { text: string; tone: Tone }> = {
  failed: { text: 'failed', tone: 'bad' },
  passed: { text: 'passed', tone: 'good' },
  told: { text: 'to read', tone: 'plain' },
};
const ORDER = Object.keys(STATES);

/** Every check with what was seen, what failed first, then area by area in the order of the record. */
export function checksSection(record: MigrationRecord): Section {
  const { checks, failures } = readChecks(record);
  const bad = checks.filter(({ state }) => state === 'failed');
  const areas = [...new Set(checks.map(({ area }) => area))].sort((a, b) => rankOf(a) - rankOf(b));
  return {
    id: 'checks',
    title: 'Every check, with what was seen',
    blocks:
      checks.length + failures.length === 0
        ? [{ kind: 'text', text: 'No verification has run yet: nothing was checked.', tone: 'open' }]
        : [
            {
              kind: 'text',
              text: `${checks.filter(({ state }) => state === 'passed').length} passed, ${bad.length + failures.length} failed, ${checks.filter(({ state }) => state === 'told').length} to be read by a person.`,
              ...(bad.length + failures.length > 0 ? { tone: 'bad' } : {}),
            },
            ...(failures.length === 0
              ? []
              : [
                  {
                    kind: 'list',
                    items: failures.slice(0, 50).map((text) => ({ text, tone: 'bad' as const })),
                  } as const,
                ]),
            ...(bad.length === 0 ? [] : checkTable(bad)),
            ...areas.flatMap((area): Block[] => {
              const rest = checks.filter((one) => one.area === area && one.state !== 'failed');
              return rest.length === 0
                ? []
                : [{ kind: 'folded', title: `${titleOf(area)} (${rest.length})`, blocks: checkTable(rest) }];
            }),
          ],
  };
}

function checkTable(checks: readonly SeenCheck[]): Block[] {
  return tableOf(
    [{ title: 'What must be true' }, { title: 'What was seen' }, { title: 'State' }],
    checks
      .toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state))
      .map(({ what, found, state, remedy }): Cell[] => [
        what,
        remedy === undefined ? found : `${found} – ${remedy}`,
        STATES[state],
      ]),
  );
}

/** In the order of the areas; what this version does not know comes last. */
function rankOf(area: string): number {
  const rank = CHECK_AREAS.findIndex((one) => one === area);
  return rank === -1 ? CHECK_AREAS.length : rank;
}

/** `third-parties` → "Third parties". */
function titleOf(area: string): string {
  const words = area.replaceAll('-', ' ');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}
