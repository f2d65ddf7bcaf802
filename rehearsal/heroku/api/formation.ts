import { z } from 'zod';
import { findNamed, type DynoSize } from '../catalogue.ts';
import { reconcile, restart } from '../formation.ts';
import { currentRelease, type App, type FormationEntry, type Platform } from '../platform.ts';
import { appIdentity } from './app.ts';
import { bodyOf, quantity, reference } from './body.ts';
import { invalid, Refusal } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { identity, times } from './view.ts';

/** Formation: https://devcenter.heroku.com/articles/platform-api-reference#formation */
export const formationRoutes: Route[] = [
  list('/apps/:app/formation', ({ app }) => app.formation.map((entry) => formationView(app, entry))),
  read('/apps/:app/formation/:type', ({ app, params }) => formationView(app, entryOf(app, params['type']))),
  change('PATCH', '/apps/:app/formation', updateFormation),
  change('PATCH', '/apps/:app/formation/:type', updateEntry),
];

const updateFields = {
  quantity: quantity.optional(),
  dyno_size: reference.optional(),
  /** Older clients say `size`. */
  size: z.string().optional(),
};

interface Update {
  entry: FormationEntry;
  quantity: number;
  size: DynoSize;
}

function updateFormation(call: Call): unknown {
  const { platform, app } = call;
  const { updates } = bodyOf(
    call,
    z.object({ updates: z.array(z.object({ type: z.string(), ...updateFields })) }),
  );
  // All or none: nothing changes when one of them cannot be.
  apply(
    platform,
    app,
    updates.map((update) => planned(platform, entryOf(app, update.type), update)),
  );
  return updates.map((update) => formationView(app, entryOf(app, update.type)));
}

function updateEntry(call: Call): unknown {
  const { platform, app, params } = call;
  const entry = entryOf(app, params['type']);
  apply(platform, app, [planned(platform, entry, bodyOf(call, z.object(updateFields)))]);
  return formationView(app, entry);
}

function planned(
  platform: Platform,
  entry: FormationEntry,
  update: { quantity?: number | undefined; dyno_size?: string | undefined; size?: string | undefined },
): Update {
  const wanted = update.dyno_size ?? update.size;
  const size = wanted === undefined ? entry.size : findNamed(platform.catalogue.dynoSizes, wanted);
  if (!size) throw invalid(`No such size as ${wanted ?? ''}.`);
  return { entry, size, quantity: update.quantity ?? entry.quantity };
}

function apply(platform: Platform, app: App, updates: Update[]): void {
  for (const { entry, size, quantity: wanted } of updates) {
    const resized = entry.size !== size;
    Object.assign(entry, { size, quantity: wanted, updatedAt: new Date() });
    if (resized) restart(platform, app, (dyno) => dyno.type === entry.type);
  }
  reconcile(platform, app);
}

function entryOf(app: App, idOrType = ''): FormationEntry {
  const entry = app.formation.find(({ id, type }) => type === idOrType || id === idOrType);
  if (!entry) throw new Refusal(404, 'not_found', `Couldn't find that process type (${idOrType}).`);
  return entry;
}

function formationView(app: App, entry: FormationEntry): unknown {
  return {
    app: appIdentity(app),
    command: currentRelease(app)?.slug?.processTypes[entry.type] ?? '',
    ...times(entry),
    dyno_size: identity(entry.size),
    id: entry.id,
    quantity: entry.quantity,
    size: entry.size.name,
    type: entry.type,
  };
}
