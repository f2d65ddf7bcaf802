import type { HerokuInventory } from '../heroku/inventory.ts';
import { automatic, decide, type Item } from './item.ts';

/** Where Heroku's regions lie, and which of App Platform's are nearest: `init` proposes the first. */
const NEAREST: Readonly<Record<string, { place: string; near: readonly string[] }>> = {
  us: { place: 'Virginia', near: ['nyc', 'tor'] },
  virginia: { place: 'Virginia', near: ['nyc', 'tor'] },
  oregon: { place: 'Oregon', near: ['sfo'] },
  montreal: { place: 'Montreal', near: ['tor', 'nyc'] },
  eu: { place: 'Dublin, in the European Union', near: ['ams', 'fra'] },
  dublin: { place: 'Dublin, in the European Union', near: ['ams', 'fra'] },
  frankfurt: { place: 'Frankfurt', near: ['fra', 'ams'] },
  london: { place: 'London', near: ['lon'] },
  tokyo: { place: 'Tokyo', near: ['sgp'] },
  singapore: { place: 'Singapore', near: ['sgp'] },
  sydney: { place: 'Sydney', near: ['syd'] },
  mumbai: { place: 'Mumbai', near: ['blr'] },
};

/** App Platform's regions next to one of Heroku's, nearest first; empty for one that is not known. */
export function nearestRegions(herokuRegion: string): readonly string[] {
  return NEAREST[herokuRegion]?.near ?? [];
}

/** Where the app runs, and where it would run near there. */
export function regionItems({ app }: HerokuInventory): Item[] {
  const known = NEAREST[app.region];
  const id = 'app/region';
  if (known === undefined) {
    return [
      decide({
        id,
        area: 'app',
        what: `the region ${app.region}`,
        question:
          'Is the region in migration.yml near the app’s users and partners, and where its data may lie?',
        options: ['as-written'],
        why: 'where this region lies is not known here',
        remedy: 'Check `region` in migration.yml.',
      }),
    ];
  }
  return [
    automatic({
      id,
      area: 'app',
      what: `the region ${app.region} (${known.place})`,
      becomes: `the region that migration.yml names; the nearest is ${known.near.join(', then ')}`,
      why: 'the distance to users, partners and what stays behind decides how fast it is',
    }),
  ];
}
