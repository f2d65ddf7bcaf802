import type { HerokuClient } from './client.ts';
import { readFormation, scale } from './formation.ts';
import type { FormationProcess } from './formation.ts';
import { readCurrentSlug } from './release.ts';

/**
 * Brings quantities and sizes back to what `readFormation` gave before. A process type that neither the formation nor the
 * code knows any more, since other code was deployed meanwhile, is left out: Heroku would refuse all of the change for it.
 */
export async function restoreFormation(
  client: HerokuClient,
  app: string,
  recorded: readonly FormationProcess[],
): Promise<void> {
  const [formation, slug] = await Promise.all([readFormation(client, app), readCurrentSlug(client, app)]);
  const known = new Set([
    ...formation.map(({ type }) => type),
    ...(slug === undefined ? recorded.map(({ type }) => type) : Object.keys(slug.process_types)),
  ]);
  const updates = recorded
    .filter(({ type }) => known.has(type))
    .map(({ type, quantity, size }) => ({ type, quantity, size }));
  await scale(client, app, updates);
}
