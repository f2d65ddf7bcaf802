import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { GitHubWorld } from '../../rehearsal/github/world.ts';
import { startGitHub } from '../../rehearsal/github/world.ts';
import { checkRehearsals, type RehearsalGateOptions } from '../../src/github/rehearsal-gate.ts';
import { silentLog } from '../../src/log.ts';
import { addSection, emptyRecord, type MigrationRecord, type Phase } from '../../src/migration/record.ts';

const DAY = 86_400_000;
const NOW = new Date();
const DECISIONS = { shared: 'sha256:shared', own: 'sha256:own' };
let github: GitHubWorld;

beforeEach(async () => {
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
});
afterEach(() => github.stop());

type Section = [phase: Phase, data: Record<string, unknown>];

const ago = (days: number): Date => new Date(NOW.getTime() - days * DAY);

function recordOf(
  migrationId: string,
  environment: string,
  daysAgo: number,
  sections: Section[],
): MigrationRecord {
  return sections.reduce(
    (record, [phase, data]) =>
      addSection(record, phase, {
        at: ago(daysAgo),
        run: { runId: '1', runAttempt: 1, actor: 'ada', runUrl: 'https://github.com' },
        data,
      }),
    emptyRecord({ migrationId, application: 'shop', environment }),
  );
}

const moved = (outcome = 'moved', decisions = DECISIONS): Section => [
  'cutover',
  { outcome, decisions, downtimeMs: 1000 },
];
const verified = (outcome = 'verified'): Section => ['verify', { outcome }];
const back = (outcome = 'rolled-back'): Section => ['roll-back', { outcome }];
const ended = (depth: string, outcome = 'passed', decisions = DECISIONS): Section => [
  'rehearsal',
  { depth, outcome, decisions },
];
const copied = (outcome = 'copied'): Section => [
  'migrate-db',
  { command: 'copy', outcome, ...(outcome === 'copied' ? { tables: 12, keys: 34 } : {}) },
];

interface Kept {
  daysAgo?: number;
  artifact?: string;
  migrationId?: string;
  path?: string;
  branch?: string;
  headRepository?: string;
  alter?: (text: string) => string;
}

/** A run that kept a record, and its number. */
function keep(sections: Section[], kept: Kept = {}): number {
  const {
    daysAgo = 1,
    artifact = 'migration-record-staging',
    migrationId = artifact.includes('shadow') ? 'shop-production-shadow' : 'shop-staging',
    alter = (text: string) => text,
    path,
    ...run
  } = kept;
  const { id } = github.createRun({
    actor: 'ada',
    ...run,
    ...(path === undefined ? {} : { path: `.github/workflows/${path}` }),
  });
  const record = recordOf(migrationId, artifact.split('-')[2] ?? '', daysAgo, sections);
  const folder = join(github.artifacts(id), artifact);
  mkdirSync(folder);
  writeFileSync(join(folder, 'migration-record.json'), alter(JSON.stringify(record)));
  utimesSync(folder, ago(daysAgo), ago(daysAgo));
  return id;
}

/** Production's own record, as prepared `daysAgo`. */
const prepared = (daysAgo: number, sections: Section[] = [copied()]): MigrationRecord =>
  recordOf('shop-production', 'production', daysAgo, sections);

function check(changes: Partial<RehearsalGateOptions> = {}): ReturnType<typeof checkRehearsals> {
  return checkRehearsals({
    environment: { name: 'production', migrationId: 'shop-production' },
    record: prepared(0),
    stagings: [{ name: 'staging', migrationId: 'shop-staging' }],
    decisions: DECISIONS,
    maxAgeMs: 14 * DAY,
    waived: { full: false, shadow: false },
    run: { repository: 'acme/shop', runId: '1', actor: 'ada', triggeringActor: 'ada', apiUrl: github.apiUrl },
    token: github.issueToken({ actions: 'read', contents: 'read' }),
    now: NOW,
    signal: new AbortController().signal,
    ...changes,
  });
}

/** What the gate says when it stays closed. */
async function closedBecause(changes: Partial<RehearsalGateOptions> = {}): Promise<string> {
  const error = await check(changes).then(
    () => undefined,
    (reason: unknown) => reason as Error,
  );
  expect(error?.message).toMatch(/^The gate stays closed, and nothing was changed: /);
  return error?.message ?? '';
}

describe('a full rehearsal', () => {
  test('staging that moved and was verified with the same decisions counts, and the record says which run it was', async () => {
    const run = keep([moved(), verified()]);
    expect(await check()).toEqual([
      {
        what: 'full rehearsal',
        found: `staging moved, verified, 24 h 0 min ago (https://github.com/acme/shop/actions/runs/${run})`,
      },
      {
        what: 'shadow of the data',
        found: 'the copy that is to be cut over: 12 tables and 34 keys copied and compared, 0 ms ago',
      },
    ]);
  });

  test('a scheduled one counts with its own end, and not without', async () => {
    keep([moved(), verified(), back(), ended('full')], { path: 'rehearse-staging.yml' });
    const [full] = await check();
    expect(full?.found).toMatch(/^staging moved and went back, verified/);
    keep([moved(), verified()], { path: 'rehearse-staging.yml', daysAgo: 0.5 });
    expect(await closedBecause()).toMatch(/did not pass: it did not come to its end.*`depth: full`/);
  });

  test('runs that rehearsed nothing, or other decisions, are passed over on the way to it', async () => {
    keep([moved(), verified()], { daysAgo: 5 });
    keep([['assess', { outcome: 'moved' }], verified()], { daysAgo: 4 });
    keep([moved('moved', { ...DECISIONS, shared: 'sha256:other' }), verified()], { daysAgo: 3 });
    await expect(check()).resolves.toHaveLength(2);
  });

  test.each<[why: string, sections: Section[], kept: Kept, says: RegExp]>([
    [
      'none at all',
      [],
      { artifact: 'another' },
      /no run of that time kept the artifact migration-record-staging/,
    ],
    [
      'too old',
      [moved(), verified()],
      { daysAgo: 15 },
      /within 336 h 0 min \(`rehearsal-max-age`\): staging: no run/,
    ],
    [
      'other decisions',
      [moved('moved', { ...DECISIONS, shared: 'x' }), verified()],
      {},
      /tried other decisions/,
    ],
    [
      'from before decisions were kept',
      [['cutover', { outcome: 'moved' }], verified()],
      {},
      /tried other decisions/,
    ],
    ['undone', [moved('undone')], {}, /did not pass: its cutover is "undone"/],
    ['not verified', [moved()], {}, /its new side was not verified \(not looked at\)/],
    ['verified as wrong', [moved(), verified('failed')], {}, /its new side was not verified \(failed\)/],
    ['a way back that failed', [moved(), verified(), back('stuck')], {}, /its way back is "stuck"/],
    ['above the budget', [moved(), verified(), ended('full', 'over-budget')], {}, /it is "over-budget"/],
    ['failed before its cutover', [ended('full', 'failed')], {}, /it failed before its cutover/],
    ['of another migration', [moved(), verified()], { migrationId: 'mall-staging' }, /is of mall-staging/],
    ['of a fork', [moved(), verified()], { headRepository: 'eve/shop' }, /comes from eve\/shop/],
    [
      'of an open branch',
      [moved(), verified()],
      { branch: 'mine' },
      /ran on mine, which is neither the default/,
    ],
    ['of a branch that is gone', [moved(), verified()], { branch: 'gone' }, /or its branch is gone/],
    [
      'of another workflow',
      [moved(), verified()],
      { path: 'test.yml' },
      /is a run of .*test.yml, not of migrate.yml/,
    ],
    [
      'altered',
      [moved(), verified()],
      { alter: (text) => text.replace('moved', 'Moved') },
      /cannot be read.*was altered/,
    ],
    ['no record', [moved()], { alter: () => 'null' }, /cannot be read/],
  ])('%s: the gate stays closed, and says what to run', async (_why, sections, kept, says) => {
    if (kept.branch === 'mine') github.git.createBranch('mine', github.git.branch('main')?.commit ?? '');
    keep(sections, kept);
    const said = await closedBecause();
    expect(said).toMatch(says);
    expect(said).toMatch(/[Rr]ehearse|rehearse-staging/);
  });

  test('the newest decides: one that failed is not made good by an older one that passed', async () => {
    keep([moved(), verified()], { daysAgo: 3 });
    await expect(check()).resolves.toHaveLength(2);
    keep([moved('undone')], { daysAgo: 2 });
    expect(await closedBecause()).toMatch(/the newest \(https.*did not pass: its cutover is "undone"/);
  });

  test('without a staging, or with its waiver, the gate says so', async () => {
    expect(await closedBecause({ stagings: [] })).toMatch(
      /no environment in which a cutover can be tried.*`rehearsal\/full: waived`/,
    );
    const [full] = await check({ stagings: [], waived: { full: true, shadow: false } });
    expect(full?.found).toBe('waived by `rehearsal/full` in migration.yml');
  });
});

describe('a shadow', () => {
  const shadow = (sections: Section[] = [copied(), ended('shadow')], kept: Kept = {}): number =>
    keep(sections, { artifact: 'migration-record-production-shadow', path: 'rehearse-staging.yml', ...kept });

  beforeEach(() => {
    keep([moved(), verified()]);
  });

  test('where the copy to be cut over is too old, a recent shadow counts', async () => {
    expect(await closedBecause({ record: prepared(20) })).toMatch(
      /the copy that is to be cut over is too old \(480 h 0 min ago\); shadows: no run of that time kept.*`depth: shadow`/,
    );
    shadow();
    const [, found] = await check({ record: prepared(20) });
    expect(found?.found).toMatch(/^shadow: 12 tables and 34 keys copied and compared, 24 h/);
  });

  test('what differed from Heroku, which wrote on, is not said to be proven', async () => {
    const differing = [
      'table public.a: 5 rows on Heroku, 4 on DigitalOcean',
      'table public.b: 1',
      '3 Redis keys',
    ];
    shadow([['migrate-db', { ...(copied()[1] as object), movedOn: differing }], ended('shadow')]);
    const [, found] = await check({ record: prepared(20) });
    expect(found?.found).toMatch(
      /compared; 2 tables and 3 Redis keys differ, which Heroku may have written since: only the proof inside the fence can tell, 24 h/,
    );
  });

  test.each<[why: string, sections: Section[], says: RegExp]>([
    [
      'of other decisions',
      [copied(), ended('shadow', 'passed', { ...DECISIONS, own: 'x' })],
      /tried other decisions/,
    ],
    ['that failed', [copied(), ended('shadow', 'failed')], /it is "failed"/],
    ['without a proven copy', [copied('undone'), ended('shadow')], /it holds no proven copy/],
    ['of an environment that has moved', [ended('shadow', 'nothing-to-do')], /rehearsed nothing/],
  ])('one %s does not', async (_why, sections, says) => {
    shadow(sections);
    expect(await closedBecause({ record: prepared(20) })).toMatch(says);
  });

  test('a copy that failed, or none, does not count however young', async () => {
    expect(await closedBecause({ record: prepared(0, [copied(), copied('undone')]) })).toMatch(
      /the copy that is to be cut over did not pass: the last copy is "undone"/,
    );
    const slow: Section = [
      'migrate-db',
      { command: 'copy', outcome: 'copied', tables: 1, checks: [{ state: 'failed', what: 'It bears it' }] },
    ];
    expect(await closedBecause({ record: prepared(0, [slow]) })).toMatch(/this did not hold: It bears it/);
    expect(await closedBecause({ record: prepared(0, []) })).toMatch(/is not in the record/);
    const [, waived] = await check({ record: prepared(20), waived: { full: false, shadow: true } });
    expect(waived?.found).toBe('waived by `rehearsal/shadow` in migration.yml');
  });

  test("a time that is yet to come is nobody's", async () => {
    expect(await closedBecause({ record: prepared(-1) })).toMatch(/is too old/);
  });
});

describe('any doubt keeps it closed, with what to change', () => {
  beforeEach(() => {
    keep([moved(), verified()]);
  });

  test.each([
    [429, 'list', /\/actions\/artifacts\?/, /asked to slow down \(429\)/],
    [500, 'list', /\/actions\/artifacts\?/, /GitHub is in trouble/],
    [503, 'run', /\/actions\/runs\//, /GitHub is in trouble/],
    [500, 'archive', /\/zip$/, /GitHub is in trouble/],
  ] as const)('%i for the %s', async (kind, _what, path, says) => {
    github.faults.inject({ path, kind, times: 9 });
    expect(await closedBecause()).toMatch(says);
  });

  test('a repository that the token cannot see', async () => {
    const run = { runId: '1', actor: 'ada', triggeringActor: 'ada', apiUrl: github.apiUrl };
    expect(await closedBecause({ run: { ...run, repository: 'acme/other' } })).toMatch(
      /the token cannot see them/,
    );
  });

  test('a job without the permission', async () => {
    expect(await closedBecause({ token: github.issueToken({ contents: 'read' }) })).toMatch(
      /list of artifacts.*403.*actions: read/,
    );
    expect(await closedBecause({ token: undefined })).toMatch(/github-token/);
  });
});
