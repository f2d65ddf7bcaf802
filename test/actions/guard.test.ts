import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';

import { waitForGuard } from '../../actions/cutover/guard-watches.ts';
import { awaitGuard } from '../../actions/roll-back/guard-watches.ts';
import type { GuardEnd } from '../../actions/roll-back/guard-end.ts';
import { watchOver } from '../../actions/roll-back/guard.ts';
import {
  isOwnCutover,
  judgeCutover,
  SILENCE_MS,
  type Judgement,
  type Watched,
} from '../../actions/roll-back/judge-cutover.ts';
import { isOwnWayBack, judgeWayBack } from '../../actions/roll-back/judge-way-back.ts';
import { startTcpProxy } from '../../rehearsal/servers/tcp-proxy.ts';
import { systemClock } from '../../src/clock.ts';
import type { Edge } from '../../src/github/run.ts';
import { readRunEnvironment } from '../../src/github/run-environment.ts';
import { silentLog } from '../../src/log.ts';
import { openJournal, type Journal } from '../../src/migration/journal.ts';
import { acquireLease, type Lease } from '../../src/migration/lease.ts';
import { defineStep, undoAll } from '../../src/migration/saga.ts';
import { openWatch, type Sight, type Watch } from '../../src/migration/watch.ts';
import { journalDatabase } from '../migration/support/journal-database.ts';

const RUN = '7';
const MIGRATION = 'shop-staging';
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** Looks thirty times as often as the real one. */
const clock = {
  ...systemClock,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 30, signal),
};

async function aJournal() {
  const { database, address } = await journalDatabase();
  const journal = await openJournal(address, MIGRATION);
  closing.push(() => journal.close());
  return { database, address, journal };
}
type Database = Awaited<ReturnType<typeof aJournal>>['database'];

async function watching(address: Journal['address']): Promise<Watch> {
  const watch = await openWatch(address, MIGRATION);
  closing.push(() => watch.close());
  return watch;
}

/** Cuts over in a process of its own, and dies by SIGKILL when asked to. */
async function cutoverInAProcess(
  database: Database,
  how: 'begun' | 'switched' | 'served' = 'begun',
): Promise<{ kill: () => Promise<unknown> }> {
  const program = join(import.meta.dirname, 'lease-holder.ts');
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', program, database.url, RUN, how],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = once(child, 'exit');
  const kill = () => {
    child.kill('SIGKILL');
    return ended;
  };
  closing.push(kill);
  await once(child.stdout, 'data');
  return { kill };
}

/** Waits until a guard has noted this: that somebody acts, as long as nothing else is said. */
async function noted({ events }: { events: readonly string[] }, what = ' acts; '): Promise<void> {
  while (!events.some((line) => line.includes(what))) await delay(10);
}

/** A minute passes for the lease, and nothing else. */
const aMinutePasses = (database: Database) =>
  database.query(
    `update journal.lease set renewed_at = renewed_at - interval '60 s', expires_at = expires_at - interval '60 s'`,
  );

/** What a guard does, with a maintenance mode that only counts how often it was turned off. */
function startGuard(
  watch: Watch,
  journal: Journal,
  off: { times: number },
  /** Whether the new side lets itself be opened. */
  opens: () => boolean = () => true,
) {
  const environment = readRunEnvironment({ GITHUB_RUN_ID: RUN, GITHUB_REPOSITORY: 'acme/shop' });
  const stop = new AbortController();
  const events: string[] = [];
  const steps = [
    defineStep({
      name: 'maintenance-mode',
      act: () => Promise.resolve(null),
      undo: () => {
        off.times += 1;
        return Promise.resolve();
      },
    }),
  ];
  const undo = async (): Promise<'undone' | 'nothing'> => {
    const lease = await acquireLease(journal, { holder: environment, log: silentLog, clock: systemClock });
    try {
      if ((await journal.steps('cutover')).every(({ status }) => status === 'undone')) return 'nothing';
      await undoAll(journal, lease, steps, {
        phase: 'cutover',
        log: silentLog,
        clock: systemClock,
        reason: 'abandoned',
      });
      return 'undone';
    } finally {
      await lease.release();
    }
  };
  /** As the cutover goes on from its point of no return. */
  const complete = async (): Promise<'completed'> => {
    const lease = await acquireLease(journal, { holder: environment, log: silentLog, clock: systemClock });
    try {
      const done = await journal.begin(lease, step(OPENING));
      if (!opens()) throw new Error('DigitalOcean does not answer');
      await journal.finish(lease, done.id, null);
      return 'completed';
    } finally {
      await lease.release();
    }
  };
  const end: Promise<GuardEnd> = watchOver(
    { clock, log: silentLog, signal: stop.signal, environment },
    watch,
    { isOwn: isOwnCutover, judge, undo, complete },
    events,
  );
  end.catch(() => undefined);
  closing.push(async () => {
    stop.abort(new Error('The test is over.'));
    await end.catch(() => undefined);
  });
  return { end, events };
}

/** The step without which nobody is served after the point of no return. */
const OPENING = 'open-new-side';
const judge = (sight: Sight, watched: Watched): Judgement => judgeCutover(sight, watched, [OPENING]);
const own = {
  runId: RUN,
  runAttempt: 1,
  actor: 'ada',
  runUrl: 'https://github.com/acme/shop/actions/runs/7',
};
const hold = (journal: Journal): Promise<Lease> =>
  acquireLease(journal, { holder: own, log: silentLog, clock: systemClock });
const step = (name: string, pointOfNoReturn = false) => ({
  phase: 'cutover',
  name,
  prior: null,
  pointOfNoReturn,
});

test('a cutover whose process is killed with SIGKILL is undone once its lease is silent for a minute, and not before', async () => {
  const { database, address, journal } = await aJournal();
  const cutover = await cutoverInAProcess(database);
  const off = { times: 0 };
  const { end, events } = startGuard(await watching(address), journal, off);
  await noted({ events });
  await cutover.kill();
  await delay(500);
  expect(off.times).toBe(0);
  await aMinutePasses(database);
  expect(await end).toBe('undone');
  expect(off.times).toBe(1);
  expect(await journal.steps('cutover')).toMatchObject([{ name: 'maintenance-mode', status: 'undone' }]);
  expect(events.join('\n')).toMatch(
    /acts; the cutover is at "maintenance-mode" \(intent\)[^]*undoing what was abandoned/,
  );
});

test('two guards do no harm: one undoes, the other sees that nothing is left', async () => {
  const { database, address, journal } = await aJournal();
  const second = await openJournal(address, MIGRATION);
  closing.push(() => second.close());
  const cutover = await cutoverInAProcess(database);
  const off = { times: 0 };
  const guards = [
    startGuard(await watching(address), journal, off),
    startGuard(await watching(address), second, off),
  ];
  await Promise.all(guards.map((one) => noted(one)));
  await cutover.kill();
  await aMinutePasses(database);
  const ends = await Promise.all(guards.map(({ end }) => end));
  expect(ends.sort()).toEqual(['ended-before', 'undone']);
  expect(off.times).toBe(1);
});

test('a lease that is alive is left alone however long it takes, and the guard stays until the cutover has ended', async () => {
  const { address, journal } = await aJournal();
  const off = { times: 0 };
  const lease = await hold(journal);
  await journal.begin(lease, step('maintenance-mode'));
  const { end } = startGuard(await watching(address), journal, off);
  await delay(400);
  const switched = await journal.begin(lease, step('point-of-no-return', true));
  await journal.finish(lease, switched.id, null);
  // The guard's leaving changes the trusted sources, which must rest until the smoke test.
  expect(await Promise.race([end, delay(600).then(() => 'stays')])).toBe('stays');
  const opened = await journal.begin(lease, step(OPENING));
  await journal.finish(lease, opened.id, null);
  await lease.release();
  expect(await end).toBe('over');
  expect(off.times).toBe(0);
});

test('an earlier phase of the same run that has given the lease back is no cutover: the guard waits for it', async () => {
  const { database, address, journal } = await aJournal();
  await (await hold(journal)).release();
  const off = { times: 0 };
  const { end, events } = startGuard(await watching(address), journal, off);
  expect(await Promise.race([end, delay(700).then(() => 'waits')])).toBe('waits');
  const cutover = await cutoverInAProcess(database);
  await noted({ events });
  await cutover.kill();
  await aMinutePasses(database);
  expect(await end).toBe('undone');
});

test('past the point of no return nothing is undone: what is left until visitors are served is done, a minute after it fell silent', async () => {
  const { database, address, journal } = await aJournal();
  const off = { times: 0 };
  const cutover = await cutoverInAProcess(database, 'switched');
  const { end, events } = startGuard(await watching(address), journal, off);
  await noted({ events });
  await cutover.kill();
  expect(await Promise.race([end, delay(600).then(() => 'waits')])).toBe('waits');
  await aMinutePasses(database);
  expect(await end).toBe('completed');
  expect(off.times).toBe(0);
  expect(await journal.steps('cutover')).toContainEqual(
    expect.objectContaining({ name: OPENING, status: 'done' }),
  );
  expect(events.at(-1)).toMatch(/the point of no return is passed: going on from there/);
});

test('what cannot be led to its end is tried three times, a minute apart, and left to somebody', async () => {
  const { database, address, journal } = await aJournal();
  const cutover = await cutoverInAProcess(database, 'switched');
  let asked = 0;
  const { end, events } = startGuard(await watching(address), journal, { times: 0 }, () => {
    asked += 1;
    void delay(100).then(() => aMinutePasses(database));
    return false;
  });
  await noted({ events });
  await cutover.kill();
  await aMinutePasses(database);
  expect(await end).toBe('half-way');
  expect(asked).toBe(3);
  expect(events.filter((line) => /DigitalOcean does not answer/.test(line)).length).toBeGreaterThan(0);
});

test('where DigitalOcean serves already nothing is done but telling', async () => {
  const { database, address, journal } = await aJournal();
  const off = { times: 0 };
  const cutover = await cutoverInAProcess(database, 'served');
  await cutover.kill();
  await aMinutePasses(database);
  const { end } = startGuard(await watching(address), journal, off);
  expect(await end).toBe('dead-after-the-switch');
  expect(off.times).toBe(0);
});

test('a journal that is out of reach undoes nothing, and is met again', async () => {
  const { database, address, journal } = await aJournal();
  const proxy = await startTcpProxy({ target: () => ({ host: address.host, port: address.port }) });
  closing.push(() => proxy.close());
  const off = { times: 0 };
  const cutover = await cutoverInAProcess(database);
  const { end, events } = startGuard(
    await watching({ ...address, host: proxy.host, port: proxy.port }),
    journal,
    off,
  );
  await noted({ events });
  await cutover.kill();
  proxy.knobs.refuse = true;
  proxy.cut();
  await aMinutePasses(database);
  await noted({ events }, 'Nothing could be done just now');
  await delay(300);
  expect(off.times).toBe(0);
  expect(events.at(-1)).toContain('Nothing could be done just now');
  proxy.knobs.refuse = false;
  expect(await end).toBe('undone');
});

test('what is doubtful is waited for', () => {
  const begun: Sight = {
    holder: own,
    lease: 'expired',
    cutsOver: true,
    silentMs: SILENCE_MS,
    steps: [{ name: 'park', status: 'done', pointOfNoReturn: false }],
    back: [],
    guard: null,
    waiting: null,
  };
  const seen = { run: own, watchingMs: 0, seen: true };
  expect(judge(begun, seen)).toBe('abandoned');
  expect(judge({ ...begun, silentMs: SILENCE_MS - 1 }, seen)).toBe('wait');
  expect(judge({ ...begun, lease: 'held' }, seen)).toBe('wait');
  // An undo that failed has given the lease back: it is tried again.
  expect(judge({ ...begun, lease: 'free' }, seen)).toBe('abandoned');
  // A re-run that goes on from a dead attempt gets the time to take the lease.
  expect(judge(begun, { ...seen, seen: false, watchingMs: 299_000 })).toBe('wait');
  expect(judge(begun, { ...seen, seen: false, watchingMs: 300_000 })).toBe('abandoned');
  const switched = [{ name: 'point-of-no-return', status: 'done' as const, pointOfNoReturn: true }];
  expect(judge({ ...begun, steps: switched }, { ...seen, seen: false })).toBe('wait');
  const dead = { ...begun, steps: switched };
  expect(judge(dead, seen)).toBe('half-way');
  expect(judge({ ...dead, silentMs: SILENCE_MS - 1 }, seen)).toBe('wait');
  // It stopped by itself: somebody who runs it again at once is not in the guard's way.
  expect(judge({ ...dead, lease: 'free' }, seen)).toBe('half-way');
  expect(judge({ ...dead, lease: 'free', silentMs: 1_000 }, seen)).toBe('wait');
  for (const status of ['intent', 'failed'] as const) {
    const opening = { name: OPENING, status, pointOfNoReturn: false };
    expect(judge({ ...dead, steps: [...switched, opening] }, seen)).toBe('half-way');
  }
  const served = [...switched, { name: OPENING, status: 'done' as const, pointOfNoReturn: false }];
  expect(judge({ ...dead, steps: served }, seen)).toBe('dead-after-the-switch');
  expect(judge({ ...dead, steps: served, lease: 'free' }, seen)).toBe('over');
  // A re-run that finds everything done may be over before it is seen.
  expect(judge({ ...dead, steps: served, lease: 'free' }, { ...seen, seen: false })).toBe('over');
  expect(judge({ ...dead, steps: served }, { ...seen, seen: false })).toBe('wait');
  // A way back has a guard of its own.
  const back = [{ name: 'fence', status: 'intent' as const, pointOfNoReturn: false }];
  expect(judge({ ...dead, back }, seen)).toBe('wait');
  const none: Sight = { ...begun, lease: 'free', steps: [] };
  expect(judge(none, { ...seen, seen: false, watchingMs: 60_000 })).toBe('wait');
  expect(judge(none, { ...seen, seen: false, watchingMs: 30 * 60_000 })).toBe('never-begun');
  expect(judge(none, seen)).toBe('ended-before');
});

test('a cutover that waits for its window is waited for, until half an hour after it has opened', () => {
  const nothing: Sight = {
    ...{ holder: null, lease: 'free', cutsOver: false, silentMs: 0, steps: [], back: [], guard: null },
    waiting: { runId: RUN, runAttempt: 1, leftMs: 60_000 },
  };
  const long = { run: own, watchingMs: 4 * 3_600_000, seen: false };
  expect(judge(nothing, long)).toBe('wait');
  expect(judge({ ...nothing, waiting: { runId: RUN, runAttempt: 1, leftMs: -29 * 60_000 } }, long)).toBe(
    'wait',
  );
  expect(judge({ ...nothing, waiting: { runId: RUN, runAttempt: 1, leftMs: -31 * 60_000 } }, long)).toBe(
    'never-begun',
  );
  // Another run's wait says nothing about this one.
  expect(judge({ ...nothing, waiting: { runId: '8', runAttempt: 1, leftMs: 60_000 } }, long)).toBe(
    'never-begun',
  );
});

test('of a way back: what is doubtful is waited for, what closes both sides is not', () => {
  const cutOver: Sight['steps'] = [{ name: 'point-of-no-return', status: 'done', pointOfNoReturn: true }];
  const closing = { name: 'close-new-side', status: 'done' as const, pointOfNoReturn: false };
  const lifted = { name: 'lift-fence', status: 'done' as const, pointOfNoReturn: true };
  const begun: Sight = {
    ...{ holder: own, lease: 'expired', cutsOver: false, silentMs: SILENCE_MS },
    ...{ steps: cutOver, back: [closing], guard: null, waiting: null },
  };
  const seen = { run: own, watchingMs: 0, seen: true };
  const unseen = { ...seen, seen: false };
  expect(judgeWayBack(begun, seen)).toBe('abandoned');
  expect(judgeWayBack({ ...begun, silentMs: SILENCE_MS - 1 }, seen)).toBe('wait');
  expect(judgeWayBack({ ...begun, lease: 'held' }, seen)).toBe('wait');
  expect(judgeWayBack({ ...begun, lease: 'free' }, seen)).toBe('abandoned');
  // Of an attempt before this one: this one gets the time to go on with it.
  expect(judgeWayBack(begun, { ...unseen, watchingMs: 299_000 })).toBe('wait');
  expect(judgeWayBack(begun, { ...unseen, watchingMs: 300_000 })).toBe('abandoned');
  // What it undoes is a cutover that stopped before its point of no return.
  const parked: Sight['steps'] = [{ name: 'park', status: 'undoing', pointOfNoReturn: false }];
  expect(judgeWayBack({ ...begun, steps: parked, back: [] }, seen)).toBe('abandoned');

  const dead: Sight = { ...begun, back: [closing, lifted] };
  expect(judgeWayBack(dead, seen)).toBe('half-way');
  expect(judgeWayBack({ ...dead, lease: 'free', silentMs: 1_000 }, seen)).toBe('wait');
  // Begun, and whether it was passed is not known yet: who undoes looks.
  expect(judgeWayBack({ ...begun, back: [closing, { ...lifted, status: 'intent' }] }, seen)).toBe(
    'abandoned',
  );
  for (const name of ['maintenance-mode', 'front-door-state']) {
    const letIn = { name, status: 'done' as const, pointOfNoReturn: false };
    expect(judgeWayBack({ ...dead, back: [...dead.back, letIn] }, seen)).toBe('dead-after-the-switch');
    expect(judgeWayBack({ ...dead, back: [...dead.back, letIn] }, unseen)).toBe('wait');
    const failed = { ...letIn, status: 'failed' as const };
    expect(judgeWayBack({ ...dead, back: [...dead.back, failed] }, seen)).toBe('half-way');
  }

  const over: Sight = { ...begun, lease: 'free', steps: [], back: [] };
  expect(judgeWayBack(over, seen)).toBe('over');
  expect(judgeWayBack({ ...over, steps: cutOver }, seen)).toBe('ended-before');
  // Nothing of this run yet: a finished cutover is what a way back begins from.
  expect(judgeWayBack({ ...over, steps: cutOver }, { ...unseen, watchingMs: 599_000 })).toBe('wait');
  expect(judgeWayBack({ ...over, steps: cutOver }, { ...unseen, watchingMs: 600_000 })).toBe('never-begun');
  // From a laptop the cutover may have been the same run's: that is not the way back.
  expect(isOwnWayBack({ ...over, cutsOver: true }, own)).toBe(false);
  expect(isOwnWayBack(over, own)).toBe(true);
});

describe('a way back whose workflow says that a guard runs beside it', () => {
  const edge = (warnings: string[]) => ({
    inputs: { boolean: () => true } as unknown as Edge['inputs'],
    environment: readRunEnvironment({ GITHUB_RUN_ID: RUN, GITHUB_REPOSITORY: 'acme/shop' }),
    clock,
    log: { ...silentLog, warning: (line: string) => void warnings.push(line) },
  });
  const never = new AbortController().signal;

  test('waits for it, and goes on without one after a while, which it says', async () => {
    const { address, journal } = await aJournal();
    const warnings: string[] = [];
    expect(await awaitGuard(edge(warnings), journal, never, 200)).toEqual({
      guard: 'none watches: none of this run has shown itself',
    });
    expect(warnings.join()).toMatch(/No guard watches .* Stay with this run/);
    const watch = await watching(address);
    await watch.sign({ runId: RUN, runAttempt: 1 }, 'guard');
    expect(await awaitGuard(edge(warnings), journal, never, 200)).toMatchObject({
      guard: expect.stringContaining('watches since'),
    });
    expect(warnings).toHaveLength(1);
  });
});

describe('a cutover whose workflow says that a guard runs beside it', () => {
  const edge = (guard: boolean) => ({
    inputs: { boolean: () => guard } as unknown as Edge['inputs'],
    environment: readRunEnvironment({ GITHUB_RUN_ID: RUN, GITHUB_REPOSITORY: 'acme/shop' }),
    clock,
    log: silentLog,
  });
  const never = new AbortController().signal;

  test('begins once that guard watches, and not for an older one or another run’s', async () => {
    const { address, journal } = await aJournal();
    const watch = await watching(address);
    const waiting = waitForGuard(edge(true), journal, never, 30_000);
    await watch.sign({ runId: '6', runAttempt: 1 }, 'guard');
    const early = await Promise.race([waiting.then(() => 'begun'), delay(500).then(() => 'waits')]);
    expect(early).toBe('waits');
    await watch.sign({ runId: RUN, runAttempt: 1 }, 'guard');
    expect(await waiting).toMatchObject({ guard: expect.stringContaining('watches') });
  });

  test('refuses when none shows itself, with what to look at; without the input nobody waits', async () => {
    const { database, journal } = await aJournal();
    const watch = await watching(journal.address);
    await watch.sign({ runId: RUN, runAttempt: 1 }, 'guard');
    await database.query(`update journal.presence set seen_at = seen_at - interval '60 s'`);
    await expect(waitForGuard(edge(true), journal, never, 200)).rejects.toThrow(
      /No guard watches .*silent for \d+ s.*Nothing was touched/s,
    );
    expect(await waitForGuard(edge(false), journal, never)).toEqual({ guard: 'none is said to run' });
  });
});
