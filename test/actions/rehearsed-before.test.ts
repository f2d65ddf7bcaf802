import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from '@jest/globals';

import { rehearsedBefore } from '../../actions/assess/rehearsed-before.ts';
import { startGitHub, type GitHubWorld, type TokenPermissions } from '../../rehearsal/github/world.ts';
import type { Edge } from '../../src/github/run.ts';
import { silentLog } from '../../src/log.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { addSection, emptyRecord, type Phase } from '../../src/migration/record.ts';
import { offerFor } from '../../src/migration/recorded-offer.ts';
import { edgeOf } from './edge-of.ts';

const config = parseMigrationConfig(
  'application: shop\nenvironments: { staging: { heroku-app: shop-staging, region: fra }, production: { heroku-app: shop-production, region: fra } }\n',
  'migration.yml',
);
const production = environmentOf(config, 'production');
const DAY = 86_400_000;
let github: GitHubWorld;

beforeEach(async () => {
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
});
afterEach(() => github.stop());

function keep(
  [artifact, migrationId, environment]: [string, string, string],
  daysAgo: number,
  sections: [Phase, Record<string, unknown>][],
): void {
  const { id } = github.createRun({ actor: 'ada', event: 'schedule' });
  const run = { runId: String(id), runAttempt: 1, actor: 'ada', runUrl: 'https://github.com' };
  const at = new Date(Date.now() - daysAgo * DAY);
  const record = sections.reduce(
    (made, [phase, data]) => addSection(made, phase, { at, run, data }),
    emptyRecord({ migrationId, application: 'shop', environment }),
  );
  const folder = join(github.artifacts(id), artifact);
  mkdirSync(folder);
  writeFileSync(join(folder, 'migration-record.json'), JSON.stringify(record));
}

const SHADOW: [string, string, string] = [
  'migration-record-production-shadow',
  'shop-production-shadow',
  'production',
];
const STAGING: [string, string, string] = ['migration-record-staging', 'shop-staging', 'staging'];

const copied = (copyBytesPerSecond: number): [Phase, Record<string, unknown>] => [
  'migrate-db',
  { command: 'copy', speed: { copyBytesPerSecond, parityBytesPerSecond: 2 } },
];
const offered = (citext: string): [Phase, Record<string, unknown>] => [
  'provision',
  { stage: 'infrastructure', offered: { engine: 'pg', major: 17, extensions: { citext } } },
];
const ended = (
  depth: string,
  expected: number,
  downtimeMs: number | null = null,
): [Phase, Record<string, unknown>] => [
  'rehearsal',
  {
    ...{ depth, outcome: 'passed' },
    figures: { forecast: { expected }, downtimeMs, off: downtimeMs === null ? null : downtimeMs / expected },
  },
];

const edge = (permissions: TokenPermissions = { actions: 'read' }): Edge =>
  edgeOf(
    { 'github-token': github.issueToken(permissions) },
    { environment: { GITHUB_REPOSITORY: 'acme/shop', GITHUB_API_URL: github.apiUrl } },
  );

test('the forecast begins with what the newest shadow measured, and says how far off the last full one was', async () => {
  keep(SHADOW, 8, [copied(1), ended('shadow', 50_000)]);
  keep(SHADOW, 1, [copied(5), ended('shadow', 40_000)]);
  keep(STAGING, 2, [ended('full', 20_000, 25_000)]);
  const { measured, told } = await rehearsedBefore(edge(), config, production);
  expect(measured).toEqual({ measured: { copyBytesPerSecond: 5, parityBytesPerSecond: 2 } });
  expect(told).toEqual([
    expect.stringMatching(/^The last rehearsal \(shadow, .*\) is "passed". It forecast 40.0 s of downtime.$/),
    expect.stringMatching(/\(full, .*It forecast 20.0 s of downtime, and it took 25.0 s: 125 % of that.$/),
  ]);
});

test('what the last pass over Redis took, and how quick many rows were drained, is in the next forecast', async () => {
  const speed = { copyBytesPerSecond: 5, parityBytesPerSecond: 2 };
  const redis = { finalPassMs: 1_200, jobsMs: 30, keys: 10 };
  const live = (drainedRows: number) => ({ drainedRows, rowsPerSecond: 9_000, lag: {} });
  const measuredOf = async (data: Record<string, unknown>): Promise<unknown> => {
    keep(SHADOW, 1, [['migrate-db', { command: 'copy', speed, ...data }]]);
    const { measured } = await rehearsedBefore(edge(), config, production);
    await github.stop();
    github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
    return measured.measured;
  };
  expect(await measuredOf({ redis, live: live(20_000) })).toEqual({
    ...speed,
    redis: { finalPassMs: 1_200, jobsMs: 30 },
    drainRowsPerSecond: 9_000,
  });
  // A few rows tell of round trips only.
  expect(await measuredOf({ redis: null, live: live(40) })).toEqual(speed);
  // Of another version.
  expect(await measuredOf({ redis: { lastPassMs: 3 } })).toEqual(speed);
});

test('what each step of the last rehearsed cutover took is in the next forecast, whatever came of older ones', async () => {
  const at = (seconds: number): string => new Date(Date.UTC(2026, 10, 20, 3, 0, seconds)).toISOString();
  const step = (name: string, from: number, to: number | null, status = 'done') => ({
    ...{ name, status, begunAt: at(from) },
    finishedAt: to === null ? null : at(to),
  });
  const cutover = (outcome: string, steps: unknown[]): [Phase, Record<string, unknown>] => [
    'cutover',
    { outcome, steps },
  ];
  keep(STAGING, 9, [cutover('moved', [step('park', 0, 50)])]);
  keep(STAGING, 3, [
    cutover('moved', [
      step('park', 2, 9),
      step('fence', 9, 10),
      step('smoke', 10, 12, 'failed'),
      step('settle', 12, null, 'begun'),
    ]),
    ended('full', 20_000, 25_000),
  ]);
  keep(STAGING, 1, [cutover('undone', [step('park', 0, 30, 'undone'), step('fence', 30, 60)])]);
  const { measured } = await rehearsedBefore(edge(), config, production);
  expect(measured).toEqual({
    measured: {
      rehearsed: {
        from: 'the cutover of staging of 2026-11-20',
        steps: [
          { name: 'park', milliseconds: 7_000 },
          { name: 'fence', milliseconds: 1_000 },
        ],
      },
    },
  });
});

test('what the clusters of rehearsals said that they offer is known to the next plan', async () => {
  keep(SHADOW, 3, [offered('1.6'), copied(1)]);
  keep(STAGING, 2, [offered('1.7')]);
  const { offers } = await rehearsedBefore(edge(), config, production);
  expect(offers).toHaveLength(2);
  expect(offerFor(offers, 17, 'pg')).toMatchObject({
    extensions: { citext: '1.7' },
    source: expect.stringContaining('shop-staging'),
  });
});

test('without a rehearsal, or the permission to look, nothing is claimed', async () => {
  expect(await rehearsedBefore(edge(), config, production)).toEqual({ measured: {}, told: [], offers: [] });
  keep(SHADOW, 1, [copied(5), ended('shadow', 40_000)]);
  expect(await rehearsedBefore(edge({}), config, production)).toEqual({ measured: {}, told: [], offers: [] });
});
