import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { systemClock } from '../../src/clock.ts';
import type { Clock } from '../../src/clock.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import type { Journal } from '../../src/migration/journal.ts';
import { openJournal } from '../../src/migration/journal.ts';
import type { Lease } from '../../src/migration/lease.ts';
import { acquireLease } from '../../src/migration/lease.ts';
import type { SagaOptions, Step } from '../../src/migration/saga.ts';
import { defineStep, runSteps, undoAll } from '../../src/migration/saga.ts';
import { startTcpProxy } from '../../rehearsal/servers/tcp-proxy.ts';
import { journalDatabase } from './support/journal-database.ts';

// Waiting between attempts to undo is the clock's; here it passes at once.
const clock: Clock = { now: () => new Date(), sleep: () => Promise.resolve() };
const holder = {
  runId: '7',
  runAttempt: 1,
  actor: 'ada',
  runUrl: 'https://github.com/acme/shop/actions/runs/7',
};
let journal: Journal;
let lease: Lease;
let done: string[];

beforeEach(async () => {
  const { address } = await journalDatabase();
  journal = await openJournal(address, 'shop-staging');
  lease = await acquireLease(journal, { holder, log: silentLog, clock: systemClock });
  done = [];
});
afterEach(async () => {
  await lease.release();
  await journal.close();
});

const acting = (name: string): Pick<Step, 'name' | 'prior' | 'act'> => ({
  name,
  prior: () => Promise.resolve(`${name} as found`),
  act: () => Promise.resolve(void done.push(`act ${name}`)).then(() => `${name} acted`),
});
const step = (name: string, more: Partial<Step> = {}): Step => ({
  ...acting(name),
  undo: (prior) =>
    Promise.resolve(void done.push(`undo ${name} to ${typeof prior === 'string' ? prior : '?'}`)),
  ...more,
});
const failing = (name: string, more: Partial<Step> = {}): Step =>
  step(name, { act: () => Promise.reject(new Error(`${name} broke`)), ...more });
const commit = (more: Partial<Step> = {}): Step => ({
  ...acting('commit'),
  pointOfNoReturn: true,
  settle: () => Promise.resolve('not-done'),
  ...more,
});
const run = (steps: Step[], more: Partial<SagaOptions> = {}) =>
  runSteps(journal, lease, steps, { phase: 'cutover', log: silentLog, clock, ...more });

test('a cause that is a sentence ends with one full stop in every message that quotes it', async () => {
  const said = new Error('Heroku answered 503. Try again later.');
  const broken = { act: () => Promise.reject(said) };
  const quoted = /Try again later\. (?!\.)/;
  await expect(run([step('a', broken)])).rejects.toThrow(quoted);
  await expect(run([commit(), step('b', broken)], { phase: 'provision' })).rejects.toThrow(quoted);
  const stuck = step('a', { undo: () => Promise.reject(said) });
  await expect(run([stuck, failing('b')], { phase: 'copy' })).rejects.toThrow(quoted);
  const lost = commit({ ...broken, settle: () => Promise.reject(said) });
  await expect(run([lost], { phase: 'switch' })).rejects.toThrow(
    /Try again later\. It had failed with: .*Try again later\. So nothing/,
  );
});

test('steps run in order, each with its result kept, and a second run changes nothing and says so', async () => {
  const steps = [step('a'), commit(), step('b')];
  expect(await run(steps)).toEqual({
    changed: true,
    results: { a: 'a acted', commit: 'commit acted', b: 'b acted' },
  });
  const again = await run(steps);
  expect(again).toEqual({ changed: false, results: { a: 'a acted', commit: 'commit acted', b: 'b acted' } });
  expect(done).toEqual(['act a', 'act commit', 'act b']);
});

test('what is reported is each step with its time', async () => {
  const reports: string[] = [];
  await run([step('a')], { onStep: ({ name, event }) => reports.push(`${name} ${event}`) });
  await run([step('a')], { onStep: ({ name, event }) => reports.push(`${name} ${event}`) });
  expect(reports).toEqual(['a begun', 'a done', 'a skipped']);
});

describe('before the point of no return', () => {
  test('a failure undoes everything in reverse, the failed step included, each to what it had found', async () => {
    const steps = [step('a'), step('b'), failing('c'), commit()];
    await expect(run(steps, { whenUndone: 'Heroku serves as before.' })).rejects.toMatchObject({
      name: 'UndoneError',
      message: 'cutover stopped at "c": c broke. Everything was undone: c, b, a. Heroku serves as before.',
    });
    expect(done).toEqual([
      'act a',
      'act b',
      'undo c to c as found',
      'undo b to b as found',
      'undo a to a as found',
    ]);
    expect(
      (await journal.steps('cutover')).map(({ name, status, reason }) => [name, status, reason]),
    ).toEqual([
      ['a', 'undone', '"c" failed: c broke'],
      ['b', 'undone', '"c" failed: c broke'],
      ['c', 'undone', '"c" failed: c broke'],
    ]);
  });

  test('after an undo the next run begins anew', async () => {
    await expect(run([step('a'), failing('b')])).rejects.toThrow();
    done = [];
    expect(await run([step('a'), step('b')])).toMatchObject({ changed: true });
    expect(done).toEqual(['act a', 'act b']);
    expect((await journal.history()).map(({ name, attempt, status }) => [name, attempt, status])).toEqual([
      ['a', 1, 'undone'],
      ['b', 1, 'undone'],
      ['a', 2, 'done'],
      ['b', 2, 'done'],
    ]);
  });

  test('a cancellation reaches the running act, and everything is undone with signals that still work', async () => {
    const cancelled = new AbortController();
    const waiting = step('b', {
      act: (_prior, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('cancelled')));
          cancelled.abort();
        }),
      undo: (_prior, _result, { signal }) =>
        Promise.resolve(void done.push(`undo b, aborted: ${signal.aborted}`)),
    });
    await expect(run([step('a'), waiting, commit()], { signal: cancelled.signal })).rejects.toMatchObject({
      name: 'UndoneError',
    });
    expect(done).toEqual(['act a', 'undo b, aborted: false', 'undo a to a as found']);
  });

  test('a cancellation between two steps is not overlooked', async () => {
    const cancelled = new AbortController();
    const last = step('a', {
      act: () => Promise.resolve(cancelled.abort(new Error('cancelled'))).then(() => null),
    });
    await expect(run([last, commit()], { signal: cancelled.signal })).rejects.toMatchObject({
      name: 'UndoneError',
    });
    expect(done).toEqual(['undo a to a as found']);
  });

  test('a check that must hold is run again, and what it had found first is kept', async () => {
    const lock = step('lock', { always: true });
    await run([step('a'), lock]);
    expect(await run([step('a'), lock])).toMatchObject({ changed: false });
    expect(done).toEqual(['act a', 'act lock', 'act lock']);
    expect(await journal.steps('cutover')).toMatchObject([
      { attempt: 1 },
      { attempt: 2, prior: 'lock as found' },
    ]);
  });

  test('an effect that somebody took back meanwhile is made again, with the first prior state', async () => {
    await run([step('a'), step('b')]);
    done = [];
    const gone = step('a', {
      settle: () => Promise.resolve('not-done'),
      prior: () => Promise.resolve('never asked'),
    });
    expect(await run([gone, step('b', { settle: () => Promise.resolve('done') })])).toMatchObject({
      changed: true,
    });
    expect(done).toEqual(['act a']);
    expect((await journal.steps('cutover')).find(({ name }) => name === 'a')).toMatchObject({
      prior: 'a as found',
    });
  });
});

describe('at the point of no return', () => {
  test('a lost answer is looked up: done goes on', async () => {
    const lost = commit({
      act: () => Promise.reject(new Error('connection cut')),
      settle: () => Promise.resolve({ done: 'seen' }),
    });
    expect(await run([step('a'), lost, step('b')])).toMatchObject({
      results: { commit: 'seen', b: 'b acted' },
    });
    expect(done).toEqual(['act a', 'act b']);
  });

  test('a lost answer is looked up: not done undoes', async () => {
    const lost = commit({ act: () => Promise.reject(new Error('connection cut')) });
    await expect(run([step('a'), lost, step('b')])).rejects.toMatchObject({ name: 'UndoneError' });
    expect(done).toEqual(['act a', 'undo a to a as found']);
  });

  test('when nobody can tell, nothing is undone and nothing continued; the next run looks again', async () => {
    const act = () => Promise.reject(new Error('connection cut'));
    const unknown = commit({ act, settle: () => Promise.reject(new Error('unreachable')) });
    await expect(run([step('a'), unknown, step('b')])).rejects.toMatchObject({
      name: 'StuckError',
      message: expect.stringMatching(
        /not known whether "commit".*unreachable.*failed with: connection cut/,
      ) as unknown as string,
    });
    await expect(run([step('a'), unknown, step('b')])).rejects.toMatchObject({ name: 'StuckError' });
    expect(done).toEqual(['act a']);
    const seen = commit({ act, settle: () => Promise.resolve('done') });
    expect(await run([step('a'), seen, step('b')])).toMatchObject({ changed: true });
    expect(done).toEqual(['act a', 'act b']);
  });

  test('a cancellation that comes too late does not stop the rest', async () => {
    const cancelled = new AbortController();
    const late = commit({ act: () => Promise.resolve(cancelled.abort()).then(() => null) });
    const after = step('b', { act: (_prior, { signal }) => Promise.resolve(`aborted: ${signal.aborted}`) });
    expect(await run([late, after], { signal: cancelled.signal })).toMatchObject({
      results: { b: 'aborted: false' },
    });
  });

  test('a saga whose point of no return cannot be looked up is refused', async () => {
    await expect(run([{ ...acting('commit'), pointOfNoReturn: true }])).rejects.toThrow(/needs settle/);
    await expect(run([commit(), commit({ name: 'second' })])).rejects.toThrow(/one point of no return/);
    await expect(run([step('a'), step('a')])).rejects.toThrow(/have one name/);
  });
});

describe('after the point of no return', () => {
  test('a failure undoes nothing, and the next run goes on from there without repeating what lies before', async () => {
    const before = [
      step('a', { always: true, settle: () => Promise.reject(new Error('not asked')) }),
      commit(),
    ];
    await expect(run([...before, failing('b'), step('c')])).rejects.toMatchObject({
      name: 'UnfinishedError',
      message: expect.stringMatching(
        /stopped at "b", after the point of no return: b broke/,
      ) as unknown as string,
    });
    expect(done).toEqual(['act a', 'act commit']);
    expect(await run([...before, step('b'), step('c')])).toMatchObject({ changed: true });
    expect(done).toEqual(['act a', 'act commit', 'act b', 'act c']);
  });

  test('a step that fails is tried again with what it had found, and the saga goes on', async () => {
    let found = 0;
    let tries = 0;
    const shaky = step('b', {
      prior: () => Promise.resolve(`found ${(found += 1)}`),
      act: (prior) => {
        tries += 1;
        done.push(`try b with ${typeof prior === 'string' ? prior : '?'}`);
        return tries < 3
          ? Promise.reject(new ConfigurationError('The server is starting, or refuses us.'))
          : Promise.resolve('b acted');
      },
    });
    const reports: string[] = [];
    const outcome = await run([commit(), shaky, step('c')], {
      onStep: ({ name, event }) => reports.push(`${name} ${event}`),
    });
    expect(outcome).toMatchObject({ changed: true, results: { b: 'b acted' } });
    expect(done).toEqual(['act commit', ...Array<string>(3).fill('try b with found 1'), 'act c']);
    expect(reports.filter((report) => report.startsWith('b '))).toEqual([
      ...['b begun', 'b failed', 'b begun', 'b failed', 'b begun', 'b done'],
    ]);
  });

  test('a step that keeps failing is left after half a minute', async () => {
    let now = Date.now();
    const slow: Clock = {
      now: () => new Date(now),
      sleep: (milliseconds) => Promise.resolve(void (now += milliseconds)),
    };
    const begun = now;
    await expect(run([commit(), failing('b')], { clock: slow })).rejects.toThrow(/stopped at "b"/);
    expect(now - begun).toBe(27_000);
    let tries = 0;
    const lasting = step('b', {
      act: () => {
        tries += 1;
        now += 20_000;
        return Promise.reject(new Error('no answer'));
      },
    });
    await expect(run([commit(), lasting], { clock: slow })).rejects.toThrow(/stopped at "b"/);
    expect(tries).toBe(3);
  });

  test('undoing is refused and roll-back named', async () => {
    const steps = [step('a'), commit()];
    await run(steps);
    const undoing = undoAll(journal, lease, steps, {
      phase: 'cutover',
      log: silentLog,
      clock,
      reason: 'asked',
    });
    await expect(undoing).rejects.toThrow(/use roll-back/);
    expect(done).toEqual(['act a', 'act commit']);
  });
});

describe('undoing', () => {
  test('a failing undo is tried again, then told with what remains; the next run continues it and stops', async () => {
    let tries = 0;
    const stubborn = step('b', {
      undo: () => {
        tries += 1;
        return Promise.reject(new Error('Heroku answers 503'));
      },
    });
    await expect(run([step('a'), stubborn, failing('c')])).rejects.toMatchObject({
      name: 'StuckError',
      message: expect.stringMatching(
        /half undone: undoing "b" failed with: Heroku answers 503. Still to be undone, in this order: b, a./,
      ) as unknown as string,
    });
    expect(tries).toBe(3);
    done = [];
    await expect(run([step('a'), step('b'), step('c')])).rejects.toMatchObject({
      name: 'UndoneError',
      message: expect.stringMatching(
        /was being undone \("c" failed: c broke\); this is now complete: b, a/,
      ) as unknown as string,
    });
    expect(done).toEqual(['undo b to b as found', 'undo a to a as found']);
  });

  test('undoAll takes back what an abandoned run left, and does nothing the second time', async () => {
    const steps = [step('a'), step('b'), commit()];
    await run(steps.slice(0, 2));
    const options = { phase: 'cutover', log: silentLog, clock, reason: 'abandoned' };
    expect(await undoAll(journal, lease, steps, options)).toEqual(['b', 'a']);
    expect(await undoAll(journal, lease, steps, options)).toEqual([]);
    expect(done).toEqual(['act a', 'act b', 'undo b to b as found', 'undo a to a as found']);
  });

  test('a run that was taken over neither acts nor undoes', async () => {
    const overtaken = step('b', {
      act: async () => {
        const next = await acquireLease(journal, {
          holder: { ...holder, runAttempt: 2 },
          log: silentLog,
          clock: systemClock,
        });
        await next.release();
        throw new Error('b broke');
      },
    });
    await expect(run([step('a'), overtaken, step('c')])).rejects.toMatchObject({ name: 'LeaseLostError' });
    expect(done).toEqual(['act a']);
  });

  test('when the journal itself is what failed, Heroku is put back all the same', async () => {
    const proxy = await startTcpProxy({
      target: () => ({ host: journal.address.host, port: journal.address.port }),
    });
    const away = await openJournal(
      { ...journal.address, host: proxy.host, port: proxy.port },
      'shop-production',
    );
    const ownLease = await acquireLease(away, { holder, log: silentLog, clock: systemClock, ttlMs: 2_000 });
    const cut = step('b', {
      act: (_prior, { signal }) =>
        new Promise((_resolve, reject) => {
          proxy.knobs.refuse = true;
          proxy.cut();
          signal.addEventListener('abort', () => reject(new Error('the journal is gone')));
        }),
    });
    const silent = () => Promise.reject(new Error('silent'));
    // Its patience with a silent journal is tested elsewhere; here it has run out.
    const impatient = { ...away, fail: silent, beginUndo: silent };
    const saga = runSteps(impatient, ownLease, [step('a'), cut], { phase: 'cutover', log: silentLog, clock });
    await expect(saga).rejects.toMatchObject({ name: 'UndoneError' });
    expect(done).toEqual(['act a', 'undo b to b as found', 'undo a to a as found']);
    proxy.knobs.refuse = false;
    await ownLease.release();
    await away.close();
    await proxy.close();
  });
});

test('steps that this version does not know stop it before anything is done', async () => {
  await run([step('a'), step('old')]);
  done = [];
  await expect(run([step('a'), step('new')])).rejects.toMatchObject({
    name: 'ConfigurationError',
    message: expect.stringMatching(/does not know \(old\)/) as unknown as string,
  });
  expect(done).toEqual([]);
});

test('a typed step gets back what it gave', async () => {
  const typed = defineStep<{ web: number }, { at: string }>({
    name: 'scale',
    prior: () => Promise.resolve({ web: 2 }),
    act: (prior) => Promise.resolve({ at: `from ${prior.web}` }),
  });
  expect((await run([typed])).results).toEqual({ scale: { at: 'from 2' } });
});
