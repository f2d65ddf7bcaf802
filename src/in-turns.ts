/**
 * Runs `run` for each item, at most `atOnce` at the same time, and gives the results in the order of the items. The first
 * failure is thrown; nothing new begins after it.
 */
export async function inTurns<Item, Result>(
  atOnce: number,
  items: readonly Item[],
  run: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = items.entries();
  let failed = false;
  await Promise.all(
    Array.from({ length: Math.min(atOnce, items.length) }, async () => {
      for (const [index, item] of waiting) {
        if (failed) return;
        try {
          results[index] = await run(item);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    }),
  );
  return results;
}
