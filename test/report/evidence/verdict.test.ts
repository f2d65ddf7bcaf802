import { describe, expect, test } from '@jest/globals';

import type { Phase } from '../../../src/migration/record.ts';
import { readChecks } from '../../../src/report/evidence/checks.ts';
import { evidenceOf } from '../../../src/report/evidence/evidence.ts';
import { verdictOf } from '../../../src/report/evidence/verdict.ts';
import { ASSESSED, CHECKS, CUTOVER, VERIFIED, WHOLE, recordOf } from './record.ts';

const failedCheck = {
  ...{ id: 'security/redis-public', area: 'security', what: 'Redis is not public', found: 'it answers' },
  ...{ state: 'failed', remedy: 'Close it.' },
};
const failed = {
  ...VERIFIED,
  outcome: 'failed',
  checks: [...CHECKS, failedCheck],
  failures: ['Redis is not public: it answers – Close it.'],
};
const undone = {
  outcome: 'undone',
  changed: false,
  reason: 'cutover stopped at "copy": the disk is full.',
  now: 'Heroku takes writes and visitors.',
  steps: [
    {
      name: 'maintenance-mode',
      ended: 'undone',
      begunAt: '2026-11-23T02:00:00.000Z',
      endedAt: '2026-11-23T02:00:20.000Z',
    },
    {
      name: 'copy',
      ended: 'failed',
      begunAt: '2026-11-23T02:00:05.000Z',
      endedAt: '2026-11-23T02:00:15.000Z',
    },
  ],
};
const back = { outcome: 'rolled-back', changed: true, steps: ['fence'] };

describe('a verdict says where the migration stands, and is good only where all was looked at', () => {
  const cases: [string, readonly [Phase, unknown][], 'good' | 'bad' | 'open', RegExp][] = [
    ['nothing', [], 'open', /Nothing was done yet/],
    ['prepared', [ASSESSED], 'open', /^Prepared/],
    ['blocked', [['assess', { outcome: 'blocked' }]], 'bad', /Not ready/],
    ['moved, nobody looked', [ASSESSED, ['cutover', CUTOVER]], 'open', /not verified/],
    ['moved and verified', WHOLE, 'good', /Moved and verified/],
    ['moved, verification failed', [...WHOLE, ['verify', failed]], 'bad', /verification failed/],
    [
      'verified before the cutover only',
      [
        ['verify', VERIFIED],
        ['cutover', CUTOVER],
      ],
      'open',
      /not verified/,
    ],
    ['undone', [ASSESSED, ['cutover', undone]], 'bad', /cutover was undone/],
    ['stuck', [['cutover', { ...undone, outcome: 'stuck' }]], 'bad', /somebody must look/],
    ['unfinished', [['cutover', { ...undone, outcome: 'unfinished' }]], 'bad', /not finished/],
    ['rolled back', [...WHOLE, ['roll-back', back]], 'good', /Back on Heroku/],
    [
      'a roll-back that got stuck',
      [...WHOLE, ['roll-back', { outcome: 'stuck', now: 'Look.', reason: 'x' }]],
      'bad',
      /roll-back is half done/,
    ],
    [
      'moved again after a roll-back',
      [...WHOLE, ['roll-back', back], ['cutover', CUTOVER]],
      'open',
      /not verified/,
    ],
    [
      'the way back ended on purpose',
      [...WHOLE, ['roll-back', { command: 'finalize', outcome: 'finalized' }]],
      'good',
      /Moved and verified/,
    ],
    [
      'a roll-back that was refused',
      [...WHOLE, ['roll-back', { outcome: 'refused', now: 'Nothing.', reason: 'x' }]],
      'good',
      /Moved and verified/,
    ],
    [
      'a roll-back that was undone',
      [...WHOLE, ['roll-back', { outcome: 'undone', now: 'As before.', reason: 'x' }]],
      'good',
      /Moved and verified/,
    ],
    [
      'a cutover that did not begin',
      [ASSESSED, ['cutover', { outcome: 'refused', now: 'Nothing.', reason: 'x', steps: [] }]],
      'open',
      /did not begin/,
    ],
    [
      'a cutover refused after the move',
      [...WHOLE, ['cutover', { outcome: 'refused', now: 'Nothing.', reason: 'x', steps: [] }]],
      'good',
      /Moved and verified/,
    ],
    [
      'a later run, whose record has no cutover',
      [ASSESSED, ['verify', VERIFIED]],
      'good',
      /Moved and verified/,
    ],
    [
      'a way back that closes',
      [...WHOLE, ['verify', { command: 'watch', outcome: 'failed', checks: [failedCheck] }]],
      'bad',
      /a check failed/,
    ],
    [
      'too slow a copy',
      [ASSESSED, ['migrate-db', { outcome: 'copied', checks: [{ ...failedCheck, area: 'capacity' }] }]],
      'bad',
      /Not ready/,
    ],
  ];
  test.each(cases)('%s', (_name, sections, tone, words) => {
    const verdict = verdictOf(recordOf(sections));
    expect(verdict.tone).toBe(tone);
    expect(verdict.words).toMatch(words);
  });
});

test('a failed check is told once, counted, and stands first', () => {
  const record = recordOf([...WHOLE, ['verify', failed]]);
  expect(readChecks(record).failures).toEqual([]);
  const { figures, sections } = evidenceOf(record);
  expect(figures).toContainEqual({ label: 'of 5 checks failed', value: '1', tone: 'bad' });
  const checks = JSON.stringify(sections.find(({ id }) => id === 'checks'));
  expect(checks.indexOf('it answers')).toBeLessThan(checks.indexOf('folded'));
});

describe('what was compared before the switch, beside what was verified after it', () => {
  const time = { id: 'function/front/time', area: 'function', what: '/ takes at most 2 times' };
  const measured = {
    ...{ ...time, state: 'passed', found: '85 ms, and 112 ms on the old side' },
    milliseconds: { newSide: 85, oldSide: 112 },
  };
  const unmeasured = { ...time, state: 'told', found: 'not compared: the old side does not serve any more' };
  const notYet = {
    ...{ id: 'function/after-the-switch', area: 'function', what: 'Checks that write', state: 'told' },
    found: 'not asked yet, since the new side is closed: login',
  };
  const alike = {
    ...{ id: 'compare//', area: 'compare', what: '/ is answered alike', state: 'passed', found: 'alike' },
  };
  const page = (newSide: string) => ({
    ...{ id: 'function/page', area: 'function', what: 'A page', state: 'passed', found: newSide },
  });
  const compare = (...checks: object[]): [Phase, unknown] => [
    'verify',
    { command: 'compare', outcome: 'verified', changed: false, checks },
  ];
  const verified = (state: string, ...checks: object[]): [Phase, unknown] => [
    'verify',
    { ...VERIFIED, state, command: 'verify', checks },
  ];
  const idsAndWords = (sections: readonly [Phase, unknown][]): Record<string, string> =>
    Object.fromEntries(readChecks(recordOf(sections)).checks.map(({ id, found }) => [id, found]));

  test('times of both sides stay, and what has been asked since is not called unasked', () => {
    const sections = [
      ASSESSED,
      compare(measured, notYet, alike, page('before')),
      ['cutover', CUTOVER] satisfies [Phase, unknown],
      verified('moved', unmeasured, page('after')),
    ];
    expect(idsAndWords(sections)).toEqual({
      'function/front/time': '85 ms, and 112 ms on the old side',
      'function/page': 'after',
      'compare//': 'alike',
    });
    const latency = evidenceOf(recordOf(sections)).sections.find(({ id }) => id === 'latency');
    expect(JSON.stringify(latency)).toContain('["/ takes at most 2 times","112 ms","85 ms","0.8 ×"]');
    expect(JSON.stringify(evidenceOf(recordOf(sections)))).not.toContain('not asked yet');
    // A comparison that is asked for once more, and has nothing to compare, takes nothing back.
    const again: [Phase, unknown] = ['verify', { command: 'compare', outcome: 'nothing-to-do', checks: [] }];
    expect(idsAndWords([...sections, again])).toEqual(idsAndWords(sections));
  });

  test('before the switch the newer look is the one that is told', () => {
    const broken = { ...page('broken'), state: 'failed' };
    const before = { ...VERIFIED, state: 'practice', outcome: 'failed', failures: ['A page: broken'] };
    const record = recordOf([
      ASSESSED,
      ['verify', { ...before, checks: [broken] }],
      compare(notYet, page('mended')),
    ]);
    expect(readChecks(record)).toMatchObject({ failures: [] });
    expect(readChecks(record).checks.map(({ found }) => found)).toEqual([notYet.found, 'mended']);
  });
});

test('the reason and the downtime of a cutover that was undone are told', () => {
  const { verdict, sections } = evidenceOf(recordOf([ASSESSED, ['cutover', undone]]));
  expect(verdict.sentence).toContain('the disk is full');
  expect(JSON.stringify(sections.find(({ id }) => id === 'timeline'))).toContain(
    'without service for 20.0 s',
  );
});

test('a cutover that was refused afterwards does not hide the one that moved', () => {
  const refused = { outcome: 'refused', now: 'Nothing.', reason: 'x', steps: [] };
  const { figures } = evidenceOf(recordOf([...WHOLE, ['cutover', refused]]));
  expect(figures[0]).toEqual({ label: 'without service', value: '34.0 s' });
});

test('forecast and actual stand side by side, and a part above its upper end is bad', () => {
  const text = JSON.stringify(evidenceOf(recordOf(WHOLE)).sections.find(({ id }) => id === 'forecast'));
  expect(text).toContain(
    'Expected were 35.0 s (17.2 s to 1 min 16 s), and it was 34.0 s, 3 % less than expected.',
  );
  expect(text).toContain('["copy","8.0 s","10.0 s","12.0 s",{"text":"13.8 s","tone":"bad"}]');
  expect(text).toContain('["DNS: resolvers follow","0 ms","15.0 s","30.0 s","not seen from here"]');
});

test('records of versions before checks, downtime and forecast stood in them are drawn all the same', () => {
  const { downtime, forecast, ...older } = CUTOVER;
  const { checks, ...verified } = VERIFIED;
  expect([downtime, forecast, checks]).toBeDefined();
  const http = [
    { url: 'https://shop.example.com/health', passed: true, found: 'HTTP 200', milliseconds: 85 },
  ];
  const { verdict, figures, sections } = evidenceOf(
    recordOf([ASSESSED, ['cutover', older], ['verify', { ...verified, http }]]),
  );
  expect(verdict.tone).toBe('good');
  expect(figures[0]).toEqual({ label: 'without service', value: '34.0 s' });
  expect(sections.map(({ id }) => id)).toEqual([
    'timeline',
    'approval',
    'compared',
    'latency',
    'forecast',
    'cost',
    'checks',
    'chain',
  ]);
  expect(JSON.stringify(sections)).toContain('Downtime forecast: 20 s to 120 s.');
});
