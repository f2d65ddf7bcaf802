import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';

import { environmentOf, migrationJsonSchema, parseMigrationConfig } from '../../src/migration/config.ts';

const COMPLETE = `application: shop
strategy: window
traffic: dns
downtime-budget: 5m
environments:
  staging:    { heroku-app: shop-staging, region: fra, domains: [staging.shop.example.com] }
  production: { heroku-app: shop-production, region: fra, domains: [shop.example.com], protected: true }
dns: { provider: digitalocean, zone: example.com, ttl: 30 }
postgres: { size: db-s-1vcpu-1gb }
redis: { kind: droplet, size: s-1vcpu-1gb, port: 6379, skip: ["cache:*"] }
language: node
workers: { quiet-timeout: 60s }
schedule:
  - { name: nightly-report, command: "node job.ts nightly-report", cron: "0 3 * * *", time-zone: UTC }
checks:
  - { path: /health, status: 200, contains: ok }
decisions:
  add-on/papertrail: drop
config:
  drop: [LANG_FOO]
  set: { RAILS_SERVE_STATIC_FILES: "enabled" }
`;
const SHORT = `application: shop
environments:
  staging: { heroku-app: shop-staging, region: fra }
  production: { heroku-app: shop-production, region: fra }
`;

function complaint(text: string): string {
  try {
    parseMigrationConfig(text, 'migration.yml');
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('The file was accepted.');
}

describe('migration.yml', () => {
  test('a complete file becomes typed decisions, with durations in milliseconds', () => {
    const config = parseMigrationConfig(COMPLETE, 'migration.yml');
    expect(config).toMatchObject({
      application: 'shop',
      downtimeBudgetMs: 300_000,
      workers: { quietTimeoutMs: 60_000, whenBusy: 'abort' },
      redis: { kind: 'droplet', size: 's-1vcpu-1gb', port: 6379, skip: ['cache:*'] },
      dns: { provider: 'digitalocean', zone: 'example.com', ttl: 30 },
      schedule: [{ name: 'nightly-report', cron: '0 3 * * *', timeZone: 'UTC' }],
      decisions: { 'add-on/papertrail': 'drop' },
      config: { drop: ['LANG_FOO'], set: { RAILS_SERVE_STATIC_FILES: 'enabled' } },
    });
    expect(environmentOf(config, 'staging')).toEqual({
      name: 'staging',
      migrationId: 'shop-staging',
      herokuApp: 'shop-staging',
      region: 'fra',
      domains: ['staging.shop.example.com'],
      protected: false,
      decisions: {},
    });
  });

  test('a file of four lines is enough, and production is protected although it does not say so', () => {
    const config = parseMigrationConfig(SHORT, 'migration.yml');
    expect(environmentOf(config, 'production').protected).toBe(true);
    expect(config).toMatchObject({ strategy: 'auto', traffic: 'dns', checks: [], dns: undefined });
  });

  test('the limits of the live strategy are bytes and milliseconds, and have defaults', () => {
    expect(parseMigrationConfig(SHORT, 'migration.yml').live).toEqual({
      logLimitBytes: 2e9,
      leaseMs: 48 * 3_600_000,
      onSchemaChange: 'stop',
    });
    const written = `${SHORT}live: { log-limit: 500MB, lease: 12h, on-schema-change: recopy }\n`;
    expect(parseMigrationConfig(written, 'migration.yml').live).toEqual({
      logLimitBytes: 500e6,
      leaseMs: 12 * 3_600_000,
      onSchemaChange: 'recopy',
    });
    expect(complaint(`${SHORT}live: { log-limit: 2, lease: two days, on-schema-change: ask }`)).toMatch(
      /live\.log-limit must be a size.*live\.lease must be a duration.*live\.on-schema-change is "ask"/s,
    );
    expect(complaint(`${SHORT}live: { log-limit: 0GB }`)).toContain('must be a size such as 500MB');
  });

  test('what a later version will do parses, so that phases can refuse it in their own words', () => {
    const config = parseMigrationConfig(`${SHORT}strategy: live\ntraffic: front-door\n`, 'migration.yml');
    expect(config).toMatchObject({ strategy: 'live', traffic: 'front-door' });
  });

  test('a misspelt key is named with its line and the key that was meant, at every depth', () => {
    expect(complaint(SHORT.replace('application', 'aplication'))).toContain(
      'line 1: unknown key aplication; did you mean "application"?',
    );
    expect(complaint(SHORT.replace('heroku-app: shop-prod', 'heroku_app: shop-prod'))).toContain(
      'line 4: unknown key environments.production.heroku_app; did you mean "heroku-app"?',
    );
    expect(complaint(`${SHORT}redis: { kind: droplet, prot: 6380 }`)).toContain(
      'line 5: unknown key redis.prot; did you mean "port"?',
    );
    expect(complaint(`${SHORT}checks:\n  - { path: /, satus: 200 }`)).toContain(
      'line 6: unknown key checks[0].satus; did you mean "status"?',
    );
  });

  test('a key that resembles none is told with all that are known there', () => {
    expect(complaint(`${SHORT}redis: { kind: managed }`)).toContain('nobody can restrict');
    expect(complaint(`${SHORT}redis: { image: "redis:7" }`)).toContain('by its digest');
    expect(complaint(`${SHORT}redis: { zzzzzz: 1 }`)).toContain(
      '(known here: kind, size, port, image, skip, passwords)',
    );
  });

  test('all problems are told at once, in the order of their lines', () => {
    const message = complaint(`application: Shop
environments:
  staging: { heroku-app: shop-staging, region: fra1, domains: ["https://shop.example.com"] }
  production: { region: fra }
strategy: windo
downtime-budget: 5
workers: { quiet-timeout: soon }
schedule:
  - { name: nightly, command: x, cron: "0 25 * * *", time-zone: Mars/Base }
config: { set: { WEB_CONCURRENCY: 2 } }
`);
    expect(message.split('\n')).toEqual([
      'migration.yml has 10 problems, and nothing was done:',
      expect.stringMatching(/line 1: application must be lower-case/),
      expect.stringMatching(/line 3: environments\.staging\.region must be a region/),
      expect.stringMatching(/line 3: environments\.staging\.domains\[0\] must be a host name/),
      '  line 4: environments.production.heroku-app is missing',
      '  line 5: strategy is "windo" and must be one of auto, window, live; did you mean "window"?',
      expect.stringMatching(/line 6: downtime-budget must be a duration/),
      expect.stringMatching(/line 7: workers\.quiet-timeout must be a duration/),
      expect.stringMatching(
        /line 9: schedule\[0\]\.cron "25" is not a hour of cron|line 9: schedule\[0\]\.cron/,
      ),
      expect.stringMatching(/line 9: schedule\[0\]\.time-zone must be a time zone/),
      expect.stringMatching(/line 10: config\.set\.WEB_CONCURRENCY must be text: write the value in quotes/),
    ]);
  });

  test('values that contradict each other are told', () => {
    const message = complaint(`application: a-rather-long-application
environments:
  staging: { heroku-app: same, region: fra, domains: [shop.example.com] }
  production: { heroku-app: same, region: fra, domains: [shop.example.com, shop.other.org] }
dns: { provider: digitalocean, zone: example.com }
`);
    expect(message).toContain('names on DigitalOcean leave room for 24');
    expect(message).toContain('"same" is already the app of staging');
    expect(message).toContain('shop.example.com is already a domain of staging');
    expect(message).toContain('shop.other.org is not in the zone example.com');
  });

  test.each([
    [
      'image: { build: app-platform }',
      ['needs the `repository` at GitHub', 'needs the `branch` that staging runs'],
    ],
    ['image: { branch: main }', ['branch is read with `image: { build: app-platform }` only']],
    ['image: { build: app-platform, repository: shop, branch: main }', ['must be owner and name at GitHub']],
    [
      'image: { build: app-platform, repository: acme/shop, branch: a b, dockerfile: ../Dockerfile }',
      ['must be the name of a branch', 'must be a path from the root of the repository'],
    ],
  ])('where the image comes from: %s', (line, told) => {
    const message = complaint(`${SHORT}${line}\n`);
    for (const one of told) expect(message).toContain(one);
  });

  test('text that is not YAML, an empty file and a doubled key are refused with the line', () => {
    expect(complaint('application: shop\n  environments: [')).toMatch(/line \d+: /);
    expect(complaint('')).toContain('the file must hold keys and values');
    expect(complaint(`${SHORT}application: other\n`)).toMatch(/line 5: Map keys must be unique/);
  });

  test('an environment that the file does not name is told with those that it names', () => {
    const config = parseMigrationConfig(SHORT, 'migration.yml');
    expect(() => environmentOf(config, 'prodution')).toThrow(
      /did you mean "production"\? It names: staging, production\./,
    );
    expect(() => environmentOf(config, 'constructor')).toThrow(/does not name/);
  });

  test('the published JSON Schema accepts the complete file, refuses an unknown key, and describes every key', () => {
    const schema = migrationJsonSchema();
    const validate = new Ajv({ strict: false }).compile(schema);
    expect(validate(parse(COMPLETE))).toBe(true);
    expect(validate(parse(SHORT))).toBe(true);
    expect(validate(parse(`${SHORT}redis: { prot: 1 }`))).toBe(false);
    for (const [key, value] of Object.entries(
      schema.properties as Record<string, { description?: string }>,
    )) {
      expect([key, value.description]).toEqual([key, expect.any(String)]);
    }
  });
});
