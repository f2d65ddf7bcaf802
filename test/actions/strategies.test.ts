import { describe, expect, test } from '@jest/globals';

import { cutoverSteps, noChecks } from '../../actions/cutover/steps.ts';
import { captureLimits, describeLag, lagProblem } from '../../actions/live.ts';
import type { Parties } from '../../actions/parties.ts';
import { rollBackSteps } from '../../actions/roll-back/steps.ts';
import { LETS_IN } from '../../actions/roll-back/traffic.ts';
import { copiedStrategy, plannedStrategy } from '../../actions/strategy.ts';
import type { Subject } from '../../actions/subject.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { forecastDowntime } from '../../src/migration/forecast.ts';
import { openJournal, type StepRow } from '../../src/migration/journal.ts';
import { addSection, emptyRecord } from '../../src/migration/record.ts';
import { together } from '../../src/together.ts';
import { journalDatabase } from '../migration/support/journal-database.ts';
import { CONFIG } from './played-sides.ts';

function subjectOf(strategy: string, traffic = 'dns'): Subject {
  const file = CONFIG.replace('strategy: window', strategy)
    .replace('traffic: dns', `traffic: ${traffic}`)
    .replace('provider: digitalocean', `provider: ${traffic === 'cdn' ? 'cloudflare' : 'digitalocean'}`);
  const config = parseMigrationConfig(file, 'migration.yml');
  const environment = environmentOf(config, 'staging');
  const { migrationId } = environment;
  const record = emptyRecord({ migrationId, application: 'shop', environment: 'staging' });
  return { config, environment, recordPath: 'record.json', record };
}

function planned(subject: Subject, strategy: string): Subject {
  const run = {
    runId: '1',
    runAttempt: 1,
    actor: 'ada',
    runUrl: 'https://github.com/acme/shop/actions/runs/1',
  };
  const data = { plan: { strategy } };
  return { ...subject, record: addSection(subject.record, 'assess', { at: new Date(0), run, data }) };
}

describe('the steps of a cutover', () => {
  // Only named and ordered here: nothing is asked of either side before a step acts.
  const parties = { subject: subjectOf('strategy: live'), oldSide: {}, newSide: {} } as unknown as Parties;
  const stepsOf = (strategy: 'window' | 'live') => cutoverSteps(parties, noChecks, strategy);

  test('the window strategy follows Redis while the site serves, copies and compares Postgres inside the fence, and captures the way back', () => {
    expect(stepsOf('window').map(({ name }) => name)).toEqual([
      'gate',
      'pre-flight',
      'guard-watches',
      'stand-still',
      'preboot-off',
      'follow-redis',
      'one-off-dynos',
      'quiet-workers',
      'stop-workers',
      'maintenance-mode',
      'park',
      'stray-sessions',
      'fence',
      'return-taken-jobs',
      'copy',
      'parity',
      'reverse-capture',
      'prove-held',
      'count-jobs',
      'point-of-no-return',
      'prove-closed',
      'set-old-jobs-aside',
      'open-new-side',
      'dns staging.shop.example.com',
      'smoke',
      'missed-runs',
      'watch-names',
    ]);
  });

  test('live catches up before anybody waits, drains inside the fence, and captures the way back before the point of no return', () => {
    expect(stepsOf('live').map(({ name }) => name)).toEqual([
      'gate',
      'pre-flight',
      'guard-watches',
      'stand-still',
      'preboot-off',
      'catch-up',
      'follow-redis',
      'one-off-dynos',
      'quiet-workers',
      'stop-workers',
      'last-catch-up',
      'maintenance-mode',
      'park',
      'stray-sessions',
      'fence',
      'return-taken-jobs',
      'final-drain',
      'reverse-capture',
      'prove-held',
      'count-jobs',
      'point-of-no-return',
      'prove-closed',
      'set-old-jobs-aside',
      'open-new-side',
      'dns staging.shop.example.com',
      'smoke',
      'missed-runs',
      'settle',
      'watch-names',
    ]);
  });

  test('with the front door visitors wait in it in place of a maintenance page, and names follow last; a CDN is led elsewhere where DNS would be', () => {
    const named = (strategy: 'window' | 'live', traffic: string): string[] => {
      const subject = subjectOf('strategy: live', traffic);
      return cutoverSteps({ ...parties, subject }, noChecks, strategy).map(({ name }) => name);
    };
    const before = ['gate', 'pre-flight', 'guard-watches', 'stand-still', 'preboot-off'];
    const quiet = ['follow-redis', 'one-off-dynos', 'quiet-workers', 'stop-workers'];
    const held = ['stray-sessions', 'fence', 'return-taken-jobs'];
    const proven = ['reverse-capture', 'prove-held', 'count-jobs', 'point-of-no-return'];
    const opened = ['prove-closed', 'set-old-jobs-aside', 'open-new-side'];
    expect(named('live', 'front-door')).toEqual([
      ...[...before, 'catch-up', ...quiet, 'last-catch-up'],
      ...['front-door-state', 'front-door', ...held, 'final-drain', ...proven, ...opened],
      // Served from here on; each name waits for its certificate.
      ...['front-door-forward', 'smoke', 'missed-runs', 'settle'],
      ...['dns staging.shop.example.com', 'watch-names'],
    ]);
    expect(named('window', 'cdn')).toEqual([
      ...[...before, ...quiet],
      ...['maintenance-mode', 'park', ...held, 'copy', 'parity', ...proven, ...opened],
      ...['cdn staging.shop.example.com', 'smoke', 'missed-runs'],
    ]);
  });

  test.each(['dns', 'front-door'])(
    'what they took is found again by the next forecast (traffic: %s)',
    (mode) => {
      const subject = subjectOf('strategy: live', mode);
      const steps = cutoverSteps({ ...parties, subject }, noChecks, 'live').map(({ name }) => ({
        name,
        milliseconds: 1_000,
      }));
      const { phases } = forecastDowntime({
        strategy: 'live',
        parts: [],
        budgetMs: 0,
        frontDoor: mode === 'front-door',
        rehearsed: { from: 'a cutover', steps },
      });
      expect(phases.filter(({ basis }) => basis !== 'measured').map(({ name }) => name)).toEqual([
        ...(mode === 'dns' ? ['DNS: records are changed'] : []),
        // Part of the last drain.
        'sequences, foreign keys and triggers',
      ]);
    },
  );

  test('whatever was done under a fence that is gone is done again by a continued run', () => {
    for (const strategy of ['window', 'live'] as const) {
      const names = stepsOf(strategy).map(({ name }) => name);
      const inside = stepsOf(strategy).slice(names.indexOf('fence'), names.indexOf('point-of-no-return'));
      expect(inside.length).toBeGreaterThan(1);
      expect(inside.every(({ always }) => always)).toBe(true);
    }
  });

  test('the way back carries what a captured new side took, and otherwise proves that it took nothing', () => {
    const row = (name: string): StepRow => ({ name, status: 'done', prior: null, result: null }) as StepRow;
    const names = (done: string[]): string[] => rollBackSteps(parties, done.map(row)).map(({ name }) => name);
    expect(names(['park', 'reverse-capture', 'point-of-no-return', 'open-new-side'])).toEqual([
      'pre-flight',
      'guard-watches',
      'catch-up',
      'late-jobs',
      'follow-redis',
      'quiet-workers',
      'fence',
      'close-new-side',
      'keep-running-jobs',
      'return-taken-jobs',
      'final-drain',
      'carry-jobs',
      'count-jobs',
      'lift-fence',
      'forget-old-jobs',
      'unpark',
      'start-workers',
      'dns staging.shop.example.com',
      'maintenance-mode',
      'preboot-on',
      'move-again',
      'settle',
      'end-reverse-capture',
      'restart-workers-of-new-side',
    ]);
    expect(names(['park', 'point-of-no-return', 'open-new-side'])).toEqual([
      'pre-flight',
      'guard-watches',
      'close-new-side',
      'bring-jobs-back',
      'prove-no-writes',
      'lift-fence',
      'unpark',
      'start-workers',
      'dns staging.shop.example.com',
      'maintenance-mode',
      'preboot-on',
      'move-again',
    ]);
  });

  test('the way back leads names through the front door to Heroku, and resolvers follow, before it holds visitors and closes the new side', () => {
    const row = (name: string): StepRow => ({ name, status: 'done', prior: null, result: null }) as StepRow;
    const done = ['front-door-state', 'front-door', 'reverse-capture', 'point-of-no-return', 'open-new-side'];
    const past = [...done, 'front-door-forward', 'smoke', 'settle', 'dns staging.shop.example.com'].map(row);
    const subject = subjectOf('strategy: live', 'front-door');
    const names = rollBackSteps({ ...parties, subject }, past).map(({ name }) => name);
    expect(names).toEqual([
      ...['pre-flight', 'guard-watches', 'dns staging.shop.example.com', 'resolvers-follow'],
      ...['catch-up', 'late-jobs', 'follow-redis', 'quiet-workers'],
      ...['front-door-hold', 'fence', 'close-new-side', 'keep-running-jobs', 'return-taken-jobs'],
      ...['final-drain', 'carry-jobs', 'count-jobs', 'lift-fence', 'forget-old-jobs'],
      ...['unpark', 'start-workers', 'front-door-state', 'preboot-on', 'move-again', 'settle'],
      ...['end-reverse-capture', 'restart-workers-of-new-side'],
    ]);
  });

  test('the step that the guard of a way back takes for serving comes once workers run and every name leads back, in each traffic mode', () => {
    const row = (name: string): StepRow => ({ name, status: 'done', prior: null, result: null }) as StepRow;
    for (const done of [
      ['maintenance-mode', 'park'],
      ['front-door-state', 'front-door'],
    ]) {
      const past = [...done, 'reverse-capture', 'point-of-no-return', 'open-new-side'].map(row);
      const names = rollBackSteps(parties, past).map(({ name }) => name);
      const served = names.findIndex((name) => LETS_IN.includes(name));
      const needed = names.flatMap((name, at) =>
        /^(lift-fence|unpark|start-workers|dns )/.test(name) ? [at] : [],
      );
      expect(needed.length).toBeGreaterThan(2);
      expect(served).toBeGreaterThan(Math.max(...needed));
    }
  });

  test('nothing that drains runs without the fence', async () => {
    for (const name of ['final-drain', 'reverse-capture']) {
      const step = stepsOf('live').find((one) => one.name === name);
      await expect(step?.act(null, { signal: new AbortController().signal })).rejects.toThrow(
        'The fence is not held.',
      );
    }
  });
});

describe('which strategy', () => {
  test('migration.yml decides; for auto the plan does, and without one nothing is done', () => {
    expect(plannedStrategy(planned(subjectOf('strategy: window'), 'live'))).toBe('window');
    expect(plannedStrategy(subjectOf('strategy: live'))).toBe('live');
    expect(plannedStrategy(planned(subjectOf('strategy: auto'), 'live'))).toBe('live');
    expect(() => plannedStrategy(subjectOf('strategy: auto'))).toThrow(
      /run assess first.*Nothing was changed/,
    );
  });

  test('the journal remembers by which strategy was copied, from before the copy began until it is uninstalled', async () => {
    const journal = await openJournal((await journalDatabase()).address, 'shop-staging');
    const writer = { epoch: 1, runId: '1' };
    const begin = (name: string, prior: { strategy: string } | null) =>
      journal.begin(writer, { phase: 'migrate-db', name, prior, pointOfNoReturn: false });
    try {
      expect(await copiedStrategy(journal)).toBeUndefined();
      await begin('copy', null);
      expect(await copiedStrategy(journal)).toBe('window');
      await begin('copy', { strategy: 'live' });
      expect(await copiedStrategy(journal)).toBe('live');
      await journal.retire(writer, ['migrate-db'], 'copied again');
      expect(await copiedStrategy(journal)).toBe('live');
      await begin('uninstall', null);
      expect(await copiedStrategy(journal)).toBeUndefined();
      await begin('copy', { strategy: 'window' });
      expect(await copiedStrategy(journal)).toBe('window');
    } finally {
      await journal.close();
    }
  });
});

describe('the lag', () => {
  const limits = captureLimits({ subject: subjectOf('strategy: live') });
  const lag = { rows: 1200, bytes: 3_000_000, seconds: 42, whole: [] };

  test('is told in rows, bytes and seconds, with what waits for the window', () => {
    expect(describeLag(lag)).toBe('1,200 rows, the oldest 42.0 s old; the logs take 3.0 MB');
    expect(describeLag({ ...lag, rows: 0, seconds: 0 })).toBe('0 rows; the logs take 3.0 MB');
    expect(describeLag({ ...lag, whole: [{ relation: 'public.events', bytes: 5_000_000 }] })).toMatch(
      /1 tables without a key \(5\.0 MB\) wait for the window/,
    );
  });

  test('is a failure from half of a limit on, with what to do before the capture stops', () => {
    expect(lagProblem({ ...lag, bytes: 1e9, seconds: 86_400 }, limits)).toBeUndefined();
    expect(lagProblem({ ...lag, bytes: 1e9 + 1 }, limits)).toMatch(
      /log-limit` \(2\.0 GB\).*Run catch-up more often/,
    );
    expect(lagProblem({ ...lag, seconds: 86_401 }, limits)).toMatch(/live\.lease` \(48 h 0 min\)/);
  });
});

describe('two copies side by side', () => {
  const never = (signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
    });

  test('the one that fails stops the other, and its reason is told', async () => {
    const { signal } = new AbortController();
    const fails = () => Promise.reject(new Error('the disk is full'));
    await expect(together(signal, [fails, never])).rejects.toThrow('the disk is full');
    await expect(together(signal, [never, fails])).rejects.toThrow('the disk is full');
  });

  test('a cancelled run stops both', async () => {
    const run = new AbortController();
    const both = together(run.signal, [never, never]);
    run.abort(new Error('cancelled'));
    await expect(both).rejects.toThrow('stopped');
  });

  test('both results are returned', async () => {
    const { signal } = new AbortController();
    expect(await together(signal, [() => Promise.resolve(1), () => Promise.resolve('two')])).toEqual([
      1,
      'two',
    ]);
  });
});
