import { setTimeout as delay } from 'node:timers/promises';

import { expect, test } from '@jest/globals';

import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import type { Journal } from '../../src/migration/journal.ts';
import { openJournal } from '../../src/migration/journal.ts';
import { acquireLease } from '../../src/migration/lease.ts';
import { startTcpProxy } from '../../rehearsal/servers/tcp-proxy.ts';
import { journalDatabase } from './support/journal-database.ts';

const ada = {
  runId: '7',
  runAttempt: 1,
  actor: 'ada',
  runUrl: 'https://github.com/acme/shop/actions/runs/7',
};
const bob = {
  runId: '8',
  runAttempt: 1,
  actor: 'bob',
  runUrl: 'https://github.com/acme/shop/actions/runs/8',
};
const options = { log: silentLog, clock: systemClock };

async function withJournal(body: (journal: Journal) => Promise<void>): Promise<void> {
  const { address } = await journalDatabase();
  const journal = await openJournal(address, 'shop-staging');
  await body(journal);
  await journal.close();
}

test('a second run is refused and told who holds the lease, since when, until when and where', () =>
  withJournal(async (journal) => {
    const lease = await acquireLease(journal, { holder: ada, ...options });
    await expect(acquireLease(journal, { holder: bob, ...options })).rejects.toMatchObject({
      name: 'ConfigurationError',
      message: expect.stringMatching(
        /working on shop-staging: https:\S+\/runs\/7 \(started by ada\), since \d\d:\d\d:\d\d UTC.*expires at \d\d:\d\d:\d\d UTC/,
      ) as unknown as string,
    });
    await lease.release();
  }));

test('of many runs that begin at once exactly one gets the lease', () =>
  withJournal(async (journal) => {
    const runs = ['1', '2', '3', '4', '5'].map((runId) =>
      acquireLease(journal, { holder: { ...ada, runId }, ...options }),
    );
    const leases = (await Promise.allSettled(runs)).filter((run) => run.status === 'fulfilled');
    expect(leases).toHaveLength(1);
    await leases[0]?.value.release();
  }));

test('every new holder gets a higher epoch, and a released lease is free at once', () =>
  withJournal(async (journal) => {
    const first = await acquireLease(journal, { holder: ada, ...options });
    await first.release();
    const second = await acquireLease(journal, { holder: bob, ...options });
    expect(second.epoch).toBe(first.epoch + 1);
    await second.release();
  }));

test('it renews itself for as long as its run lives, and expires when the run dies', async () => {
  const { address } = await journalDatabase();
  const journal = await openJournal(address, 'shop-staging');
  const proxy = await startTcpProxy({ target: () => ({ host: address.host, port: address.port }) });
  const dying = { migrationId: 'shop-staging', address: { ...address, host: proxy.host, port: proxy.port } };
  const ttlMs = 3_000;
  const lease = await acquireLease(dying, { holder: ada, pass: '7.1.aaaa', ttlMs, ...options });
  await delay(ttlMs * 2);
  await expect(acquireLease(journal, { holder: bob, ...options })).rejects.toThrow(/started by ada/);
  expect(lease.lost.aborted).toBe(false);
  expect(await journal.passesOfDead()).toEqual([]);

  proxy.knobs.refuse = true;
  proxy.cut();
  const lost = new Promise((resolve) => lease.lost.addEventListener('abort', resolve, { once: true }));
  await expect(acquireLease(journal, { holder: bob, ...options })).rejects.toThrow(/started by ada/);
  // The run that is cut off stops by itself before another one may begin.
  await lost;
  expect(lease.lost.reason).toMatchObject({ name: 'LeaseLostError', superseded: false });
  await delay(ttlMs);
  expect(await journal.passesOfDead()).toEqual(['7.1.aaaa']);
  const next = await acquireLease(journal, { holder: bob, pass: '8.1.bbbb', ...options });
  expect(await journal.passesOfDead()).toEqual(['7.1.aaaa']);

  // Back again, it learns that it was taken over.
  proxy.knobs.refuse = false;
  await expect(lease.check()).rejects.toMatchObject({ superseded: true });
  await Promise.all([next.release(), lease.release()]);
  await expect(next.check()).rejects.toThrow(/after it had been closed/);
  await Promise.all([journal.close(), proxy.close()]);
});

test('a new attempt of the same run takes over at once, and the old attempt learns of it', () =>
  withJournal(async (journal) => {
    const first = await acquireLease(journal, { holder: ada, ttlMs: 2_000, ...options });
    const lost = new Promise((resolve) => first.lost.addEventListener('abort', resolve, { once: true }));
    const second = await acquireLease(journal, { holder: { ...ada, runAttempt: 2 }, ...options });
    await lost;
    await expect(first.check()).rejects.toMatchObject({ name: 'LeaseLostError', superseded: true });
    await expect(second.check()).resolves.toBeUndefined();
    // An old attempt that gives back what it no longer has takes nothing from the new one.
    await first.release();
    await expect(acquireLease(journal, { holder: bob, ...options })).rejects.toThrow(
      /Another run is working/,
    );
    await second.release();
  }));

test('another job of the same attempt is another run', () =>
  withJournal(async (journal) => {
    const lease = await acquireLease(journal, { holder: ada, ...options });
    await expect(acquireLease(journal, { holder: ada, ...options })).rejects.toThrow(
      /Another run is working/,
    );
    await lease.release();
  }));

test('the pass of a holder that died is known until somebody has taken it out; who gives the lease back leaves none', () =>
  withJournal(async (journal) => {
    const dead = await acquireLease(journal, { holder: ada, pass: '7.1.aaaa', ...options });
    const guard = await acquireLease(journal, {
      ...{ holder: { ...ada, runAttempt: 2 }, pass: '7.2.cccc.guard', ...options },
    });
    await guard.release();
    expect(await journal.passesOfDead()).toEqual(['7.1.aaaa']);
    const lease = await acquireLease(journal, { holder: bob, pass: '8.1.bbbb', ...options });
    await journal.forgetPasses(['7.1.aaaa']);
    expect(await journal.passesOfDead()).toEqual([]);
    await Promise.all([lease.release(), dead.release()]);
    expect(await journal.passesOfDead()).toEqual([]);
  }));
