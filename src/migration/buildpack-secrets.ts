import type { Item } from './item.ts';

/** The answer by which a variable that only dynos have is read once from one of them; the default for such a variable. */
export const READ_FROM_DYNO = 'read-from-dyno';

/** The names that the plan reads from a dyno. */
export function readFromDyno(items: readonly Pick<Item, 'id' | 'becomes'>[]): string[] {
  return items.flatMap(({ id, becomes }) => {
    const name = /^variable\/([A-Za-z_][A-Za-z0-9_]*)$/.exec(id)?.[1];
    return name !== undefined && becomes === READ_FROM_DYNO ? [name] : [];
  });
}
