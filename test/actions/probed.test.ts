import { expect, test } from '@jest/globals';

import { judgeHold, type Observed } from '../../actions/probe/router-hold.ts';
import { refuseUnlessWell } from '../../actions/cutover/findings.ts';
import { judgeProbes } from '../../actions/cutover/probed.ts';
import { silentLog } from '../../src/log.ts';
import { addSection, emptyRecord } from '../../src/migration/record.ts';
import { assumptions, type Assumption } from '../../src/probe/assumptions.ts';
import { newestAnswers, type Probed } from '../../src/probe/probe-record.ts';
import { neededProbes, probeIds, type ProbeId, type RestsOn } from '../../src/probe/probes.ts';

const now = new Date('2026-11-20T12:00:00Z');
const DAY_MS = 24 * 3_600_000;
const answer = (id: ProbeId, result: Probed['result'], daysAgo: number, seen = 'as told'): Probed => ({
  ...{ id, result, seen, milliseconds: 1000 },
  at: new Date(now.getTime() - daysAgo * DAY_MS).toISOString(),
});
const judge = (answers: Probed[], note: string | null = null) =>
  judgeProbes(['router-hold', 'doadmin'], new Map(answers.map((one) => [one.id, one])), { now, note });

/** What is told as a warning, and the refusal. */
function told(findings: ReturnType<typeof judge>): { warnings: string[]; refusal: string } {
  const warnings: string[] = [];
  try {
    refuseUnlessWell(findings, { ...silentLog, warning: (line) => void warnings.push(line) });
    return { warnings, refusal: '' };
  } catch (error) {
    return { warnings, refusal: (error as Error).message };
  }
}

test('a needed probe that failed refuses the cutover, with what was seen and what to do', () => {
  const { warnings, refusal } = told(
    judge([answer('router-hold', 'failed', 3, '7 requests were refused'), answer('doadmin', 'passed', 3)]),
  );
  expect(refusal).toMatch(
    /probe router-hold: failed .* ago: 7 requests were refused\. This cutover needs that/,
  );
  expect(refusal).toContain('Run probe.yml again with `probes: router-hold`');
  expect(warnings).toEqual([]);
});

test('one that was never run, could not be asked, or is old is a warning that names it', () => {
  expect(told(judge([answer('doadmin', 'passed', 31)]))).toEqual({
    refusal: '',
    warnings: [
      expect.stringMatching(
        /router-hold was never run; doadmin passed .* ago, which is long\. Run probe\.yml/,
      ),
    ],
  });
  expect(
    told(judge([answer('doadmin', 'passed', 29), answer('router-hold', 'not-asked', 1, 'no token')])),
  ).toEqual({
    refusal: '',
    warnings: [expect.stringMatching(/router-hold could not be asked .* \(no token\)\. Run probe\.yml/)],
  });
});

test('records that cannot be read are told, also beside probes that passed', () => {
  const { warnings, refusal } = told(
    judge([answer('doadmin', 'passed', 1), answer('router-hold', 'passed', 1)], 'GitHub forbade it (403)'),
  );
  expect(refusal).toBe('');
  expect(warnings).toEqual([
    expect.stringMatching(
      /not all were looked at \(GitHub forbade it \(403\)\)\. A probe that failed may be among them/,
    ),
  ]);
});

test('of several runs the newest answer of each probe counts, and none is no answer', () => {
  const record = (probes: Probed[]) =>
    addSection(
      emptyRecord({ migrationId: 'shop-staging-probe', application: 'shop', environment: 'staging' }),
      'probe',
      {
        at: now,
        run: {
          runId: '1',
          runAttempt: 1,
          actor: 'ada',
          runUrl: 'https://github.com/acme/shop/actions/runs/1',
        },
        data: {
          outcome: 'passed',
          probes: [...probes, { ...answer('doadmin', 'passed', 0), id: 'of-a-later-version' }],
        },
      },
    );
  const answers = newestAnswers([
    record([answer('doadmin', 'failed', 2), answer('router-hold', 'passed', 5)]),
    record([answer('doadmin', 'passed', 9), answer('router-hold', 'not-asked', 1)]),
    record([answer('empty-slug', 'not-asked', 1)]),
  ]);
  expect([...answers.values()].map(({ id, result }) => `${id}: ${result}`).sort()).toEqual([
    'doadmin: failed',
    'empty-slug: not-asked',
    'router-hold: passed',
  ]);
});

test('needed is only what this plan rests on', () => {
  const of = (more: Partial<RestsOn>) =>
    neededProbes({ strategy: 'window', traffic: 'dns', redis: false, domains: false, ...more });
  expect(of({})).toEqual(['default-credential', 'empty-slug', 'doadmin', 'open-sessions', 'private-network']);
  expect(of({ redis: true, domains: true })).toEqual(
    expect.arrayContaining(['key-value-store', 'plain-domain']),
  );
  expect(of({ traffic: 'front-door', domains: true })).toEqual(
    expect.arrayContaining(['router-hold', 'foreign-slug', 'slug-outlives-app']),
  );
  expect(of({ traffic: 'front-door', domains: true })).not.toEqual(expect.arrayContaining(['empty-slug']));
  expect(of({ traffic: 'cdn', domains: true })).not.toContain('plain-domain');
});

test('each assumption has a name of its own, and is tried by a probe or says why none does; each probe tries one', () => {
  const all: Assumption[] = [...assumptions.heroku, ...assumptions.digitalocean];
  const ids = all.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)]);
  const tried = new Set(all.flatMap((one) => ('triedBy' in one ? [one.triedBy] : [])));
  expect([...tried].sort()).toEqual([...probeIds].sort());
  for (const one of all) {
    for (const text of [one.claim, one.source, one.ifWrong])
      expect([one.id, text.length > 3]).toEqual([one.id, true]);
    if ('untried' in one) expect([one.id, one.untried.length > 10]).toEqual([one.id, true]);
  }
});

const asked = (askedAt: number, milliseconds: number, body: string, status = 200): Observed => ({
  ...{ askedAt, milliseconds, body, status },
});

test('a hold is seen where somebody waited for the new dyno and nobody was refused', () => {
  const before = asked(0, 5, 'first');
  expect(judgeHold([before, asked(100, 10_050, 'second'), asked(10_200, 5, 'second')])).toMatch(
    /^none of 3 requests, 40 at once, was refused; the longest waited 10\.1 s/,
  );
  expect(() => judgeHold([before, asked(100, 40, 'unavailable', 503), asked(200, 9_900, 'second')])).toThrow(
    '1 of 3 requests were refused while the new dyno started, the first with HTTP 503 after 0.0 s',
  );
  expect(() => judgeHold([before, asked(100, 10_050, 'second'), asked(10_200, 5, 'first')])).toThrow(
    'were given to the old one',
  );
  expect(() => judgeHold([before, asked(9_000, 20, 'first'), asked(10_100, 20, 'second')])).toThrow(
    'no request waited for the new dyno',
  );
});
