import { z } from 'zod';

/** Where a thing was found. */
export const areas = [
  'app',
  'process',
  'schedule',
  'add-on',
  'variable',
  'domain',
  'traffic',
  'postgres',
  'redis',
  'consumer',
  'repository',
] as const;

/**
 * One thing that assess found, and what becomes of it. Nothing is dropped in silence: whatever was found is an item, and
 * every verdict says why.
 */
export const itemSchema = z.object({
  /** Stays the same from run to run, such as `add-on/papertrail` or `postgres/invalid-index`; migration.yml answers by it. */
  id: z.string(),
  area: z.enum(areas),
  /** The thing by its name. */
  what: z.string(),
  verdict: z.enum(['automatic', 'decide', 'blocked']),
  /** `automatic`: what it becomes. `decide`: what happens by default, once accepted. `blocked`: empty. */
  becomes: z.string(),
  /** `decide` only: what a person must answer, and the answers that migration.yml may hold under `decisions`. */
  question: z.string().nullable(),
  options: z.array(z.string()),
  /** The evidence: metric, plan, rule. */
  why: z.string(),
  /** What to do about it: the exact command, setting or page. */
  remedy: z.string().nullable(),
});
export type Item = z.infer<typeof itemSchema>;

/** What was found and is taken care of. */
export function automatic(item: Pick<Item, 'id' | 'area' | 'what' | 'becomes' | 'why'>): Item {
  return { ...item, verdict: 'automatic', question: null, options: [], remedy: null };
}

/** What a person must decide; `options` begins with the default. */
export function decide(
  item: Pick<Item, 'id' | 'area' | 'what' | 'question' | 'options' | 'why' | 'remedy'>,
): Item {
  return { ...item, verdict: 'decide', becomes: item.options[0] ?? '' };
}

/** What stands in the way. */
export function blocked(item: Pick<Item, 'id' | 'area' | 'what' | 'why' | 'remedy'>): Item {
  return { ...item, verdict: 'blocked', becomes: '', question: null, options: [] };
}
