import type { HerokuClient } from './client.ts';
import { ConfigurationError } from '../errors.ts';
import { readConfigVars } from './config-vars.ts';
import { inTurns } from '../in-turns.ts';
import { createGaps, type Gap } from './gap.ts';
import {
  countMembers,
  readDynoSizes,
  readInventory,
  type HerokuInventory,
  type InventoryOptions,
} from './inventory.ts';
import { readPipeline, type Pipeline } from './pipeline.ts';
import { UnknownTokenError } from './refusal.ts';

/** Every app of a pipeline, as far as the token sees it. */
export interface PipelineInventory {
  pipeline: Pipeline;
  /** In the pipeline's order: production first. The config vars are secrets, masked already; undefined: not readable. */
  apps: { stage: string; inventory: HerokuInventory; configVars: Record<string, string> | undefined }[];
  /** Apps that could not be read at all, and what could not be read of the pipeline. */
  gaps: Gap[];
}

export interface AllInPipelineOptions extends Pick<InventoryOptions, 'unofficial'> {
  /** Masks the config values of one app; called before anything is made of them. */
  mask: (configVars: Record<string, string>) => void;
  /** The name of an app that the caller reads by itself. */
  except?: string;
}

/** Enough to keep the client's requests in flight; the answers of more would only lie in memory. */
const APPS_AT_ONCE = 8;

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
  const gaps = createGaps(client.signal);
  const dynoSizes = await gaps.orNone(
    { what: 'dyno sizes and prices', permission: 'the scope `read`', essential: true },
    () => readDynoSizes(client),
    [],
  );
  const counted = new Map<string, Promise<number>>();
  const membersOf = (team: string): Promise<number> => {
    const known = counted.get(team) ?? countMembers(client, team);
    counted.set(team, known);
    return known;
  };
  const found = await inTurns(APPS_AT_ONCE, pipeline.apps, async ({ name, stage }) => {
    if (name === null || name === options.except) return [];
    return gaps.orNone(
      { what: `the app ${name}`, permission: `a token of a collaborator of ${name}`, essential: true },
      async () => {
        const configVars = await readableConfigVars(client, name);
        if (configVars !== undefined) options.mask(configVars);
        const inventory = await readInventory(client, name, configVars, {
          ...options,
          // What is not known of the pipeline is told once, not for each app.
          pipeline: { pipeline: { ...pipeline, stage }, gaps: [] },
          dynoSizes,
          membersOf,
        });
        return [{ stage, inventory, configVars }];
      },
      [],
    );
  });
  return { pipeline, apps: found.flat(), gaps: [...shared.gaps, ...gaps.found] };
}

/** `undefined` when the token may not read them: the inventory names what would tell. */
async function readableConfigVars(
  client: HerokuClient,
  app: string,
): Promise<Record<string, string> | undefined> {
  try {
    return await readConfigVars(client, app);
  } catch (error) {
    if (error instanceof ConfigurationError && !(error instanceof UnknownTokenError)) return undefined;
    throw error;
  }
}
