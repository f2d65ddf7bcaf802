import type { Edge } from '../../src/github/run.ts';
import { readAllInPipeline } from '../../src/heroku/all-in-pipeline.ts';
import type { HerokuClient } from '../../src/heroku/client.ts';
import { inTurns } from '../../src/in-turns.ts';
import { maskConfigVars } from '../../src/migration/source.ts';
import { readAppBriefly, unofficialOf, type AppFound } from './read-app.ts';
import { createUnknowns } from './unknowns.ts';

/** The other apps of a pipeline. */
export interface OthersFound {
  /** `null`: not known. */
  pipeline: string | null;
  apps: AppFound[];
  /** Apps that exist while a pull request is open; they are not looked at. */
  reviewApps: number;
  /** What could not be read: `what: why`. */
  unknown: readonly string[];
}

/** Connections to databases that are open at the same time, each to another server. */
const DATABASES_AT_ONCE = 8;

/**
 * Reads every other app of the pipeline that `app` belongs to: inventories side by side within Heroku's limit, then a brief
 * look into their databases. Nothing is changed. A pipeline or an app that cannot be read is told.
 */
export async function readOthers(edge: Edge, heroku: HerokuClient, app: string): Promise<OthersFound> {
  const unknowns = createUnknowns(edge);
  const found = await unknowns.orTell("the pipeline's other apps", () =>
    readAllInPipeline(heroku, app, {
      unofficial: unofficialOf(edge),
      mask: (configVars) => maskConfigVars(configVars, edge),
      except: app,
    }),
  );
  if (found === undefined) return { pipeline: null, apps: [], reviewApps: 0, unknown: unknowns.found };
  const apps = await inTurns(DATABASES_AT_ONCE, found.apps, ({ inventory, configVars }) =>
    readAppBriefly(edge, inventory, configVars),
  );
  return {
    pipeline: found.pipeline.name,
    apps,
    reviewApps: found.pipeline.reviewApps?.open ?? 0,
    unknown: found.gaps.map(({ what, why }) => `${what}: ${why}`),
  };
}
