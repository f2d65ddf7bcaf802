import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { environmentOf, type EnvironmentConfig, type MigrationConfig } from '../../src/migration/config.ts';
import { readConfig } from '../subject.ts';

/** What a run is asked to assess, known before anything is asked of Heroku. */
export type Asked =
  | { kind: 'declared'; herokuApp: string; config: MigrationConfig; environment: EnvironmentConfig }
  /** There is no migration.yml yet. */
  | { kind: 'first-run'; herokuApp: string };

/**
 * The environment of migration.yml; while there is no such file, the app that `heroku-app` names.
 *
 * @throws ConfigurationError when neither is there, both disagree, or it stays open which environment is meant
 */
export async function readAsked(edge: Edge): Promise<Asked> {
  const config = await readConfig(edge);
  const herokuApp = edge.inputs.optional('heroku-app');
  if (config !== undefined) {
    const environment = environmentAsked(config, {
      name: edge.inputs.optional('environment'),
      herokuApp,
      ofAll: edge.inputs.boolean('all-environments'),
    });
    return { kind: 'declared', herokuApp: environment.herokuApp, config, environment };
  }
  if (herokuApp === undefined) {
    throw new ConfigurationError(
      `There is no ${edge.inputs.required('config')} in this checkout, and the input heroku-app is empty. ` +
        'For a first look set `heroku-app` under `with:` of the step: it needs that and `heroku-token`, nothing else. ' +
        'With a migration.yml of your own, check it out before this step (actions/checkout), or name it with the input config.',
    );
  }
  return { kind: 'first-run', herokuApp };
}

function environmentAsked(
  config: MigrationConfig,
  { name, herokuApp, ofAll }: { name: string | undefined; herokuApp: string | undefined; ofAll: boolean },
): EnvironmentConfig {
  const all = Object.values(config.environments);
  const apps = all.map((one) => `${one.name} (${one.herokuApp})`).join(', ');
  if (name !== undefined) {
    const environment = environmentOf(config, name);
    if (herokuApp === undefined || herokuApp === environment.herokuApp) return environment;
    throw new ConfigurationError(
      `The input heroku-app is "${herokuApp}", and migration.yml says that ${name} is the app ${environment.herokuApp}. ` +
        'Leave heroku-app out, or correct one of them.',
    );
  }
  if (herokuApp !== undefined) {
    const environment = all.find((one) => one.herokuApp === herokuApp);
    if (environment !== undefined) return environment;
    throw new ConfigurationError(
      `The input heroku-app is "${herokuApp}", which is the app of no environment in migration.yml. It names: ${apps}. ` +
        'Leave heroku-app out and set `environment`, or correct one of them.',
    );
  }
  // Where all are looked at, the one that serves is looked at in full.
  const [only, ...others] = ofAll && all.length > 1 ? all.filter((one) => one.protected) : all;
  if (only !== undefined && others.length === 0) return only;
  throw new ConfigurationError(
    `The input environment is empty, and migration.yml names several: ${apps}. Set \`environment\` under \`with:\` of the step.`,
  );
}
