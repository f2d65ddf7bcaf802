import type { MigrationRecord, Phase } from '../../../src/migration/record.ts';
import { addSection, emptyRecord } from '../../../src/migration/record.ts';

export const RUN = {
  runId: '1000001',
  runAttempt: 1,
  actor: 'alex',
  runUrl: 'https://github.com/acme/shop/actions/runs/1000001',
};

/** A record with these sections, a minute apart, sealed as the phases seal them. */
export function recordOf(
  sections: readonly [Phase, unknown][],
  run: typeof RUN = RUN,
  application = 'shop',
): MigrationRecord {
  return sections.reduce(
    (record, [phase, data], index) =>
      addSection(record, phase, { at: new Date(Date.UTC(2026, 10, 23, 12, index)), run, data }),
    emptyRecord({ migrationId: `${application}-production`, application, environment: 'production' }),
  );
}

const cost = (usdPerMonth: number, what: string) => ({
  usdPerMonth,
  complete: true,
  lines: [{ group: 'processes', what, usd: usdPerMonth, atLeast: false, note: 'billed price' }],
});

export const ASSESSED: [Phase, unknown] = [
  'assess',
  {
    outcome: 'ready',
    changed: false,
    planDigest: `sha256:${'a'.repeat(64)}`,
    plan: {
      costs: {
        before: cost(650, 'web: 4 × Performance-M'),
        after: cost(97.1, 'web: 2 × apps-s-1vcpu-1gb'),
        notKnown: ['Traffic beyond what the instance sizes include.'],
      },
    },
  },
];

const START = Date.UTC(2026, 10, 23, 2, 0);
const step = (name: string, fromSeconds: number, toSeconds: number, status = 'done') => ({
  name,
  status,
  begunAt: new Date(START + fromSeconds * 1000).toISOString(),
  finishedAt: new Date(START + toSeconds * 1000).toISOString(),
});

export const STEPS = [
  step('gate', 0, 0.2),
  step('pre-flight', 0.2, 2.1),
  step('follow-redis', 2.1, 9),
  step('quiet-workers', 9, 31),
  step('stop-workers', 31, 38.4),
  step('maintenance-mode', 38.4, 39.1),
  step('park', 39.1, 44),
  step('fence', 44, 44.4),
  step('copy', 44.4, 58.2),
  step('parity', 58.2, 66.9),
  step('reverse-capture', 66.9, 68),
  step('count-jobs', 68, 68.3),
  step('point-of-no-return', 68.3, 68.6),
  step('open-new-side', 68.6, 69),
  step('dns shop.example.com', 69, 69.8),
  step('smoke', 69.8, 72.4),
];

const part = (name: string, low: number, expected: number, high: number, basis = 'allowed') => ({
  ...{ name, low, expected, high, basis, reason: 'as measured' },
});

export const CUTOVER = {
  outcome: 'moved',
  changed: true,
  planDigest: `sha256:${'a'.repeat(64)}`,
  downtimeMs: 34_000,
  downtime: {
    from: new Date(START + 38_400).toISOString(),
    to: new Date(START + 72_400).toISOString(),
  },
  steps: STEPS,
  forecast: {
    ...{ low: 20_000, expected: 40_000, high: 120_000, budget: 300_000, fits: true, verdict: '' },
    phases: [
      part('Heroku: maintenance mode', 200, 1_000, 5_000),
      part('Heroku: dynos end', 1_000, 10_000, 30_000),
      part('Heroku: parking release', 1_000, 5_000, 15_000),
      part('copy', 8_000, 10_000, 12_000, 'measured'),
      part('parity', 7_000, 9_000, 13_500, 'measured'),
      part('DNS: resolvers follow', 0, 15_000, 30_000, 'dns'),
    ],
  },
  gate: {
    mode: 'environment',
    approvedBy: 'robin',
    checks: [
      { what: 'digest of the approved plan', found: `sha256:${'a'.repeat(64)}` },
      { what: 'required reviewers', found: '1' },
      { what: 'approved by', found: 'robin' },
      { what: 'comment of the approval', found: 'The record is clean.' },
    ],
  },
  preFlight: [{ what: 'forecast of the downtime', found: 'Downtime forecast: 20 s to 120 s.' }],
  parity: { rows: { compared: 48_513, different: 0 }, keys: { compared: 29, different: 0 }, tables: 17 },
  redis: { caughtUp: { compared: 2_266 } },
  jobs: {
    counts: [
      { name: 'default', size: 14 },
      { name: 'schedule', size: 3 },
    ],
  },
};

export const CHECKS = [
  {
    ...{ id: 'function/front', area: 'function', what: 'The front page answers 200', found: 'HTTP 200' },
    ...{ state: 'passed', milliseconds: { newSide: 85, oldSide: 112 } },
  },
  {
    ...{ id: 'function/login', area: 'function', what: 'Somebody can log in', found: 'HTTP 302 to /account' },
    ...{ state: 'passed', milliseconds: { newSide: 140, oldSide: 120 } },
  },
  {
    ...{ id: 'security/redis', area: 'security', what: 'Redis is not public', found: 'no answer from here' },
    state: 'passed',
  },
  {
    ...{ id: 'third-parties/stripe', area: 'third-parties', what: 'Webhooks of Stripe lead to the new side' },
    ...{ found: 'nobody but you can see it', state: 'told' },
  },
];

export const VERIFIED = {
  outcome: 'verified',
  changed: false,
  state: 'moved',
  checks: CHECKS,
  figures: {
    rows: { compared: 48_513, different: 769 },
    keys: { compared: 2_285, different: 75 },
    tables: 17,
  },
  explained: ['table public.orders: 7716 rows on Heroku, 7783 on DigitalOcean'],
  failures: [],
};

/** A migration from beginning to end. */
export const WHOLE: readonly [Phase, unknown][] = [
  ASSESSED,
  ['provision', { outcome: 'done', changed: true, stage: 'infrastructure' }],
  ['migrate-db', { outcome: 'copied', changed: true, command: 'copy' }],
  ['provision', { outcome: 'done', changed: true, stage: 'application' }],
  ['cutover', CUTOVER],
  ['verify', VERIFIED],
];
