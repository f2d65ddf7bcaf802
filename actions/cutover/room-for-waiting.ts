import type { Finding } from './findings.ts';

/** Under way at the same time for each web dyno, at each router (Dev Center, "HTTP Routing"; docs/assumptions.md). */
const ROOM_PER_DYNO = 50;

/**
 * How many visitors will wait in the hold, and how many Heroku lets wait. Told and no reason to refuse: how many routers
 * serve an app, each with this room, nothing says.
 *
 * @param requests a second that reach the app now; undefined when its log cannot be read
 * @param holdMs the longest that a request is expected to wait; undefined when nothing was measured
 */
export function roomForWaiting({
  requests,
  holdMs,
  webDynos,
  app,
}: {
  requests: number | undefined;
  holdMs: number | undefined;
  webDynos: number;
  app: string;
}): Finding {
  const what = 'room for visitors who wait';
  const room = ROOM_PER_DYNO * webDynos;
  const limit = `each of Heroku's routers lets ${room} wait and refuses the next (H11)`;
  if (requests === undefined) return { what, found: `not known, the router's log cannot be read; ${limit}` };
  if (holdMs === undefined) return { what, found: `not known, no hold was forecast; ${limit}` };
  const waiting = Math.ceil((requests * holdMs) / 1000);
  const expected = `${requests.toFixed(1)} requests a second now, about ${waiting} of which would wait in a hold of ${(holdMs / 1000).toFixed(1)} s; ${limit}`;
  if (waiting <= room) return { what, found: expected };
  const enough = Math.ceil(waiting / ROOM_PER_DYNO);
  return {
    what,
    found: `${expected}. With a single router visitors would be refused: scale up first (\`heroku ps:scale web=${enough} -a ${app}\`), or choose a quieter hour`,
  };
}
