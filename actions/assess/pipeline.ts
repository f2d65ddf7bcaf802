import type { Edge } from '../../src/github/run.ts';
import { readAllInPipeline } from '../../src/heroku/all-in-pipeline.ts';
import { readSeveralApps } from '../../src/heroku/several-apps.ts';
import type { HerokuClient } from '../../src/heroku/client.ts';
import { inTurns } from '../../src/in-turns.ts';
import { maskConfigVars } from '../../src/migration/source.ts';
import { readAppBriefly, unofficialOf, type AppFound } from './read-app.ts';
import { createUnknowns } from './unknowns.ts';

/** The other apps of a pipeline and of migration.yml. */
export interface OthersFound {
  /** `null`: not asked for, or not known. */
  pipeline: string | null;
  apps: AppFound[];
  /** Apps that exist while a pull request is open; they are not looked at. */
  reviewApps: number;
  /** What could not be read: `what: why`. */
  unknown: readonly string[];
}

export interface OthersWanted {
  /** The app that is looked at in full. */
  app: string;
  /** Those of its pipeline. */
  inPipeline: boolean;
  /** By name: apps of the environments of migration.yml, whatever pipeline they are in. */
  environments: readonly string[];
}

/** Connections to databases that are open at the same time, each to another server. */
const DATABASES_AT_ONCE = 8;

/**
 * Reads every other app that is wanted: inventories side by side within Heroku's limit, then a brief look into their
 * databases. Nothing is changed. A pipeline or an app that cannot be read is told.
 */
export async function readOthers(
  edge: Edge,
  heroku: HerokuClient,
  { app, inPipeline, environments }: OthersWanted,
): Promise<OthersFound> {
  const unknowns = createUnknowns(edge);
  const options = {
    unofficial: unofficialOf(edge),
    mask: (configVars: Record<string, string>) => maskConfigVars(configVars, edge),
  };
  const pipeline = inPipeline
    ? await unknowns.orTell("the pipeline's other apps", () =>
        readAllInPipeline(heroku, app, { ...options, except: app }),
      )
    : undefined;
  const listed = new Set([app, ...(pipeline?.pipeline.apps.map(({ name }) => name) ?? [])]);
  const declared = environments.filter((name) => !listed.has(name)).map((name) => ({ name }));
  const others =
    declared.length === 0 ? { apps: [], gaps: [] } : await readSeveralApps(heroku, declared, options);
  const found = [...(pipeline?.apps ?? []), ...others.apps];
  const apps = await inTurns(DATABASES_AT_ONCE, found, ({ inventory, configVars }) =>
    readAppBriefly(edge, inventory, configVars),
  );
  const gaps = [...(pipeline?.gaps ?? []), ...others.gaps];
  return {
    pipeline: pipeline?.pipeline.name ?? null,
    apps,
    reviewApps: pipeline?.pipeline.reviewApps?.open ?? 0,
    unknown: [...unknowns.found, ...gaps.map(({ what, why }) => `${what}: ${why}`)],
  };
}
