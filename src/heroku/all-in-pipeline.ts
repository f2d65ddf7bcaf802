import type { HerokuClient } from './client.ts';
import { ConfigurationError } from '../errors.ts';
import type { Gap } from './gap.ts';
import { readPipeline, type Pipeline } from './pipeline.ts';
import { readSeveralApps, type AppRead, type SeveralAppsOptions } from './several-apps.ts';

/** Every app of a pipeline, as far as the token sees it. */
export interface PipelineInventory {
  pipeline: Pipeline;
  /** In the pipeline's order: production first. */
  apps: AppRead[];
  /** Apps that could not be read at all, and what could not be read of the pipeline. */
  gaps: Gap[];
}

export interface AllInPipelineOptions extends SeveralAppsOptions {
  /** The name of an app that the caller reads by itself. */
  except?: string;
}

/**
 * The inventories of all apps in the pipeline that `app` belongs to, side by side within the client's limit. An app that
 * the token may not read becomes a gap. Nothing is changed.
 *
 * @throws ConfigurationError when `app` belongs to no pipeline, or Heroku does not know the token
 */
export async function readAllInPipeline(
  client: HerokuClient,
  app: string,
  options: AllInPipelineOptions,
): Promise<PipelineInventory> {
  const shared = await readPipeline(client, app);
  const { pipeline } = shared;
  if (pipeline === undefined) {
    throw new ConfigurationError(
      `The Heroku app ${app} belongs to no pipeline that this token may see, so \`all-in-pipeline\` has nothing to list. ` +
        'Leave it out, or add the app to its pipeline (`heroku pipelines:add`).',
    );
  }
  const wanted = pipeline.apps.flatMap(({ name, stage }) =>
    name === null || name === options.except
      ? []
      : // What is not known of the pipeline is told once, not for each app.
        [{ name, pipeline: { pipeline: { ...pipeline, stage }, gaps: [] } }],
  );
  const { apps, gaps } = await readSeveralApps(client, wanted, options);
  return { pipeline, apps, gaps: [...shared.gaps, ...gaps] };
}
