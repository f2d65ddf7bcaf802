import { expect, test } from '@jest/globals';
import { roomForWaiting } from '../../actions/cutover/room-for-waiting.ts';

const SMALL = { requests: 10, holdMs: 4_000, webDynos: 1, app: 'shop' };

test('what fits into one router is told, with both figures', () => {
  expect(roomForWaiting(SMALL)).toEqual({
    what: 'room for visitors who wait',
    found:
      "10.0 requests a second now, about 40 of which would wait in a hold of 4.0 s; each of Heroku's routers lets 50 wait and refuses the next (H11)",
  });
});

test('what does not fit is told with the command that makes room, and refuses nothing', () => {
  const finding = roomForWaiting({ ...SMALL, requests: 40 });
  expect(finding.found).toMatch(/about 160 .* lets 50 wait .*`heroku ps:scale web=4 -a shop`/);
  expect(finding.remedy).toBeUndefined();
  expect(roomForWaiting({ ...SMALL, requests: 40, webDynos: 4 }).found).not.toContain('ps:scale');
});

test('a log that cannot be read, or a hold that nobody measured, is no room', () => {
  expect(roomForWaiting({ ...SMALL, requests: undefined }).found).toMatch(/^not known, the router's log/);
  expect(roomForWaiting({ ...SMALL, holdMs: undefined }).found).toMatch(/^not known, no hold/);
});
