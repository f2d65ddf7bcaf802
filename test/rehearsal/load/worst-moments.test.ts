import { expect, test } from '@jest/globals';
import type { LoadReport } from '../../../rehearsal/load/report.ts';
import { worstMoments } from '../../../rehearsal/load/worst-moments.ts';

const at = (text: string): number => Date.parse(`2026-11-23T${text}Z`);
const second = (second: number, slowestMs: number) => ({
  ...{ second, slowestMs, good: 1, refused: 0, heroku: 1, digitalocean: 0 },
});
const report = {
  startedAt: '2026-11-23T21:00:00.000Z',
  outages: [
    { client: 'client-1', from: at('21:00:05'), until: at('21:00:06'), refused: 1 },
    { client: 'client-2', from: at('21:00:05'), until: at('21:00:08'), refused: 4 },
  ],
  timeline: [second(0, 20), second(5, 3140), second(6, 30)],
} as unknown as LoadReport;

test('the longest outage and the longest wait are told with their time', () => {
  expect(worstMoments(report)).toEqual([
    'client-2 was refused from 21:00:05 UTC to 21:00:08 UTC',
    'the longest wait, of 3.1 s, began at 21:00:05 UTC',
  ]);
});

test('an outage that never ended is the longest; without load nothing is told', () => {
  const never = { client: 'client-3', from: at('21:00:09'), until: null, refused: 1 };
  expect(worstMoments({ ...report, outages: [...report.outages, never] })[0]).toBe(
    'client-3 was refused from 21:00:09 UTC to the end',
  );
  expect(worstMoments({ ...report, outages: [], timeline: [] })).toEqual([]);
});
