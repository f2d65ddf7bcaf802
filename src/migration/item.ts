import { z } from 'zod';

import { quoted } from '../errors.ts';

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
  /**
   * What a person must answer, and the answers that migration.yml may hold under `decisions`. An item that is
   * `automatic` and has a question was answered there.
   */
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

/** What is taken care of, and a reviewer should know all the same: something changes, or is less than it was. */
export function told(item: Pick<Item, 'id' | 'area' | 'what' | 'becomes' | 'why' | 'remedy'>): Item {
  return { ...item, verdict: 'automatic', question: null, options: [] };
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

export const verdicts = ['ready', 'decisions-needed', 'blocked'] as const;
/** Of a whole plan: its worst item decides. */
export type Verdict = (typeof verdicts)[number];

export function verdictOf(items: readonly Item[]): Verdict {
  if (items.some(({ verdict }) => verdict === 'blocked')) return 'blocked';
  return items.some(({ verdict }) => verdict === 'decide') ? 'decisions-needed' : 'ready';
}

export function blockersIn(items: readonly Item[]): Item[] {
  return items.filter(({ verdict }) => verdict === 'blocked');
}

/** The questions that nobody has answered yet. */
export function undecidedIn(items: readonly Item[]): Item[] {
  return items.filter(({ verdict }) => verdict === 'decide');
}

/** What happens by itself, and differs enough from today that a reviewer should see it. */
export function worthKnowingIn(items: readonly Item[]): Item[] {
  return items.filter(
    ({ verdict, remedy, question }) => verdict === 'automatic' && remedy !== null && question === null,
  );
}

/** What migration.yml answered. */
export function answeredIn(items: readonly Item[]): Item[] {
  return items.filter(({ verdict, question }) => verdict === 'automatic' && question !== null);
}

/** How much of a person's time it asks for. */
function gravityOf({ verdict, remedy }: Item): number {
  if (verdict === 'blocked') return 3;
  if (verdict === 'decide') return 2;
  return remedy === null ? 0 : 1;
}

/**
 * One list from what several readers found, in one order whatever order they answered in. Two that speak of the same
 * thing under one id give one item: the graver one, with the evidence of both. So nobody is asked twice. Names and
 * commands from outside may be of any length; what a person is to read, and the record keeps, is not.
 */
export function mergeItems(lists: readonly (readonly Item[])[]): Item[] {
  const byId = new Map<string, Item>();
  for (const item of lists.flat().map(readable)) {
    const known = byId.get(item.id);
    byId.set(item.id, known === undefined ? item : joined(known, item));
  }
  return [...byId.values()].sort(
    (a, b) => areas.indexOf(a.area) - areas.indexOf(b.area) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
}

function readable(item: Item): Item {
  const { id, what, becomes, question, why, remedy } = item;
  return {
    ...item,
    ...{ id: quoted(id), what: quoted(what), becomes: quoted(becomes), why: quoted(why) },
    question: question === null ? null : quoted(question),
    remedy: remedy === null ? null : quoted(remedy),
  };
}

function joined(one: Item, other: Item): Item {
  const [graver, lesser] = gravityOf(other) > gravityOf(one) ? [other, one] : [one, other];
  if (gravityOf(lesser) === 0 || graver.why.includes(lesser.why)) return graver;
  return { ...graver, why: `${graver.why}; ${lesser.why}` };
}

/** A part of an id: `Log drains` becomes `log-drains`. Dots and colons stay, as host names and plans have them. */
export function idPart(text: string): string {
  return (
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9.:_]+/g, '-')
      .replaceAll(/^-+|-+$/g, '')
      .slice(0, 80) || 'unnamed'
  );
}
