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

const commanded = z.object({ command: z.enum(['watch', 'compare']) });

/**
 * Everything that was looked at, in the newest section of each kind that looked: verify, its watch of the way back, its
 * comparison of both sides before the switch, and the copy (capacity). What a later one looked at again is told once.
 */
export function readChecks(record: MigrationRecord): SeenChecks {
  const newest = (isMeant: (section: MigrationRecord['sections'][number]) => boolean): unknown =>
    record.sections.findLast(isMeant)?.data;
  const commandOf = (data: unknown): string => commanded.safeParse(data).data?.command ?? 'verify';
  const byVerify = (command: string): unknown =>
    newest(({ phase, data }) => phase === 'verify' && commandOf(data) === command);
  const verify = byVerify('verify');
  const copy = newest(({ phase, data }) => phase === 'migrate-db' && withChecks.safeParse(data).success);
  const checks = [
    ...checksIn(byVerify('watch')),
    ...(withChecks.safeParse(verify).data?.checks ?? fromHttp(verify)),
    ...checksIn(copy),
    // Old and new side answer side by side only before the switch.
    ...checksIn(byVerify('compare')),
  ];
  const seen = new Set<string>();
  const once = checks.filter(({ id }) => !seen.has(id) && seen.add(id));
  const failures = withFailures.safeParse(verify).data?.failures ?? [];
  const told = new Set(once.filter(({ state }) => state === 'failed').flatMap(linesOf));
  return { checks: once, failures: failures.filter((line) => !told.has(line)) };
}

function checksIn(data: unknown): SeenCheck[] {
  return withChecks.safeParse(data).data?.checks ?? [];
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
