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
import { UnknownTokenError } from './refusal.ts';

export interface SeveralAppsOptions extends Pick<InventoryOptions, 'unofficial'> {
  /** Masks the config values of one app; called before anything is made of them. */
  mask: (configVars: Record<string, string>) => void;
}

/** An app to read; its pipeline, where that is known already. */
export interface AppToRead extends Pick<InventoryOptions, 'pipeline'> {
  name: string;
}

export interface AppRead {
  inventory: HerokuInventory;
  /** Secrets, masked already; undefined: not readable. */
  configVars: Record<string, string> | undefined;
}

/** Enough to keep the client's requests in flight; the answers of more would only lie in memory. */
const APPS_AT_ONCE = 8;

/**
 * The inventories of several apps, side by side within the client's limit and in the order in which they were named. An app
 * that the token may not read, or that there is none of, becomes a gap. Nothing is changed.
 */
export async function readSeveralApps(
  client: HerokuClient,
  apps: readonly AppToRead[],
  options: SeveralAppsOptions,
): Promise<{ apps: AppRead[]; gaps: Gap[] }> {
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
  const found = await inTurns(APPS_AT_ONCE, apps, ({ name, pipeline }) =>
    gaps.orNone(
      { what: `the app ${name}`, permission: `a token of a collaborator of ${name}`, essential: true },
      async () => {
        const configVars = await readableConfigVars(client, name);
        if (configVars !== undefined) options.mask(configVars);
        const inventory = await readInventory(client, name, configVars, {
          ...options,
          ...(pipeline === undefined ? {} : { pipeline }),
          dynoSizes,
          membersOf,
        });
        return [{ inventory, configVars }];
      },
      [],
    ),
  );
  return { apps: found.flat(), gaps: gaps.found };
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
