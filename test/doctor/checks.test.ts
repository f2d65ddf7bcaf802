import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from '@jest/globals';

import { readScopes, type DigitalOceanAccess } from '../../src/digitalocean/access.ts';
import { inOrder, missing, ok, problemsIn, unanswered, unknown, wanting } from '../../src/doctor/check.ts';
import type { Check } from '../../src/doctor/check.ts';
import { digitalOceanChecks, UNSEEN_SCOPES } from '../../src/doctor/digitalocean-checks.ts';
import { githubChecks, neededEnvironments } from '../../src/doctor/github-checks.ts';
import { herokuChecks } from '../../src/doctor/heroku-checks.ts';
import { keyCheck } from '../../src/doctor/key-check.ts';
import { nextStep } from '../../src/doctor/next-step.ts';
import { runnerChecks } from '../../src/doctor/runner-checks.ts';
import type { EnvironmentRules, RepositorySettings, Seen } from '../../src/github/repository-settings.ts';
import type { AppAccess, HerokuAccess } from '../../src/heroku/access.ts';

const named = (checks: Check[], what: string): Check | undefined =>
  checks.find((check) => check.what.startsWith(what));

test('a want fails only where a phase would refuse, and what is unknown is never a yes', () => {
  const checks = [
    unanswered('Runner', 'a', '', ''),
    unknown('GitHub', 'b', '', ''),
    wanting('GitHub', 'c', '', ''),
    missing('Heroku', 'd', '', ''),
    ok('Heroku', 'e', ''),
  ];
  expect(problemsIn(checks).map(({ what }) => what)).toEqual(['d', 'a']);
  expect(inOrder(checks)).toHaveLength(5);
});

describe('Heroku', () => {
  const app: AppAccess = {
    app: 'shop',
    state: 'seen',
    why: '',
    team: null,
    owner: 'o@x.example',
    own: undefined,
  };
  const access = (more: Partial<HerokuAccess> = {}): HerokuAccess => ({
    known: true,
    scopes: ['global'],
    account: { email: 'me@x.example', suspended: false, delinquent: false },
    apps: [],
    ...more,
  });

  test.each([
    [['global'], 'ok'],
    [['read-protected', 'write'], 'ok'],
    [['write-protected'], 'ok'],
    [['read', 'read-protected'], 'wanted'],
    [undefined, 'wanted'],
  ])('for a secret that only dynos have, a token with %j is %s', (scopes, state) => {
    const check = named(herokuChecks(access({ scopes })), 'Scope write,');
    expect(check?.state === 'ok' ? 'ok' : 'wanted').toBe(state);
    if (state === 'wanted') expect(check?.mend).toContain('--scope read-protected,write');
    expect(problemsIn(check === undefined ? [] : [check])).toEqual([]);
  });

  test.each([
    [['global'], []],
    [
      ['read', 'write'],
      ['read-protected', 'write-protected'],
    ],
    [['identity', 'read-protected'], ['write-protected']],
    [['identity'], ['read', 'read-protected', 'write-protected']],
  ])('a token with %j lacks %j', (scopes, lacking) => {
    const problems = problemsIn(herokuChecks(access({ scopes })));
    expect(problems.map(({ what }) => /^Scope ([a-z-]+)/.exec(what)?.[1])).toEqual(lacking);
    for (const { mend } of problems) expect(mend).toContain('heroku authorizations:create --scope');
  });

  test('scopes that Heroku does not name are unknown', () => {
    const checks = herokuChecks(access({ scopes: undefined }));
    expect(named(checks, 'Scope write-protected')).toMatchObject({ state: 'unknown', required: false });
  });

  test.each([
    ['owner', null, [], 'ok'],
    ['collaborator', null, [], 'ok'],
    ['admin', 'acme', [], 'ok'],
    ['member', 'acme', ['view', 'deploy', 'operate'], 'ok'],
    ['collaborator', 'acme', ['view', 'deploy'], 'missing'],
    ['viewer', 'acme', [], 'missing'],
  ])('a %s in the team %s with %j: %s', (role, team, permissions, state) => {
    const own = { role, permissions };
    const checks = herokuChecks(access({ apps: [{ ...app, team, own }] }));
    expect(named(checks, 'Rights on shop')).toMatchObject({ state, required: true });
  });

  test('a suspended account and an app that is not there are told with what mends them', () => {
    const account = { email: 'me@x.example', suspended: true, delinquent: true };
    const checks = herokuChecks(access({ account, apps: [{ ...app, state: 'absent' }] }));
    expect(named(checks, 'Account')).toMatchObject({
      state: 'missing',
      seen: 'it is suspended and it has an unpaid bill',
    });
    expect(named(checks, 'App shop')?.mend).toContain('heroku access:add <e-mail> --app shop');
  });
});

describe('DigitalOcean', () => {
  const access: DigitalOceanAccess = {
    known: true,
    reads: { 'account:read': { granted: true, why: '' }, 'domain:read': { granted: false, why: '' } },
    account: { status: 'active', message: '', emailVerified: true, dropletLimit: 3 },
    droplets: 3,
    clusters: 9,
    zone: undefined,
    registries: undefined,
  };
  const offer = {
    environment: 'staging',
    what: 'PostgreSQL x in fra1',
    offered: true,
    mend: 'another',
    droplets: 1,
    clusters: 2,
  };

  test('every scope that an action asks for in its README is looked at, or told as one that cannot be', () => {
    const actions = join(import.meta.dirname, '../../actions');
    const asked = readdirSync(actions, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => readFileSync(join(actions, name, 'README.md'), 'utf8').split('\n'))
      .filter((line) => line.startsWith('| DigitalOcean'))
      .flatMap((line) => line.match(/`[a-z_]+:[a-z_]+`/g) ?? [])
      .map((scope) => scope.slice(1, -1));
    const told = [...readScopes, ...Object.values(UNSEEN_SCOPES).flat()];
    expect([...new Set(asked)].sort()).toEqual([...told].sort());
  });

  test('limits count what there is and what will be added', () => {
    const checks = digitalOceanChecks({ access, zone: undefined, offers: [offer] });
    expect(named(checks, 'Limit of droplets')).toMatchObject({
      state: 'missing',
      seen: '3 of 3, and 1 may be added',
    });
    // The limit of clusters is told nowhere: no phase refuses for it.
    expect(named(checks, 'Limit of database clusters')).toMatchObject({ state: 'missing', required: false });
  });

  test('a scope that only a zone needs is a problem only with one, and so is a zone that is not there', () => {
    const without = digitalOceanChecks({ access, zone: undefined, offers: [] });
    expect(named(without, 'Scope domain:read')).toMatchObject({ state: 'missing', required: false });
    const withZone = digitalOceanChecks({
      access: { ...access, zone: false },
      zone: 'x.example',
      offers: [],
    });
    expect(named(withZone, 'Scope domain:read')).toMatchObject({ state: 'missing', required: true });
    expect(named(withZone, 'DNS zone x.example')).toMatchObject({
      state: 'missing',
      mend: expect.stringContaining('doctl compute domain create x.example'),
    });
  });

  test('the registry is told with its price; that one is made where there is none; what to do about one that is too small, for which no phase refuses', () => {
    const checkOf = (registries: DigitalOceanAccess['registries']) =>
      named(
        digitalOceanChecks({ access: { ...access, registries }, zone: undefined, offers: [] }),
        'Container registry',
      );
    const tier = { slug: 'basic', usdPerMonth: 5, repositories: 5, storageBytes: 5 * 1024 ** 3 };
    expect(checkOf({ names: ['acme'], tier })).toMatchObject({
      state: 'ok',
      seen: 'acme: basic, 5.00 USD a month for the whole account, with 5 repositories and 5.0 GiB',
    });
    expect(checkOf({ names: [], tier: undefined })).toMatchObject({
      state: 'ok',
      seen: expect.stringMatching(
        /none yet: .*IMAGE_REPOSITORY.*\(basic, 5 USD a month for the whole account\)/,
      ),
    });
    const starter = { slug: 'starter', usdPerMonth: 0, repositories: 1, storageBytes: 512 * 1024 ** 2 };
    expect(checkOf({ names: ['acme'], tier: starter })).toMatchObject({
      ...{ state: 'missing', required: false },
      seen: expect.stringContaining('0.00 USD a month for the whole account, with 1 repository and 0.5 GiB'),
    });
    expect(checkOf(undefined)).toMatchObject({ state: 'unknown', required: false });
  });

  test('a locked account, an unverified e-mail and a size that is not offered stand in the way', () => {
    const account = { status: 'locked', message: 'call us', emailVerified: false, dropletLimit: 9 };
    const checks = digitalOceanChecks({
      access: { ...access, account },
      zone: undefined,
      offers: [{ ...offer, offered: false }],
    });
    expect(problemsIn(checks).map(({ what, seen }) => [what, seen])).toEqual([
      ['Account active', 'locked: call us'],
      ['E-mail verified', 'no: nothing can be created before it is'],
      ['staging: PostgreSQL x in fra1', 'not offered'],
    ]);
  });
});

describe('GitHub', () => {
  const seen = <T>(value: T): Seen<T> => ({ state: 'seen', value });
  const wellKept: EnvironmentRules = {
    reviewers: 1,
    preventsSelfReview: true,
    administratorsMayBypass: false,
    branches: 'protected',
  };
  const all = seen(['HEROKU_TOKEN', 'DIGITALOCEAN_TOKEN', 'MIGRATION_KEY']);
  const settings = (rules: Partial<EnvironmentRules> = {}, more: Partial<RepositorySettings> = {}) =>
    githubChecks({
      repository: 'acme/shop',
      server: 'https://github.com',
      environments: [{ name: 'production', kind: 'reviewed' }],
      settings: {
        repository: seen({ private: false, defaultBranch: 'main' }),
        defaultBranchProtected: seen(true),
        environments: [
          { name: 'production', rules: seen({ ...wellKept, ...rules }), secrets: all, variables: seen([]) },
        ],
        secrets: seen([]),
        organizationSecrets: seen([]),
        variables: seen([]),
        actions: seen({ enabled: true, allowed: 'all' }),
        workflows: seen({ defaultPermissions: 'read', mayCreatePullRequests: true }),
        ...more,
      },
    });
  const isPrivate = { repository: seen({ private: true, defaultBranch: 'main' }) };

  test('a protected environment is prepared in one of its own', () => {
    expect(
      neededEnvironments([
        { name: 'staging', protected: false },
        { name: 'production', protected: true },
      ]).map(({ name, kind }) => `${name} ${kind}`),
    ).toEqual(['staging open', 'production-prepare open', 'production reviewed']);
  });

  test.each([
    ['no reviewers', settings({ reviewers: 0 }), ['Environment production: required reviewers']],
    ['self-review', settings({ preventsSelfReview: false }), ['Environment production: self-review']],
    ['any branch', settings({ branches: 'any' }), ['Environment production: deployment branches']],
    [
      'protected branches, and none is',
      settings({}, { defaultBranchProtected: seen(false) }),
      ['Environment production: deployment branches'],
    ],
    ['administrators who may bypass', settings({ administratorsMayBypass: true }), []],
    ['everything as the gate wants it', settings(), []],
    [
      'Actions switched off',
      settings({}, { actions: seen({ enabled: false, allowed: 'all' }) }),
      ['Actions allowed'],
    ],
  ])('%s', (_, checks, problems) => {
    expect(problemsIn(checks).map(({ what }) => what)).toEqual(problems);
  });

  test('a private repository without reviewers is told of the second dispatch, and that is no problem', () => {
    const checks = settings({ reviewers: 0 }, isPrivate);
    expect(problemsIn(checks)).toEqual([]);
    expect(named(checks, 'Environment production: required reviewers')).toMatchObject({
      state: 'missing',
      mend: expect.stringContaining('second dispatch'),
    });
  });

  test('a repository that cannot be seen tells nothing of its environments', () => {
    const absent = { state: 'absent' } as const;
    const checks = settings({}, { repository: absent });
    expect(checks).toHaveLength(1);
    expect(checks[0]).toMatchObject({ state: 'unknown', seen: 'the token cannot see it' });
  });
});

test('a runner needs programs as new as the newest database, and may install them where it is thrown away', () => {
  const runner = (major: number | undefined, installs: boolean) =>
    runnerChecks({
      databases: [{ app: 'shop', major: 17, why: '' }],
      tools: { major, why: 'found: 16' },
      installs,
      freeBytes: 5 * 1024 ** 3,
    });
  expect(problemsIn(runner(17, false))).toEqual([]);
  expect(problemsIn(runner(undefined, true))).toEqual([]);
  expect(problemsIn(runner(undefined, false))[0]).toMatchObject({
    seen: 'found: 16',
    mend: expect.stringContaining('postgresql-client-17'),
  });
  const unreached = runnerChecks({
    databases: [{ app: 'shop', major: undefined, why: 'no route' }],
    tools: { major: 18, why: '' },
    installs: false,
    freeBytes: undefined,
  });
  expect(problemsIn(unreached).map(({ what }) => what)).toEqual(['Database of shop reached']);
});

test('the key is told by whether it will do, and nothing else of it', () => {
  expect(keyCheck(undefined)).toMatchObject({ state: 'missing', mend: expect.stringContaining('openssl') });
  const key = 'f'.repeat(64);
  expect(JSON.stringify(keyCheck(key))).not.toMatch(/ffff|64/);
  expect(keyCheck(key).state).toBe('ok');
});

test('the next step is what stands in the way of the others', () => {
  expect(nextStep([ok('Heroku', 'Token', '')])).toContain('Rehearse on staging');
  const noFile = missing('migration.yml', 'migration.yml', '', '');
  expect(nextStep([noFile])).toContain('init: true');
  // A proposal is made from what Heroku tells.
  expect(nextStep([noFile, missing('Heroku', 'Token', '', '')])).toContain('what Heroku lacks');
  expect(nextStep([missing('GitHub', 'Environment production', '', '')])).toContain('environments first');
});
