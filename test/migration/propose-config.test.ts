import { describe, expect, test } from '@jest/globals';

import { ConfigurationError } from '../../src/errors.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { parseMigrationConfig } from '../../src/migration/config.ts';
import { proposeConfig, type ProposedApp } from '../../src/migration/propose-config.ts';
import { domain, inventory } from './support/assessed-app.ts';

function app(
  name: string,
  stage: string | null,
  changes: Partial<Omit<HerokuInventory, 'app'>> & { region?: string; pipeline?: never; of?: string } = {},
): ProposedApp {
  const { region = 'eu', of: pipeline, ...others } = changes;
  return {
    stage,
    inventory: {
      ...inventory,
      domains: [],
      hasScheduler: false,
      ...others,
      app: { ...inventory.app, name, region },
      pipeline:
        pipeline === undefined
          ? null
          : {
              id: '1',
              name: pipeline,
              stage: stage ?? '',
              apps: [],
              reviewApps: null,
              connectedToGithub: false,
            },
    },
  };
}

function environments(apps: ProposedApp[]): Record<string, string> {
  const { config } = proposeConfig(apps);
  return Object.fromEntries(Object.values(config.environments).map((one) => [one.name, one.herokuApp]));
}

describe('names', () => {
  test('the stage in the pipeline is the environment, and what the apps share is the application', () => {
    const { config } = proposeConfig([app('shop-prod', 'production'), app('shop-staging', 'staging')]);
    expect(config.application).toBe('shop');
    expect(Object.keys(config.environments)).toEqual(['staging', 'production']);
    expect(config.environments['production']).toMatchObject({ herokuApp: 'shop-prod', protected: true });
    expect(config.environments['staging']).toMatchObject({ herokuApp: 'shop-staging', protected: false });
  });

  test('an app without a pipeline is production', () => {
    expect(environments([app('glacial-reef-12345', null)])).toEqual({ production: 'glacial-reef-12345' });
  });

  test('a long name is cut so that it fits with its longest environment, at a word', () => {
    const { config, text } = proposeConfig([
      app('acme-corporation-web-prod', 'production'),
      app('acme-corporation-web-dev', 'development'),
    ]);
    expect(config.application).toBe('acme');
    expect(text).toContain('# short:');
    for (const { migrationId } of Object.values(config.environments)) {
      expect(migrationId.length).toBeLessThanOrEqual(24);
    }
  });

  test('the pipeline names what its apps do not', () => {
    const { config } = proposeConfig([
      app('web-eu-1', 'production', { of: 'My Shop!' }),
      app('testbed', 'staging', { of: 'My Shop!' }),
    ]);
    expect(config.application).toBe('my-shop');
  });

  test('of several apps in a stage the one named like the application gets it, the others what tells them apart', () => {
    const apps = [
      app('shop', 'production', { of: 'shop' }),
      app('shop-us', 'production', { of: 'shop' }),
      app('shop-staging', 'staging', { of: 'shop' }),
      app('shop-us-staging', 'staging', { of: 'shop' }),
    ];
    const expected = {
      staging: 'shop-staging',
      production: 'shop',
      us: 'shop-us',
      'us-staging': 'shop-us-staging',
    };
    expect(environments(apps)).toEqual(expected);
    expect(environments([...apps].reverse())).toEqual(expected);
    const { config, text } = proposeConfig(apps);
    expect(config.environments['us']?.protected).toBe(true);
    expect(text).toContain('a migration.yml of its own');
  });

  test('review apps are told and not moved; alone they are what there is', () => {
    const apps = [app('shop', 'production'), app('shop-pr-12', 'review')];
    expect(environments(apps)).toEqual({ production: 'shop' });
    expect(proposeConfig(apps).text).toContain('# shop-pr-12 is a review app and is not moved.');
    expect(environments([app('shop-pr-12', 'review')])).toEqual({ review: 'shop-pr-12' });
  });

  test('an application does not take the name of a database that is there already', () => {
    expect(proposeConfig([app('postgres', null)]).config.application).toBe('postgres-app');
    expect(proposeConfig([app('defaultdb', null)]).config.application).toBe('defaultdb-app');
  });

  test('without an app that could be named there is nothing to propose', () => {
    expect(() => proposeConfig([])).toThrow(ConfigurationError);
    expect(() => proposeConfig([app('Not_An_App', null)])).toThrow(ConfigurationError);
  });
});

describe('domains and zone', () => {
  const domainsOf = (names: string[], more: ProposedApp[] = []) =>
    proposeConfig([app('shop', 'production', { domains: names.map((name) => domain(name)) }), ...more]);

  test('the zone holds them, whatever lies deeper', () => {
    const { config } = domainsOf(
      ['shop.example.co.uk', 'example.co.uk'],
      [app('shop-s', 'staging', { domains: [domain('staging.shop.example.co.uk')] })],
    );
    expect(config.dns).toEqual({ provider: 'digitalocean', zone: 'example.co.uk', ttl: 30 });
    expect(config.environments['staging']?.domains).toEqual(['staging.shop.example.co.uk']);
  });

  test('Heroku’s own names are no domains', () => {
    const { config } = proposeConfig([
      app('shop', null, { domains: [domain('shop-1234.herokuapp.com', 'heroku')] }),
    ]);
    expect(config.environments['production']?.domains).toEqual([]);
    expect(config.dns).toBeUndefined();
  });

  test('wildcards and another zone are told with the reason, and stay', () => {
    const { config, text } = domainsOf(['shop.example.com', '*.example.com', 'www.other.org']);
    expect(config.environments['production']?.domains).toEqual(['shop.example.com']);
    expect(text).toMatch(/# Not among the domains: \*\.example\.com \(wildcards are not supported yet\)\./);
    expect(text).toMatch(/# Not among the domains: www\.other\.org \(it is in another zone/);
  });

  test('production decides which zone it is, not the number of staging’s domains', () => {
    const { config } = domainsOf(
      ['shop.example.com'],
      [app('shop-s', 'staging', { domains: ['a.test.org', 'b.test.org'].map((name) => domain(name)) })],
    );
    expect(config.dns?.zone).toBe('example.com');
  });

  test('an international name is written as DNS has it', () => {
    const { config } = domainsOf(['laden.münchen.de']);
    expect(config.environments['production']?.domains).toEqual(['laden.xn--mnchen-3ya.de']);
    expect(config.dns?.zone).toBe('xn--mnchen-3ya.de');
  });
});

describe('region', () => {
  test('is the nearest to Heroku’s', () => {
    expect(
      proposeConfig([app('shop', null, { region: 'frankfurt' })]).config.environments['production'],
    ).toMatchObject({ region: 'fra' });
  });

  test('of an unknown one is to be checked', () => {
    expect(proposeConfig([app('shop', null, { region: 'moon\nbase: 1' })]).text).toContain(
      "# CHECK: where Heroku's region moon base: 1 lies is not known",
    );
  });
});

describe('schedule', () => {
  const job = (command: string, every = 1440, at = 180) => ({ command, every, at, dynoSize: 'Eco' });

  test('Scheduler’s jobs are declared as they run', () => {
    const { config } = proposeConfig([
      {
        ...app('shop', 'production', { hasScheduler: true }),
        scheduler: { jobs: [job("rake 'a: #b'"), job('x', 10, 0)] },
      },
    ]);
    expect(config.schedule).toEqual([
      { name: 'rake-a-b', command: "rake 'a: #b'", cron: '0 3 * * *', timeZone: 'UTC' },
      { name: 'job-x', command: 'x', cron: '*/10 * * * *', timeZone: 'UTC' },
    ]);
  });

  test('a command that may hold a secret is not written into a file that goes to git', () => {
    const commands = [
      'curl -H "Authorization: Bearer abcdef" https://example.com',
      'API_KEY=hunter2 rake a',
      'psql postgres://u:hunter2@host/db',
      'ping 0123456789abcdef0123456789abcdef',
    ];
    const { config, text } = proposeConfig([
      {
        ...app('shop', null, { hasScheduler: true }),
        scheduler: { jobs: [...commands, 'rake ok'].map((command) => job(command)) },
      },
    ]);
    expect(config.schedule.map(({ command }) => command)).toEqual(['rake ok']);
    expect(text).toContain('# CHECK: 4 more');
    expect(text).not.toMatch(/hunter2|abcdef/);
  });

  test('jobs that nobody could read are asked for', () => {
    const { config, text } = proposeConfig([app('shop', null, { hasScheduler: true })]);
    expect(config.schedule).toEqual([]);
    expect(text).toContain('# CHECK: the jobs of Heroku Scheduler');
  });
});

describe('every proposal is a file that the phases accept', () => {
  // Reproducible: the same seed gives the same apps.
  function random(seed: number): () => number {
    let state = seed;
    return () => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return state / 2_147_483_648;
    };
  }
  const LETTERS = ['a', 'b', 'c', 'x', 'y', 'z', '0', '1', '8', '9', '-', '-'];
  const STAGES = [null, 'production', 'staging', 'development', 'test', 'review', 'null', 'a stage: #x', ''];
  const NAMES = [
    'shop',
    'true',
    'null',
    'yes',
    'on',
    'staging',
    'production',
    'prod-prod',
    'a1-2-3',
    'x---y',
  ];
  const HOSTS = [
    'example.com',
    '*.example.com',
    'WWW.Example.com.',
    'bücher.example',
    'a_b.example.com',
    'x',
    '',
    'a.b.c.d.example.co.uk',
    '-bad.example.com',
    'evil.com]\nprotected: false',
    '127.0.0.1',
    'y.no',
  ];
  const COMMANDS = [
    'a',
    '',
    '123',
    "it's",
    'x: y # z',
    '{a: [1',
    'a\nb',
    '\u2028',
    '"',
    '\\',
    '- x',
    '!!js x',
  ];

  test.each(Array.from({ length: 12 }, (_, block) => block * 20))('twenty worlds from seed %i', (first) => {
    for (let seed = first; seed < first + 20; seed += 1) proposesWhatIsAccepted(seed);
  });

  function proposesWhatIsAccepted(seed: number): void {
    const next = random(seed * 7_919 + 1);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)] as T;
    const letters = () => Array.from({ length: 2 + Math.floor(next() * 28) }, () => pick(LETTERS)).join('');
    const drawn = Array.from({ length: 1 + Math.floor(next() * 14) }, (): ProposedApp => {
      const name = next() < 0.3 ? pick(NAMES) : `${pick(['shop', 'acme', 'z'])}-${letters()}0`.slice(0, 30);
      return {
        ...app(name, pick(STAGES), {
          region: pick(['us', 'eu', 'tokyo', 'mars', '', 'x\ny: z']),
          domains: Array.from({ length: Math.floor(next() * 5) }, () => domain(pick(HOSTS))),
          hasScheduler: next() < 0.5,
          buildpacks: pick([['heroku/ruby'], ['heroku/go'], []]),
          formation: next() < 0.5 ? [] : inventory.formation,
          ...(next() < 0.5 ? {} : { of: pick(['My Pipeline', '', 'über: # x', 'a'.repeat(40)]) }),
        }),
        ...(next() < 0.3
          ? {}
          : {
              scheduler: {
                jobs: Array.from({ length: Math.floor(next() * 4) }, () => ({
                  command: pick(COMMANDS),
                  every: pick([10, 60, 1440]),
                  at: Math.floor(next() * 1440),
                  dynoSize: 'Eco',
                })),
              },
            }),
      };
    });
    // Heroku knows no name twice, and one app must have a name that is one of Heroku's.
    const apps = [
      ...new Map([...drawn, app('last', 'test')].map((one) => [one.inventory.app.name, one])).values(),
    ];
    const proposed = proposeConfig(apps);
    expect(parseMigrationConfig(proposed.text, 'migration.yml')).toEqual(proposed.config);
    expect(proposeConfig([...apps].reverse()).text).toBe(proposed.text);
    const given = new Set(apps.map(({ inventory: { app: one } }) => one.name));
    const named = Object.values(proposed.config.environments).map(({ herokuApp }) => herokuApp);
    for (const name of given) {
      // Every app is an environment, or told.
      expect(named.includes(name) || proposed.text.includes(`# ${name} is `)).toBe(true);
    }
    expect(named.every((name) => given.has(name))).toBe(true);
  }
});
