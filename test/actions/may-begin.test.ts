import { afterEach, expect, test } from '@jest/globals';
import {
  refuseDuringRollBack,
  refuseOtherDecisions,
  waitsForItsWindow,
} from '../../actions/cutover/may-begin.ts';
import type { Subject } from '../../actions/subject.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { decisionsDigest } from '../../src/migration/decisions.ts';
import { openJournal, type Journal } from '../../src/migration/journal.ts';
import { acquireLease } from '../../src/migration/lease.ts';
import { addSection, emptyRecord } from '../../src/migration/record.ts';
import { openWatch } from '../../src/migration/watch.ts';
import { journalDatabase } from '../migration/support/journal-database.ts';
import { edgeOf } from './edge-of.ts';
import { CONFIG } from './played-sides.ts';

const RUN = {
  runId: '7',
  runAttempt: 2,
  actor: 'ada',
  runUrl: 'https://github.com/acme/shop/actions/runs/7',
};

let journal: Journal;
afterEach(() => journal.close());

function subjectOf(text = CONFIG): Subject {
  const config = parseMigrationConfig(text, 'migration.yml');
  const environment = environmentOf(config, 'staging');
  const record = emptyRecord({ ...environment, application: 'shop', environment: 'staging' });
  return { config, environment, recordPath: 'record.json', record };
}

/** The step that a run began, and ended or left. */
async function withStep(phase: string, name: string, end: 'done' | 'left' | 'undone'): Promise<Journal> {
  const { address } = await journalDatabase();
  journal = await openJournal(address, 'shop-staging');
  const lease = await acquireLease(journal, { holder: RUN, log: silentLog, clock: systemClock });
  const { id } = await journal.begin(lease, { phase, name, prior: null, pointOfNoReturn: false });
  if (end !== 'left') await journal.finish(lease, id, null);
  if (end === 'undone') await journal.retire(lease, [phase], 'given up');
  await lease.release();
  return journal;
}

test('migration.yml that decides something else than the plan did is refused, and so is a record without a plan', async () => {
  await withStep('assess', 'none', 'done');
  const subject = subjectOf();
  const decisions = decisionsDigest(subject.config, subject.environment);
  const planned = (text: string): Subject => {
    const now = subjectOf(text);
    const data = { plan: { decisions } };
    return { ...now, record: addSection(now.record, 'assess', { at: new Date(0), run: RUN, data }) };
  };
  expect(() => refuseOtherDecisions(planned(CONFIG))).not.toThrow();
  for (const text of [
    CONFIG.replace('strategy:', 'downtime-budget: 1m\nstrategy:'),
    CONFIG.replace('GREETING: hello', 'GREETING: good evening'),
  ])
    expect(() => refuseOtherDecisions(planned(text))).toThrow(
      /decides something else for staging .*Nothing was changed\. Run migrate\.yml again from assess on/,
    );
  expect(() => refuseOtherDecisions(subject)).toThrow(/decides something else/);
});

test('while a roll-back has begun no cutover begins, and it is said how far that came', async () => {
  await refuseDuringRollBack(await withStep('cutover', 'park', 'done'));
  await journal.close();
  await refuseDuringRollBack(await withStep('roll-back', 'fence', 'undone'));
  await journal.close();
  for (const end of ['left', 'done'] as const) {
    await expect(refuseDuringRollBack(await withStep('roll-back', 'lift-fence', end))).rejects.toThrow(
      /A roll-back has begun .*stopped at "lift-fence".*Run roll-back again/,
    );
    if (end === 'left') await journal.close();
  }
});

test('a cutover outside its window waits, and its guard is told until when; one that has begun goes on at any hour', async () => {
  const subject = subjectOf(
    CONFIG.replace('domains:', 'window: { not-before: 02:00, not-after: 04:00 }, domains:'),
  );
  const clock = { now: () => new Date(Math.ceil(Date.now() / 86_400_000) * 86_400_000) };
  const run = { GITHUB_RUN_ID: '7', GITHUB_RUN_ATTEMPT: '2' };
  const edge = { ...edgeOf({}, { environment: run }), clock };

  const begun = await withStep('cutover', 'park', 'left');
  expect(await waitsForItsWindow(edge, subject, begun)).toBe(false);
  const watch = await openWatch(begun.address, begun.migrationId);
  expect((await watch.look()).waiting).toBeNull();
  await watch.close();
  await journal.close();

  const fresh = await withStep('cutover', 'park', 'undone');
  expect(await waitsForItsWindow(edge, subject, fresh)).toBe(true);
  const guard = await openWatch(fresh.address, fresh.migrationId);
  const { waiting } = await guard.look();
  await guard.close();
  expect(waiting).toMatchObject({ runId: '7', runAttempt: 2 });
  const until = clock.now().getTime() + 2 * 3_600_000;
  expect(Math.abs((waiting?.leftMs ?? 0) - (until - Date.now()))).toBeLessThan(30_000);
});
