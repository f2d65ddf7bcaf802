/**
 * Sorted by what `text` makes of each. Heroku orders its lists by ids, which say nothing; the same world must give the
 * same plan.
 */
export function inOrder<T>(items: readonly T[], text: (item: T) => string): T[] {
  return [...items]
    .map((item) => ({ item, key: text(item) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ item }) => item);
}
