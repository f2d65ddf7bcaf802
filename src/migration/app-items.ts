import { READ_FROM_DYNO } from './buildpack-secrets.ts';
import { automatic, blocked, decide, told, type Item } from './item.ts';
import type { PlanFacts } from './plan.ts';
import { scheduleId } from './plan-schedule.ts';

const KINDS = {
  service: 'a service on App Platform',
  worker: 'a worker on App Platform, which waits for the switch',
  release: 'a job on App Platform before each deployment',
  scheduled: 'a scheduled job on App Platform',
};

/** The application itself: whether it can be moved at all, its processes, schedule and config vars. */
export function appItems(facts: PlanFacts): Item[] {
  return [
    ...wholeApp(facts),
    ...processes(facts),
    ...waiting(facts),
    ...schedule(facts),
    ...variables(facts),
  ];
}

function wholeApp(facts: PlanFacts): Item[] {
  const { inventory } = facts;
  const { app, parked, processTypes } = inventory;
  const found: (Item | false)[] = [
    ...frontDoor(facts),
    parked &&
      blocked({
        id: 'app/parked',
        area: 'app',
        what: 'a cutover of the app has begun and is not finished',
        why: 'it is parked: on Heroku runs an empty placeholder',
        remedy:
          'Run the job of that cutover again, which completes or undoes it, or run roll-back; then assess again.',
      }),
    processTypes === null &&
      blocked({
        id: 'app/slug',
        area: 'app',
        what: 'the app runs no slug',
        why:
          app.stack === 'container'
            ? 'it is on the container stack: its process types cannot be read, and no slug (the empty one that parks it, or the forwarder) can be released on it'
            : 'nothing was ever deployed, or the token may not read slugs (read-protected)',
        remedy: 'Deploy it from a buildpack, or give a token with the scope read-protected.',
      }),
    app.space !== null &&
      blocked({
        id: 'app/space',
        area: 'app',
        what: `the app lives in the private space ${app.space}`,
        why: 'its databases cannot be reached from a runner of GitHub',
        remedy:
          'Run the workflows on a self-hosted runner with access to the space; this version refuses it.',
      }),
    app.maintenance &&
      !parked &&
      told({
        id: 'app/maintenance',
        area: 'app',
        what: 'the app is in maintenance mode',
        becomes: 'it stays so until the cutover',
        why: 'its visitors are turned away already',
        remedy: 'Turn it off if that is not on purpose (`heroku maintenance:off`).',
      }),
  ];
  return found.filter((item) => item !== false);
}

/** What `traffic: front-door` does, and which of Heroku's behaviours it rests on. */
function frontDoor({ inventory: { formation, processTypes }, config }: PlanFacts): Item[] {
  if (config.traffic !== 'front-door') return [];
  const web = formation.find(({ type }) => type === 'web');
  const has = processTypes?.['web'] !== undefined && (web?.quantity ?? 0) > 0;
  return [
    told({
      id: 'traffic/mode',
      area: 'traffic',
      what: 'visitors wait in a forwarder and are led through Heroku (front-door)',
      becomes:
        'provision builds the forwarder on a throw-away Heroku app, which costs nothing; the cutover releases it in place of the code, and names move later, one by one',
      why:
        "it rests on what Heroku's documentation says and no live probe of ours has confirmed: its router lets requests wait while web dynos " +
        "start (75 s, then H20), another app's slug can be released by its id, and old dynos get SIGTERM when a release is made and end within 30 s",
      remedy:
        'Let the new app trust the forwarded host and address by the middleware in docs/front-door.md, see that web dynos end quickly on SIGTERM, and let staging be moved this way first.',
    }),
    ...(processTypes !== null && !has
      ? [
          blocked({
            id: 'traffic/front-door-web',
            area: 'traffic',
            what: 'the app runs no web dyno in whose place the forwarder could run',
            why: 'the front door needs at least one: with none the router refuses requests at once (H14)',
            remedy: 'Scale it up (`heroku ps:scale web=1`), or write `traffic: dns` in migration.yml.',
          }),
        ]
      : []),
  ];
}

function processes({ components, leftOut, inventory }: PlanFacts): Item[] {
  return [
    ...components
      .filter(({ kind }) => kind !== 'scheduled')
      .map(({ name, kind, from, count, instanceSize, why }) =>
        automatic({
          id: `process/${name}`,
          area: 'process',
          what: `${name} (${from})`,
          becomes: `${KINDS[kind]}, ${count} × ${instanceSize}`,
          why,
        }),
      ),
    ...leftOut.map(({ process, why }) => leftOutItem(process, why, inventory)),
  ];
}

/** Nobody misses a console. A web process, or what an autoscaler starts when there is work, may be off for a moment. */
function leftOutItem(process: string, why: string, { autoscalers }: PlanFacts['inventory']): Item {
  const item = { id: `process/${process}`, area: 'process', what: process } as const;
  const scaler = autoscalers.find(({ limits }) => limits === null || limits.process === process);
  if (process !== 'web' && (scaler === undefined || /^(console|rake)$/.test(process)))
    return automatic({ ...item, becomes: 'left out: add it to the app spec when it is needed', why });
  return decide({
    ...item,
    what: `${process} has no dyno at this moment`,
    question:
      process === 'web'
        ? 'Is it meant to be off? Without it nothing answers visitors on the new side.'
        : `Is it meant to be off, or does ${scaler?.name ?? 'an autoscaler'} start it when there is work? Nothing starts it on the new side.`,
    options: ['leave-out'],
    why,
    remedy: `To take it along: \`heroku ps:scale ${process}=1\`, with what scales it paused, and run assess again.`,
  });
}

/** Workers and jobs wait in front of their command, in a language of their image, at a key in Redis. */
function waiting({ components, language, hasRedis }: PlanFacts): Item[] {
  const names = components
    .filter(({ kind }) => kind === 'worker' || kind === 'scheduled')
    .map(({ name }) => name);
  if (names.length === 0) return [];
  return [
    ...(language === null
      ? [
          blocked({
            id: 'app/language',
            area: 'app',
            what: `the language of ${names.join(', ')} is not known`,
            why: 'each waits for the switch in front of its command, in a language that its image holds',
            remedy: 'Write `language: node`, `ruby` or `python` in migration.yml.',
          }),
        ]
      : []),
    ...(hasRedis
      ? []
      : [
          blocked({
            id: 'app/nothing-to-wait-at',
            area: 'app',
            what: `${names.join(', ')} have nothing to wait at`,
            why: 'they would begin before the switch: the key that opens them lives in Redis, and the app has none',
            remedy: 'Attach a Heroku Redis (mini is enough) and deploy once, then run assess again.',
          }),
        ]),
  ];
}

function schedule({ inventory, schedules, components }: PlanFacts): Item[] {
  const jobs = components
    .filter(({ kind }) => kind === 'scheduled')
    .map(({ name, command, schedule: when, instanceSize, why }) =>
      automatic({
        id: scheduleId(name),
        area: 'schedule',
        what: `${name}: ${command}`,
        becomes: `${KINDS.scheduled}, ${when?.cron ?? ''} ${when?.timeZone ?? ''}, ${instanceSize}`,
        why: `the schedule of migration.yml and Heroku Scheduler; ${why}`,
      }),
    );
  const differing = schedules.differences.map(({ kind, name, what }): Item => {
    const why = 'the declaration and Heroku do not agree';
    if (kind === 'undeclared') {
      return told({
        id: scheduleId(name),
        area: 'schedule',
        what,
        becomes: `it moves as it is, under the name ${name}`,
        why,
        remedy: 'Declare it under `schedule` in migration.yml to give it a name of your own.',
      });
    }
    return decide({
      id: scheduleId(name),
      area: 'schedule',
      what,
      question:
        kind === 'differs'
          ? 'When does it run on the new side?'
          : 'Does it run on the new side? A misspelt command would run beside the job that it was meant to be.',
      options: kind === 'differs' ? ['as-declared', 'as-on-heroku'] : ['run-it', 'leave-out'],
      why,
      remedy: 'Make `schedule` in migration.yml say what is meant, or answer here.',
    });
  });
  // What differs takes the place of the plain item.
  const taken = new Set(differing.map(({ id }) => id));
  return [...jobs.filter(({ id }) => !taken.has(id)), ...differing, ...unreadSchedule(inventory, schedules)];
}

function unreadSchedule(
  { hasScheduler }: PlanFacts['inventory'],
  { unknown, jobs }: PlanFacts['schedules'],
): Item[] {
  if (!hasScheduler || unknown === undefined) return [];
  const id = 'schedule/not-read';
  const area = 'schedule';
  if (jobs.length === 0) {
    return [
      blocked({
        id,
        area,
        what: 'the jobs of Heroku Scheduler are not known',
        why: `it has no supported API, and ${unknown}`,
        remedy: 'Declare them under `schedule` in migration.yml (`heroku addons:open scheduler` shows them).',
      }),
    ];
  }
  return [
    decide({
      id,
      area,
      what: 'the declared jobs could not be compared with those of Heroku Scheduler',
      question: 'Does `schedule` in migration.yml hold every job, with its right time?',
      options: ['complete'],
      why: `Scheduler has no supported API, and ${unknown}`,
      remedy: 'Compare them with `heroku addons:open scheduler`.',
    }),
  ];
}

function variables({ inventory, variables: fates, found }: PlanFacts): Item[] {
  const items: Item[] = fates.map(({ name, fate, reason }) =>
    automatic({ id: `variable/${name}`, area: 'variable', what: name, becomes: fate, why: reason }),
  );
  const { configVars, buildpacks } = inventory;
  if (
    buildpacks.some((name) => name.includes('ruby')) &&
    configVars !== null &&
    !configVars.some(({ name }) => name === 'SECRET_KEY_BASE') &&
    // The checkout tells more: whether it is Rails, and where its key comes from.
    !found.some(({ id }) => id === 'variable/SECRET_KEY_BASE')
  ) {
    items.push(
      decide({
        id: 'variable/SECRET_KEY_BASE',
        area: 'variable',
        what: 'SECRET_KEY_BASE is not a config var',
        question:
          'May provision read it once from a one-off dyno, or may every session end and every signed address become void?',
        options: [READ_FROM_DYNO, 'sessions-end', 'not-used'],
        why: 'the Ruby buildpack makes one for Rails that exists only inside dynos, and Rails takes it before its credentials; a new one ends every session',
        remedy:
          'Read it with `heroku run printenv SECRET_KEY_BASE` and set it as a config var: then it moves. Or let provision read it, over a session that is in no log; its token needs the scope `write`.',
      }),
    );
  }
  return items;
}
