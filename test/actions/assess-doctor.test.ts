import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { startGitHub, type GitHubWorld } from '../../rehearsal/github/world.ts';
import { silentLog } from '../../src/log.ts';
import { testInFull } from '../support/or-skipped.ts';
import { CONFIG, MIGRATION_KEY, startSides, type PhaseRun, type Sides } from './played-sides.ts';

const PRODUCTION = CONFIG.replace(
  'environments:\n',
  'environments:\n  production: { heroku-app: shop-production, region: fra }\n',
);
const EVERYTHING = 'HRKU-a-token-that-may-do-everything';

let sides: Sides;
let github: GitHubWorld;

beforeAll(async () => {
  sides = await startSides();
  sides.heroku.tokens.add(EVERYTHING, ['identity', 'write-protected']);
});
afterAll(() => sides.stop());
beforeEach(async () => {
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
  github.setFile('README.md', 'shop');
  writeFileSync(join(sides.directory, 'migration.yml'), CONFIG);
});
afterEach(() => github.stop());

/** Whatever the outcome: each line of what is not well ends with what mends it. */
async function doctor(inputs: Record<string, string> = {}): Promise<PhaseRun> {
  const environment = { GITHUB_API_URL: github.apiUrl };
  const run = await sides.runPhase('assess', { doctor: 'true', ...inputs }, environment);
  const unwell = run.summary.split('\n').filter((line) => /^\| .+ \| (missing|unknown) \|/.test(line));
  expect(unwell.filter((line) => /\|\s*\|$/.test(line))).toEqual([]);
  expect(unwell).not.toEqual([]);
  return run;
}

/** What a reader sees: the runner takes the masks out of the log. */
const told = ({ log, summary }: PhaseRun): string => log.replaceAll(/^::add-mask::.*$/gm, '') + summary;

/** As much as a person's own token may see. */
const seeing = () =>
  github.issueToken({
    actions: 'read',
    contents: 'read',
    environments: 'read',
    secrets: 'read',
    variables: 'read',
    administration: 'read',
  });

function wellSet(): void {
  github.configureEnvironment('staging', {});
  github.settings.environmentSecrets.set(
    'staging',
    new Set(['HEROKU_TOKEN', 'DIGITALOCEAN_TOKEN', 'MIGRATION_KEY']),
  );
  github.setVariable('MIGRATION_APPLICATION', 'shop');
  github.setVariable('IMAGE_REPOSITORY', 'registry.digitalocean.com/acme/shop');
  github.settings.workflows.mayCreatePullRequests = true;
}

test('with everything in place it is healthy, says what cannot be seen, what a rehearsal costs and what comes next', async () => {
  wellSet();
  const before = sides.heroku.requests.length + sides.digitalOcean.requests.length;
  const run = await doctor({ 'heroku-token': EVERYTHING, 'github-token': seeing() });
  expect([run.code, run.log]).toEqual([0, expect.anything()]);
  expect(run.outputs).toMatchObject({ outcome: 'healthy', changed: 'false' });
  expect(run.summary).toContain('Doctor: healthy');
  expect(run.summary).toMatch(/Rehearse on staging: start migrate\.yml/);
  // What DigitalOcean tells only by letting it be done is unknown, and no problem.
  expect(run.summary).toMatch(/Scopes that change something \| unknown \|.*app:create/);
  expect(run.summary).toMatch(/What a rehearsal of staging creates costs \$0\.0\d\d an hour while it stands/);
  expect(run.summary).toMatch(
    /PostgreSQL \d*: db-s-1vcpu-1gb \| 15\.15 \| 0\.0225 \| pricing page as of 2026/,
  );
  const made = [...sides.heroku.requests, ...sides.digitalOcean.requests].slice(before);
  expect(new Set(made.map(({ method }) => method))).toEqual(new Set(['GET']));
  expect(new Set(github.requests.map(({ method }) => method))).toEqual(new Set(['GET']));
  expect(told(run)).not.toContain(MIGRATION_KEY);
});

test('whatever is missing is told with what mends it, before the job fails', async () => {
  writeFileSync(join(sides.directory, 'migration.yml'), PRODUCTION);
  github.settings.private = false;
  github.configureEnvironment('production', { reviewers: ['bob'] });
  github.settings.secrets.add('HEROKU_TOKEN');
  const run = await doctor({
    environment: '',
    'migration-key': 'too short',
    'digitalocean-token': '',
    'github-token': seeing(),
  });
  expect(run.code).toBe(1);
  expect(run.outputs).toMatchObject({ outcome: 'problems' });
  for (const line of [
    // The token has read and read-protected only.
    /Scope write-protected.*\| missing \| the token has read, read-protected \| Make one with <code>heroku authorizations:create --scope identity,read-protected,write-protected<\/code>/,
    /App shop-production \| missing \|/,
    /Input migration-key \| missing \| The input migration-key has 9 characters.*openssl rand -hex 32/,
    /DigitalOcean \| Token \| missing \| none was given/,
    /Environment staging \| missing \|.*gh api --method PUT repos\/acme\/shop\/environments\/staging/,
    /Environment production-prepare \| missing/,
    /Environment production: self-review \| missing \| who starts a run may approve it \| Tick/,
    /Environment production: deployment branches \| missing \| any branch may deploy/,
    /Secret DIGITALOCEAN.?_TOKEN for production \| missing \|.*gh secret set DIGITALOCEAN_TOKEN --env production/,
    // Nothing refuses a secret of the whole repository; it is told all the same.
    /Secret HEROKU.?_TOKEN for production \| missing \| for the whole repository: every workflow/,
    /Workflows may create pull requests \| missing/,
  ]) {
    expect(run.summary).toMatch(line);
  }
  expect(run.log).toMatch(/::error::\d+ things are missing for a migration\. Nothing was changed/);
  expect(run.summary).toContain('Mend what Heroku lacks');
});

test('with no token at all it still tells what to do first, and with fail-on: never it only tells', async () => {
  rmSync(join(sides.directory, 'migration.yml'));
  const run = await doctor({
    environment: '',
    'heroku-token': '',
    'digitalocean-token': '',
    'migration-key': '',
    'github-token': '',
    'fail-on': 'never',
  });
  expect(run.code).toBe(0);
  expect(run.outputs).toMatchObject({ outcome: 'problems' });
  expect(run.summary).toMatch(/migration\.yml \| missing \| there is none in this checkout \|.*init: true/);
  expect(run.summary).toMatch(/Heroku \| Token \| missing \| none was given/);
  expect(run.summary).toMatch(/GitHub \| Repository \| unknown \| no token was given/);
  expect(run.summary).toMatch(/Not known: it takes a Heroku token/);
});

testInFull(
  'without migration.yml the app alone is looked at, and what would be proposed for it is priced',
  async () => {
    rmSync(join(sides.directory, 'migration.yml'));
    const run = await doctor({ environment: '', 'heroku-app': 'shop-staging', 'fail-on': 'never' });
    expect(run.summary).toMatch(/App shop-staging \| ok/);
    expect(run.summary).toMatch(/What a rehearsal of \w+ creates costs \$/);
    expect(run.summary).toMatch(/init: true/);
  },
);

testInFull(
  "a job's own token leaves secrets unknown with the permission that would tell, and that is no problem",
  async () => {
    wellSet();
    const token = github.issueToken({ actions: 'read', contents: 'read' });
    const run = await doctor({ 'heroku-token': EVERYTHING, 'github-token': token });
    expect(run.code).toBe(0);
    expect(run.summary).toMatch(
      /Secret HEROKU.?_TOKEN for staging \| unknown \| the token may not see it \(403\) \|.*Environments: read/,
    );
  },
);

testInFull('a token that a company does not know, or that lacks scopes, is told by name', async () => {
  wellSet();
  sides.digitalOcean.tokens.add('dop_v1_narrow', ['account:read', 'app:read', 'sizes:read', 'database:read']);
  const narrow = await doctor({ 'digitalocean-token': 'dop_v1_narrow', 'heroku-token': EVERYTHING });
  expect(narrow.code).toBe(1);
  expect(narrow.summary).toMatch(/Scope droplet:read \| missing \| refused \| Tick droplet:read/);
  expect(narrow.summary).toMatch(/Scope app:read \| ok \| granted/);
  expect(narrow.summary).toMatch(/DNS zone example\.com \| unknown/);

  const gone = await doctor({ 'digitalocean-token': 'dop_v1_gone', 'heroku-token': 'HRKU-gone' });
  expect(gone.code).toBe(1);
  expect(gone.summary).toMatch(/Heroku \| Token \| missing \| Heroku does not know it/);
  expect(gone.summary).toMatch(/DigitalOcean \| Token \| missing \| DigitalOcean does not know it/);
  expect(told(gone)).not.toContain('HRKU-gone');
});
