import type { Edge } from '../../src/github/run.ts';
import type { Journal } from '../../src/migration/journal.ts';
import { SUSPENDED_WHILE_LIVE } from '../../src/postgres/catalogue.ts';
import { readFence } from '../../src/postgres/fence.ts';
import { writesAre } from '../../src/postgres/rights.ts';
import type { CheckResult } from '../http-checks.ts';
import { checkHosts } from '../http-checks.ts';
import { lateJobs } from '../jobs.ts';
import type { Parties } from '../parties.ts';
import { gatherParties } from '../parties.ts';
import type { BothParities } from '../prove-equal.ts';
import { compareBoth, movedOn, parityFigures, quietly } from '../prove-equal.ts';
import { copiedStrategy } from '../strategy.ts';
import { readSubject, recordPhase } from '../subject.ts';
import { lostRows } from './lost-rows.ts';
import { verifySummary } from './summary.ts';

/** What was looked at, what was seen, and whether that is right for the state that the migration is in. */
export interface Verification {
  /** `practice`: Heroku serves. `moved`: DigitalOcean serves and writes, Heroku is fenced. */
  state: 'practice' | 'moved';
  http: CheckResult[];
  figures: ReturnType<typeof parityFigures>;
  /** Differences that the state explains: the side that serves has gone on writing. */
  explained: string[];
  /** Anything that it does not explain. */
  failures: string[];
}

/**
 * Compares both sides by content and asks the new side its HTTP checks. Changes nothing. Fails on whatever the state of
 * the migration does not explain.
 */
export async function verify(edge: Edge): Promise<void> {
  const subject = await readSubject(edge);
  const { parties, journal } = await gatherParties(edge, subject);
  const verification = await inspect(parties, journal).finally(() => journal.close());

  const outcome = verification.failures.length === 0 ? 'verified' : 'failed';
  await recordPhase(edge, subject, 'verify', { outcome, changed: false, ...verification });
  await edge.summary(verifySummary(verification));
  if (outcome === 'failed') {
    throw new Error(
      [
        'The new side is not as it must be:',
        ...verification.failures.slice(0, 20).map((line) => `  ${line}`),
      ].join('\n'),
    );
  }
}

/** While Heroku's database follows the new side, what gets in the way of that is put aside there. */
const ASIDE_ON_HEROKU = [/^only on the target: (foreign key|trigger|rule|row security|comment)\b/];

async function inspect(parties: Parties, journal: Journal): Promise<Verification> {
  const { subject, oldSide, newSide, log, signal } = parties;
  const { migrationId, domains } = subject.environment;
  const fence = await readFence(oldSide.database, migrationId);
  const writes = await writesAre(newSide.owner);
  const moved = fence === 'closed' && writes === 'open';

  const ingress = await newSide.ingressHost();
  const http = await log.group('HTTP checks', () =>
    checkHosts(moved ? [ingress, ...domains] : [ingress], subject.config.checks),
  );
  for (const { url, found, milliseconds } of http) log.info(`${url}: ${found} in ${milliseconds} ms`);

  const live = (await copiedStrategy(journal)) === 'live';
  const announced = !live ? [] : moved ? ASIDE_ON_HEROKU : SUSPENDED_WHILE_LIVE;
  const parities = await log.group('Compare both sides', () => compareBoth(quietly(parties), announced));
  const lost = moved
    ? await lostRows(oldSide.database, newSide.owner, differingTables(parities), signal)
    : [];
  return {
    state: moved ? 'moved' : 'practice',
    http,
    figures: parityFigures(parities),
    explained: movedOn(parities).slice(0, 50),
    failures: [
      ...wrongSides(fence, writes),
      ...http.filter(({ passed }) => !passed).map(({ url, found }) => `${url}: ${found}`),
      ...parities.postgres.catalogue,
      ...lost,
      ...(moved ? await lateJobs(parties) : []),
    ],
  };
}

/** Exactly one side may take writes. */
function wrongSides(fence: 'open' | 'closed', writes: 'open' | 'closed'): string[] {
  if (fence === 'closed' && writes === 'closed')
    return [
      'No side takes writes: the cutover passed its point of no return and is not finished. Run its job again, or roll-back.',
    ];
  if (fence === 'open' && writes === 'open')
    return [
      'Both sides take writes: the new side is open and Heroku is not fenced. Stop the new app and find out who opened it.',
    ];
  return [];
}

function differingTables({ postgres }: BothParities): string[] {
  return postgres.tables.filter(({ equal }) => !equal).map(({ name }) => name);
}
