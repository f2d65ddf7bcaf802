import { expect, test } from '@jest/globals';

import { openJournal } from '../../src/migration/journal.ts';
import { acquireLease } from '../../src/migration/lease.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { journalDatabase } from './support/journal-database.ts';

const writer = { epoch: 1, runId: 'run' };
const step = { phase: 'cutover', name: 'maintenance on', prior: { on: false }, pointOfNoReturn: false };

test('what one process committed, the next one reads, in the order in which the steps began', async () => {
  const { address } = await journalDatabase();
  const first = await openJournal(address, 'shop-staging');
  const begun = await first.begin(writer, step);
  await first.finish(writer, begun.id, { on: true });
  await first.begin(writer, { ...step, name: 'a later step', prior: null });
  await first.begin(writer, { ...step, phase: 'assess' });
  await first.close();
  const second = await openJournal(address, 'shop-staging');
  expect(await second.steps('cutover')).toMatchObject([
    {
      name: 'maintenance on',
      attempt: 1,
      status: 'done',
      prior: { on: false },
      result: { on: true },
      epoch: 1,
      runId: 'run',
    },
    { name: 'a later step', status: 'intent', prior: null, result: null, finishedAt: null },
  ]);
  expect(await second.history()).toHaveLength(3);
  await second.close();
});

test('each attempt has a row of its own and the newest one counts', async () => {
  const { address } = await journalDatabase();
  const journal = await openJournal(address, 'shop-staging');
  const one = await journal.begin(writer, step);
  await journal.fail(writer, one.id, 'no answer');
  await journal.begin(writer, step);
  expect(await journal.steps('cutover')).toMatchObject([{ attempt: 2, status: 'intent', reason: null }]);
  expect(await journal.history()).toMatchObject([
    { status: 'failed', reason: 'no answer' },
    { status: 'intent' },
  ]);
  await journal.retire(writer, ['cutover'], 'rolled back');
  expect(await journal.steps('cutover')).toMatchObject([{ status: 'undone', reason: 'rolled back' }]);
  await journal.close();
});

test('journals of several migrations in one database do not see each other', async () => {
  const { address } = await journalDatabase();
  const [staging, production] = await Promise.all([
    openJournal(address, 'shop-staging'),
    openJournal(address, 'shop-production'),
  ]);
  await staging.begin(writer, step);
  expect(await production.steps('cutover')).toEqual([]);
  await Promise.all([staging.close(), production.close()]);
});

test('many runs may open a journal for the first time at once', async () => {
  const { address } = await journalDatabase();
  const journals = await Promise.all(Array.from({ length: 5 }, () => openJournal(address, 'shop-staging')));
  await Promise.all(
    journals.map((journal) => journal.begin(writer, { ...step, name: `step ${Math.random()}` })),
  );
  expect(await journals[0]?.history()).toHaveLength(5);
  await Promise.all(journals.map((journal) => journal.close()));
});

test('a run that was taken over can write nothing any more', async () => {
  const { address } = await journalDatabase();
  const journal = await openJournal(address, 'shop-staging');
  const holder = { runId: '7', runAttempt: 1, actor: 'ada', runUrl: 'https://example.com/7' };
  const options = { log: silentLog, clock: systemClock };
  const old = await acquireLease(journal, { holder, ...options });
  const begun = await journal.begin(old, step);
  const next = await acquireLease(journal, { holder: { ...holder, runAttempt: 2 }, ...options });
  const refused = { name: 'LeaseLostError', superseded: true };
  await expect(journal.begin(old, { ...step, name: 'other' })).rejects.toMatchObject(refused);
  await expect(journal.finish(old, begun.id, null)).rejects.toMatchObject(refused);
  await expect(journal.beginUndo(old, [begun.id], 'x')).rejects.toMatchObject(refused);
  await journal.finish(next, begun.id, null);
  expect(await journal.steps('cutover')).toMatchObject([{ status: 'done' }]);
  await Promise.all([old.release(), next.release()]);
  await journal.close();
});

test('a connection that the server ends between two writes is made again', async () => {
  const { address, database } = await journalDatabase();
  const journal = await openJournal(address, 'shop-staging');
  const begun = await journal.begin(writer, step);
  await database.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'h2d shop-staging journal'`,
  );
  await journal.finish(writer, begun.id, 1);
  expect(await journal.steps('cutover')).toMatchObject([{ status: 'done', result: 1 }]);
  await journal.close();
});

test('a secret never reaches the journal', async () => {
  const { address } = await journalDatabase();
  const journal = await openJournal(address, 'shop-staging');
  expect(() => journal.begin(writer, { ...step, prior: { url: 'postgres://u:hunter22@h/d' } })).toThrow(
    /prior state of maintenance on\.url would hold/,
  );
  expect(await journal.history()).toEqual([]);
  await journal.close();
});

test('a journal that cannot be reached is told without its password', async () => {
  const { address } = await journalDatabase();
  await expect(openJournal({ ...address, password: 'hunter22' }, 'shop-staging')).rejects.toMatchObject({
    name: 'ConfigurationError',
    message: expect.not.stringContaining('hunter22') as unknown as string,
  });
});
