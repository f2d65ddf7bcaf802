import { expect, test } from '@jest/globals';
import { requestsPerSecond } from '../../src/heroku/request-rate.ts';
import { LOG_LINES, type RoutedRequest } from '../../src/heroku/router-log.ts';

const now = new Date('2026-11-23T12:00:00Z');

/** So many requests, evenly over the seconds before now, oldest first. */
const requests = (count: number, seconds: number): RoutedRequest[] =>
  Array.from({ length: count }, (_, n) => ({
    at: new Date(now.getTime() - (seconds * 1000 * (count - n)) / count),
    ...{ host: 'shop.example', status: 200, code: undefined, from: '203.0.113.x' },
  }));

test('the last minute counts, not what came before', () => {
  expect(requestsPerSecond([...requests(60, 3_600), ...requests(300, 60)], now)).toBeCloseTo(5, 0);
  expect(requestsPerSecond([], now)).toBe(0);
});

test('a log that is full of newer lines says its rate over the time that it covers', () => {
  expect(requestsPerSecond(requests(LOG_LINES, 10), now)).toBeCloseTo(150);
  expect(requestsPerSecond(requests(LOG_LINES, 0), now)).toBe(1_500);
});
