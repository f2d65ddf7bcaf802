import { expect, test } from '@jest/globals';
import { heatMapOf, quietestWindow, type ActivityReading } from '../../src/migration/quiet-hours.ts';
import { heatMap } from '../../src/report/heat-map.ts';

const MONDAY = Date.UTC(2026, 10, 23);
const HOUR = 3_600_000;

/** Readings each hour of a week, of an app that is busy from 6 to 22 UTC and quietest on Sunday at 3. */
function aWeek(): ActivityReading[] {
  let count = 0;
  return Array.from({ length: 7 * 24 + 1 }, (_, hour) => {
    const reading = { at: new Date(MONDAY + hour * HOUR).toISOString(), count };
    const [day, ofDay] = [Math.floor(hour / 24), hour % 24];
    const perSecond = day === 6 && (ofDay === 3 || ofDay === 4) ? 1 : ofDay >= 6 && ofDay < 22 ? 100 : 10;
    count += perSecond * 3_600;
    return reading;
  });
}

test('a sampled week shows its rates, and the quietest hours are proposed', () => {
  const map = heatMapOf(aWeek().toReversed());
  expect(map.covered).toBe(1);
  expect(map.perSecond[0]?.slice(5, 7)).toEqual([10, 100]);
  expect(quietestWindow(map)).toMatchObject({ day: 'Sunday', hour: 3, hours: 2, perSecond: 1 });
  expect(quietestWindow(map)?.share).toBeLessThan(0.02);
});

test('a stretch may go over midnight and the end of the week', () => {
  const quietAround = aWeek().map(({ at }, index) => ({
    at,
    count: index <= 167 ? (index - 1) * 100 : 166 * 100,
  }));
  const first = quietAround[0];
  if (first !== undefined) first.count = 0;
  const second = quietAround[1];
  if (second !== undefined) second.count = 0;
  expect(quietestWindow(heatMapOf(quietAround))).toMatchObject({ day: 'Sunday', hour: 23, perSecond: 0 });
});

test('hours that nobody sampled are not known, and none of them is proposed', () => {
  const night = aWeek().slice(0, 3);
  const map = heatMapOf(night);
  expect(map.covered).toBeCloseTo(2 / 168);
  expect(map.perSecond[3]?.every((cell) => cell === null)).toBe(true);
  expect(quietestWindow(map)).toMatchObject({ day: 'Monday', hour: 0 });
  expect(quietestWindow(map, 3)).toBeUndefined();
});

test('a counter that began again and readings far apart tell nothing', () => {
  const at = (hour: number) => new Date(MONDAY + hour * HOUR).toISOString();
  expect(
    heatMapOf([
      { at: at(0), count: 500 },
      { at: at(1), count: 3 },
    ]).covered,
  ).toBe(0);
  expect(
    heatMapOf([
      { at: at(0), count: 0 },
      { at: at(30), count: 3 },
    ]).covered,
  ).toBe(0);
  expect(quietestWindow(heatMapOf([]))).toBeUndefined();
});

test('the picture has a block for each hour, a dot where nothing is known', () => {
  const text = heatMap([
    { label: 'Monday', cells: [0, 8, null] },
    { label: 'Tue', cells: [4, 1, 2] },
  ]);
  expect(text.split('\n').slice(2, 4)).toEqual(['Monday ▁█·', 'Tue    ▅▂▃']);
});

test('written rows and waiting jobs weigh as much as transactions, where they are known for as many hours', () => {
  // Transactions alone would choose Sunday at 3; a nightly import writes then, and its jobs wait.
  let writes = 0;
  const readings = aWeek().map((reading, hour) => {
    const importing = Math.floor(hour / 24) === 6 && hour % 24 >= 2 && hour % 24 < 5;
    const found = { ...reading, writes, queued: importing ? 500 : 5 };
    writes += (importing ? 5_000 : 10) * 3_600;
    return found;
  });
  const quiet = quietestWindow(heatMapOf(readings));
  expect(quiet).toMatchObject({ perSecond: 10, writesPerSecond: 10, queued: 5 });
  expect(quiet?.day === 'Sunday' && [2, 3, 4].includes(quiet.hour)).toBe(false);
  // Readings of earlier versions have transactions only: what is not known everywhere decides nothing.
  const mixed = readings.map(({ at, count, ...more }, hour) =>
    hour < 100 ? { at, count, ...more } : { at, count },
  );
  expect(quietestWindow(heatMapOf(mixed))).toMatchObject({
    day: 'Sunday',
    hour: 3,
    writesPerSecond: null,
    queued: null,
  });
});

test('requests weigh as much, where the router’s log could be read in as many hours', () => {
  // Transactions alone would choose Sunday at 3; visitors of another continent come then, and read what a cache holds.
  const readings = aWeek().map((reading, hour) => {
    // Each tells of the hour before it.
    const before = hour - 1;
    const evening = Math.floor(before / 24) === 6 && before % 24 >= 2 && before % 24 < 5;
    return { ...reading, requests: evening ? 900 : 20 };
  });
  const map = heatMapOf(readings);
  expect(map.requests[6]?.slice(1, 6)).toEqual([20, 900, 900, 900, 20]);
  const quiet = quietestWindow(map);
  expect(quiet).toMatchObject({ perSecond: 10, requests: 20 });
  expect(quiet?.day === 'Sunday' && [1, 2, 3, 4].includes(quiet.hour)).toBe(false);
  const mixed = readings.map(({ at, count, requests }, hour) =>
    hour < 100 ? { at, count, requests } : { at, count },
  );
  expect(quietestWindow(heatMapOf(mixed))).toMatchObject({ day: 'Sunday', hour: 3, requests: null });
});
