/**
 * What `traffic: front-door` needs of Heroku and this rehearsal only plays, from Heroku's documentation: no live probe has
 * confirmed it. Printed with every verdict on that way of moving visitors; see docs/assumptions.md.
 */
export const FRONT_DOOR_RESTS_ON: readonly string[] = [
  'the router lets requests wait while web dynos start and none is up (75 s, then H20)',
  'when a release is made without preboot, old web dynos get SIGTERM and no new request, and new ones start at once',
  'old dynos may finish what they have begun, for at most 30 s',
  "another app's slug can be released by its id, and goes on running when that app is deleted",
  'a request that a dyno holds gets no H12 for 30 s',
  'a build with the Node.js buildpack keeps the Procfile’s process types, and with them the formation',
  'Scheduler and one-off dynos run the slug of the newest release',
];
