import type { MigrationConfig } from '../../src/migration/config.ts';
import { proposeConfig, type ProposedConfig } from '../../src/migration/propose-config.ts';
import type { Asked } from './asked.ts';
import type { Assessment } from './assessment.ts';
import type { AppFound } from './read-app.ts';

/** What the user decided for an app, or what is proposed while nobody has. */
export type DecidedFor = Pick<Assessment, 'config' | 'environment' | 'proposed'>;

/**
 * For each app of a run its part of migration.yml. While there is none, the app that was asked for gets what would be
 * proposed for all of its pipeline together. Any other app that no file names has its environment from there and all else
 * as it would be proposed for it alone: the schedule of one application is not that of another.
 *
 * @throws ConfigurationError when migration.yml could not name an app
 */
export function decisionsFor(
  asked: Asked,
  own: AppFound,
  others: readonly AppFound[],
): (app: AppFound) => DecidedFor {
  const together = asked.kind === 'first-run' ? proposalOf([own, ...others]).config : undefined;
  return (app) => {
    const { name } = app.inventory.app;
    const declared = asked.kind === 'declared' ? declaredFor(asked, name) : undefined;
    if (declared !== undefined) return { ...declared, proposed: false };
    const shared = together && decidedIn(together, name);
    if (shared !== undefined && app === own) return { ...shared, proposed: true };
    // What is proposed for many leaves out review apps and names that migration.yml cannot hold.
    const alone = decidedIn(proposalOf([app]).config, name);
    if (alone === undefined) throw new Error(`The proposal for ${name} does not name it.`);
    return { ...alone, ...(shared && { environment: shared.environment }), proposed: true };
  };
}

/** What was asked for is as it was asked for: a rehearsal's target has another id than the file gives its environment. */
function declaredFor(
  { config, environment }: Extract<Asked, { kind: 'declared' }>,
  app: string,
): ReturnType<typeof decidedIn> {
  return app === environment.herokuApp ? { config, environment } : decidedIn(config, app);
}

function decidedIn(
  config: MigrationConfig,
  app: string,
): Pick<Assessment, 'config' | 'environment'> | undefined {
  const environment = Object.values(config.environments).find(({ herokuApp }) => herokuApp === app);
  return environment === undefined ? undefined : { config, environment };
}

function proposalOf(apps: readonly AppFound[]): ProposedConfig {
  return proposeConfig(
    apps.map(({ inventory, scheduler }) => ({
      stage: inventory.pipeline?.stage ?? null,
      inventory,
      scheduler,
    })),
  );
}
