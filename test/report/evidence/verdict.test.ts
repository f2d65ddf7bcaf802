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
