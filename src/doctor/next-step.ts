import { problemsIn, type Area, type Check } from './check.ts';

const STEPS: Record<Area, string> = {
  'migration.yml':
    'Get a migration.yml: run assess with `init: true`, which proposes one as a pull request from what it finds on Heroku',
  Heroku: 'Mend what Heroku lacks: nothing else can be looked at without it',
  'Migration key': 'Make the migration key: `openssl rand -hex 32`, stored as the secret MIGRATION_KEY',
  DigitalOcean: 'Mend what DigitalOcean lacks; assess and `init: true` work before that',
  DNS: 'Mend what the zone of the domains lacks (docs/dns.md)',
  GitHub: 'Mend the settings on GitHub: environments first, then their secrets',
  Runner: 'Mend the runner',
};

/** What to do now, in one sentence. Whatever is wrong with the first area stands in the way of the others. */
export function nextStep(checks: readonly Check[]): string {
  const [first, ...others] = problemsIn(checks);
  if (first === undefined) {
    return 'Rehearse on staging: start migrate.yml with `through: staging` (or rehearse-staging.yml), then read its summary.';
  }
  // Without a token there is nothing that a migration.yml could be proposed from.
  const heroku = [first, ...others].find(({ area }) => area === 'Heroku');
  const next = first.area === 'migration.yml' && heroku !== undefined ? heroku : first;
  return `${STEPS[next.area]}. First: ${next.what}.`;
}
