import { configurationChecks, type AccountedVariable } from '../../src/checks/configuration.ts';
import type { Check } from '../../src/checks/result.ts';
import { specSecrets } from '../../src/checks/spec-secrets.ts';
import { variablesOf } from '../../src/checks/spec-variables.ts';
import type { AppVariable } from '../../src/digitalocean/app-environment.ts';
import type { App } from '../../src/digitalocean/app.ts';
import { builtCommits } from '../../src/digitalocean/github-source.ts';
import type { Edge } from '../../src/github/run.ts';
import type { AddOn } from '../../src/heroku/add-ons.ts';
import { classifyConfigVar } from '../../src/heroku/config-var-class.ts';
import { appVariables } from '../../src/migration/app-variables.ts';
import { readFromDyno } from '../../src/migration/buildpack-secrets.ts';
import { answersOf } from '../../src/migration/decisions.ts';
import { equivalentsIn } from '../../src/migration/dyno-metadata.ts';
import { targetNames } from '../../src/migration/names.ts';
import { scheduleVariables } from '../../src/migration/schedule-variable.ts';
import { keyedDigest, requireMigrationKey } from '../../src/migration/secrets.ts';
import type { Parties } from '../parties.ts';
import { newAddresses } from '../provision/new-addresses.ts';
import { recordedPlan, sentVariables, withCluster } from './recorded-plan.ts';

export interface Configuration {
  checks: Check[];
  variables: AccountedVariable[];
  /** What the new side has, with its values: for whoever looks for names of the old side in them. */
  expected: AppVariable[];
}

/** What both sides have of it: the app as it is now, and the config vars of the old side with their values. */
export interface BothConfigurations {
  app: App | undefined;
  configVars: Record<string, string>;
  addOns: AddOn[];
  moved: boolean;
}

/** Accounts for every config var, and looks for secrets in the clear. */
export function inspectConfiguration(
  edge: Edge,
  parties: Parties,
  { app, configVars, addOns, moved }: BothConfigurations,
): Configuration {
  const { subject, newSide, oldSide } = parties;
  const key = requireMigrationKey(edge.inputs.secret('migration-key'));
  const inTheClear =
    app === undefined ? [] : [specSecrets(app.spec, secretsOf(parties, configVars, addOns, key))];
  const plan = withCluster(recordedPlan(subject));
  if (plan === undefined || app === undefined) {
    return { checks: [unaccounted(app === undefined, moved), ...inTheClear], variables: [], expected: [] };
  }
  const names = targetNames(subject.environment.migrationId, subject.config.application);
  const { variables, fates } = appVariables({
    configVars,
    addOns,
    config: subject.config,
    answers: answersOf(subject.config, subject.environment),
    appName: names.app,
    addresses: newAddresses({ plan, edge, names }, newSide),
    dynoMetadata: {
      names: equivalentsIn(plan.items),
      herokuApp: oldSide.app,
      imageDigest: imageDigestOf(app.spec) || builtCommitOf(app),
      commit: variablesOf(app.spec).find(({ name }) => name === 'HEROKU_SLUG_COMMIT')?.value,
    },
  });
  const expected = [...variables, ...scheduleVariables(plan)];
  const sent = sentVariables(subject);
  const fromDynos = readFromDyno(plan.items);
  const { checks, variables: accounted } = configurationChecks({
    fates,
    expected,
    live: variablesOf(app.spec),
    sent,
    digest: (value) => keyedDigest(key, value),
    ours: (name) => name.startsWith('H2D_') || fromDynos.includes(name) || Object.hasOwn(sent ?? {}, name),
  });
  return {
    checks: [...checks, ...inTheClear],
    variables: accounted,
    expected,
  };
}

/** A run over what has moved before begins a record of its own, in which no plan is made any more. */
function unaccounted(withoutApp: boolean, moved: boolean): Check {
  const accountedBefore = moved && !withoutApp;
  return {
    id: 'configuration/kept',
    area: 'configuration',
    what: 'Every config var is accounted for',
    found: `not looked at: ${withoutApp ? 'the app is not there' : 'this record holds no plan'}`,
    state: accountedBefore ? 'told' : 'failed',
    remedy: accountedBefore
      ? 'The record of the run that moved it accounts for them: give that one to verify (input `record`) to have it done again.'
      : 'Give verify the record of the phases before (input `record`).',
  };
}

/** Values that may stand in no spec in the clear, by the name under which each is known. */
function secretsOf(
  { newSide, oldSide }: Parties,
  configVars: Record<string, string>,
  addOns: AddOn[],
  key: string,
): Record<string, string> {
  const classes = Object.entries(configVars).map(([name, value]) => ({
    name,
    value,
    kind: classifyConfigVar(name, value, addOns),
  }));
  const open = new Set(
    classes.filter(({ kind }) => kind === 'plain' || kind === 'host').map(({ value }) => value),
  );
  return {
    ...Object.fromEntries(
      classes
        .filter(({ kind, value }) => (kind === 'secret' || kind === 'add-on') && !open.has(value))
        .map(({ name, value }) => [name, value]),
    ),
    'the password of the new database': newSide.owner.password,
    "doadmin's password": newSide.loader.password,
    ...(newSide.redis === undefined
      ? {}
      : {
          "the application's Redis password": newSide.redis.app.password ?? '',
          "the migration's Redis password": newSide.redis.admin.password ?? '',
        }),
    'the password of the old database': oldSide.database.password,
    'the migration key': key,
  };
}

/** Of what App Platform built itself: one commit for all components. */
function builtCommitOf({ active_deployment: active }: App): string {
  const [commit] = active == null ? [] : builtCommits(active).values();
  return commit ?? '';
}

function imageDigestOf(spec: Record<string, unknown>): string {
  const { services } = spec as { services?: { image?: { digest?: string } }[] };
  return services?.[0]?.image?.digest ?? '';
}
