import { ConfigurationError } from '../errors.ts';
import type { HerokuInventory } from '../heroku/inventory.ts';
import type { SchedulerJob } from '../heroku/scheduler.ts';
import type { MigrationConfig, ScheduledJob } from './config.ts';
import { parseMigrationConfig } from './config.ts';
import { languageOf } from './plan.ts';
import { mergeSchedules } from './plan-schedule.ts';
import { proposeDomains, type ProposedDomains } from './propose-domains.ts';
import { proposeNames, stageOf, type NamedApp } from './propose-names.ts';
import { nearestRegions } from './region-items.ts';
import { yamlComment, yamlText } from './yaml-text.ts';

/** One app that a proposal is about. */
export interface ProposedApp {
  /** Its stage in the pipeline; null: it belongs to none. */
  stage: string | null;
  inventory: HerokuInventory;
  /** Heroku Scheduler's jobs, or why they are not known; left out when nobody asked. */
  scheduler?: { jobs: SchedulerJob[] } | { unknown: string };
}

/** A migration.yml that nobody has written yet. */
export interface ProposedConfig {
  /** The file, with comments; `parseMigrationConfig` accepts it. */
  text: string;
  config: MigrationConfig;
}

/** Of those that App Platform has; where Heroku's region lies is not known, and the key must stand. */
const ANY_REGION = 'nyc';
const HEROKU_APP = /^[a-z][a-z0-9-]{1,28}[a-z0-9]$/;
/** Text that only a password or token in a command has, or one that was masked. */
const LOOKS_SECRET =
  /\*\*\*|(authorization|bearer|passw(or)?d|token|secret|api[-_]?key)["']?(=|:\s|\s)|:\/\/[^\s/@]*:[^\s/@]*@|[0-9a-f]{32,}|(?=\S*\d)[a-z0-9+_-]{40,}/i;

/** Whether a command, or a text about one, may hold a secret: then it is not written into a file that goes to git. */
export function mayHoldSecret(text: string): boolean {
  return LOOKS_SECRET.test(text);
}

/**
 * A migration.yml from what was found: an environment for each app by its stage in the pipeline. Whatever a person has to
 * look at stands in a comment; nothing is invented. Pure: the same apps, in any order, give the same text.
 *
 * @throws ConfigurationError when there is no app that migration.yml could name
 */
export function proposeConfig(apps: readonly ProposedApp[]): ProposedConfig {
  const { kept, left } = choose(apps);
  const names = proposeNames(kept);
  const domains = proposeDomains(names.environments);
  const text = [
    '# Proposed from what was found on Heroku. It holds decisions; what can be discovered is not in it.',
    ...left.map((line) => `# ${line}`),
    `application: ${yamlText(names.application)}${names.shortened ? ' # short: with the environment it may have 24 characters' : ''}`,
    'strategy: auto # assess chooses: copied inside a maintenance window, or followed live before it, and says why',
    'traffic: dns # a maintenance page until clients follow the DNS record',
    'downtime-budget: 5m',
    '',
    'environments:',
    ...sharedStage(names.environments),
    ...names.environments.flatMap((app) => environmentLines(app, domains)),
    '',
    ...zoneLines(domains),
    ...languageLines(names.environments),
    ...redisLines(names.environments),
    ...scheduleLines(names.environments),
    ...checkLines(names.environments),
  ]
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .concat('\n');
  return { text, config: parseMigrationConfig(text, 'the proposed migration.yml') };
}

/** One of each app, without what nobody moves; and what is said of the others. */
function choose(apps: readonly ProposedApp[]): { kept: ProposedApp[]; left: string[] } {
  const byName = new Map(apps.map((app) => [app.inventory.app.name, app]));
  const all = [...byName.values()].sort((a, b) => (a.inventory.app.name < b.inventory.app.name ? -1 : 1));
  const nameable = all.filter(({ inventory }) => HEROKU_APP.test(inventory.app.name));
  const lasting = nameable.filter(({ stage }) => stage !== 'review');
  const kept = lasting.length > 0 ? lasting : nameable;
  if (kept.length === 0) {
    throw new ConfigurationError(
      'There is no Heroku app to propose a migration.yml for. Name one in the input heroku-app.',
    );
  }
  const left = all
    .filter((app) => !kept.includes(app))
    .map(({ stage, inventory }) => {
      const name = yamlComment(inventory.app.name);
      return stage === 'review'
        ? `${name} is a review app and is not moved.`
        : `${name} is left out: migration.yml cannot name an app like that.`;
    });
  return { kept, left };
}

function sharedStage(apps: readonly NamedApp[]): string[] {
  const beside = apps.filter((app) => app.environment !== stageOf(app));
  if (beside.length === 0) return [];
  return [
    '  # The shipped workflows move `staging` and `production`. An app with other code, jobs or domains than these belongs',
    '  # in a migration.yml of its own (input `config`).',
  ];
}

function environmentLines(app: NamedApp, { moving, staying }: ProposedDomains): string[] {
  const { environment, inventory } = app;
  const domains = moving[environment] ?? [];
  const isProduction = stageOf(app) === 'production';
  return [
    `  ${yamlText(environment)}:`,
    `    heroku-app: ${yamlText(inventory.app.name)}`,
    `    ${regionLine(inventory.app.region)}`,
    ...(domains.length === 0 ? [] : [`    domains: [${domains.map(yamlText).join(', ')}]`]),
    ...(staying[environment] ?? []).map(
      ({ hostname, why }) => `    # Not among the domains: ${yamlComment(hostname)} (${why}).`,
    ),
    ...(isProduction ? ['    protected: true # the cutover needs the approval of a second person'] : []),
  ];
}

function regionLine(herokuRegion: string): string {
  const [nearest] = nearestRegions(herokuRegion);
  const theirs = yamlComment(herokuRegion);
  return nearest === undefined
    ? `region: ${ANY_REGION} # CHECK: where Heroku's region ${theirs} lies is not known`
    : `region: ${nearest} # the nearest to Heroku's ${theirs}`;
}

function zoneLines({ zone }: ProposedDomains): string[] {
  if (zone === undefined) return [];
  return [
    '# CHECK: the zone, guessed from the domains, and who serves it: digitalocean, cloudflare, route53, or command for anybody else.',
    `dns: { provider: digitalocean, zone: ${yamlText(zone)}, ttl: 30 }`,
    '',
  ];
}

function languageLines(apps: readonly NamedApp[]): string[] {
  const unknown = apps.filter(({ inventory }) => languageOf(inventory.buildpacks) === null);
  const waiting = unknown.filter(
    ({ inventory }) => inventory.hasScheduler || inventory.formation.some(({ type }) => type !== 'web'),
  );
  if (waiting.length === 0) return [];
  return [
    '# CHECK: workers and scheduled jobs wait for the switch in this language, which the buildpacks do not tell.',
    '# language: ruby # node, ruby or python',
    '',
  ];
}

function redisLines(apps: readonly NamedApp[]): string[] {
  if (!apps.some(({ inventory }) => inventory.addOns.some(({ service }) => service === 'heroku-redis'))) {
    return [];
  }
  return ["# redis: { skip: ['cache:*'] } # caches that fill themselves need not be copied", ''];
}

/** Production's jobs, or those of the first app that has some: what differs elsewhere is asked by assess. */
function scheduleLines(apps: readonly NamedApp[]): string[] {
  const withScheduler = apps.filter(({ inventory }) => inventory.hasScheduler);
  const app = withScheduler.find((one) => stageOf(one) === 'production') ?? withScheduler[0];
  if (app === undefined) return [];
  const name = yamlComment(app.inventory.app.name);
  const { scheduler } = app;
  if (scheduler === undefined || 'unknown' in scheduler) {
    return [
      `# CHECK: the jobs of Heroku Scheduler, which could not be read of ${name} (heroku addons:open scheduler shows them).`,
      '# schedule:',
      "#   - { name: nightly-report, command: 'bin/rails reports:nightly', cron: '0 3 * * *', time-zone: UTC }",
      '',
    ];
  }
  const { jobs } = mergeSchedules([], scheduler);
  if (jobs.length === 0) return [];
  const safe = jobs.filter(({ command }) => !mayHoldSecret(command) && command.trim() !== '');
  return [
    `# As Heroku Scheduler runs them on ${name}.`,
    ...(safe.length === 0 ? [] : ['schedule:']),
    ...safe.map(jobLine),
    ...(safe.length === jobs.length
      ? []
      : [
          `# CHECK: ${jobs.length - safe.length} more, whose commands may hold a secret and are not written here.`,
        ]),
    '',
  ];
}

function jobLine({ name, command, cron }: ScheduledJob): string {
  const long = name.length < 2 ? `job-${name}` : name;
  return `  - { name: ${yamlText(long)}, command: ${yamlText(command)}, cron: '${cron}', time-zone: UTC }`;
}

function checkLines(apps: readonly NamedApp[]): string[] {
  if (!apps.some(({ inventory }) => inventory.formation.some(({ type }) => type === 'web'))) {
    return ['# No web process: nothing to check over HTTP.'];
  }
  return [
    'checks: # of the new side, before and after the cutover; a page that asks the database tells most',
    '  - { path: /, status: 200 }',
  ];
}
