import { proposeConfig, type ProposedConfig } from '../../src/migration/propose-config.ts';
import type { Asked } from './asked.ts';
import type { Assessment } from './assessment.ts';
import type { AppFound } from './read-app.ts';

/** What the user decided for an app, or what is proposed while nobody has. */
export type DecidedFor = Pick<Assessment, 'config' | 'environment' | 'proposed'>;

/**
 * For each app of a run its part of migration.yml. An app that the file does not name, and every app while there is none,
 * gets what would be proposed for it: for all of a pipeline together, so that they belong to one application.
 *
 * @throws ConfigurationError when migration.yml could not name an app
 */
export function decisionsFor(asked: Asked, apps: readonly AppFound[]): (app: AppFound) => DecidedFor {
  const together = asked.kind === 'first-run' ? proposalOf(apps) : undefined;
  return (app) => {
    const { name } = app.inventory.app;
    if (asked.kind === 'declared') {
      const { config } = asked;
      const environment = Object.values(config.environments).find(({ herokuApp }) => herokuApp === name);
      if (environment !== undefined) return { config, environment, proposed: false };
    }
    const { config } = together !== undefined && names(together, name) ? together : proposalOf([app]);
    const environment = Object.values(config.environments).find(({ herokuApp }) => herokuApp === name);
    if (environment === undefined) throw new Error(`The proposal for ${name} does not name it.`);
    return { config, environment, proposed: true };
  };
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

function names({ config }: ProposedConfig, app: string): boolean {
  return Object.values(config.environments).some(({ herokuApp }) => herokuApp === app);
}
