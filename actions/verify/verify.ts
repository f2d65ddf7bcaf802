import { failedLines, type Check } from '../../src/checks/result.ts';
import type { AccountedVariable } from '../../src/checks/configuration.ts';
import { readApp } from '../../src/digitalocean/app.ts';
import type { Edge } from '../../src/github/run.ts';
import { readAddOns } from '../../src/heroku/add-ons.ts';
import { readConfigVars } from '../../src/heroku/config-vars.ts';
import { finalizedAt } from '../../src/migration/finalized.ts';
import type { Journal } from '../../src/migration/journal.ts';
import { targetNames } from '../../src/migration/names.ts';
import { maskConfigVars } from '../../src/migration/source.ts';
import { SUSPENDED_WHILE_LIVE } from '../../src/postgres/catalogue.ts';
import { readFence } from '../../src/postgres/fence-marker.ts';
import { writesAre } from '../../src/postgres/rights.ts';
import { checkCapacity } from '../capacity.ts';
import { writeEvidence } from '../evidence-page.ts';
import type { CheckResult } from '../http-checks.ts';
import { lateJobs } from '../jobs.ts';
import type { Parties } from '../parties.ts';
import { gatherParties } from '../parties.ts';
import { compareBoth, movedOn, parityFigures, quietly } from '../prove-equal.ts';
import { copiedStrategy } from '../strategy.ts';
import { readSubject, recordPhase } from '../subject.ts';
import { readCheckSecrets } from './check-secrets.ts';
import { compare } from './compare.ts';
import { inspectConfiguration } from './configuration.ts';
import { inspectCost } from './cost.ts';
import { inspectData } from './data.ts';
import { functionalChecks } from './function.ts';
import { jobChecks } from './jobs.ts';
import { lookFromOutside, type SeenFromOutside } from './outside.ts';
import { presentable } from './presentable.ts';
import { securityChecks } from './security.ts';
import { verifySummary } from './summary.ts';
import { thirdPartyChecks } from './third-parties.ts';
import { watch } from './watch.ts';

/** What was looked at, what was seen, and whether that is right for the state that the migration is in. */
export interface Verification {
  /** `practice`: Heroku serves. `moved`: DigitalOcean serves and writes, Heroku is fenced. */
  state: 'practice' | 'moved';
  /** Everything that was looked at, each with what was seen. */
  checks: Check[];
  /** What became of every config var, with a keyed digest of its value on the new side. */
  variables: AccountedVariable[];
  http: CheckResult[];
  figures: ReturnType<typeof parityFigures>;
  /** Differences that the state explains: the side that serves has gone on writing. */
  explained: string[];
  /** Anything that it does not explain. */
  failures: string[];
}

/**
 * Looks whether the new side works and holds the same: its answers, its data, its jobs, its configuration, who may reach
 * it, who must be told of it, and what it costs. Changes nothing. Fails on whatever the state of the migration does not
 * explain. A record that was altered is refused before anything is looked at.
 */
export async function verify(edge: Edge): Promise<void> {
  const command = edge.inputs.choice('command', ['verify', 'compare', 'watch']);
  const subject = await readSubject(edge);
  if (command === 'watch') return watch(edge, subject);
  if (command === 'compare') return compare(edge, subject);
  const secrets = readCheckSecrets(edge);
  const outside = await edge.log.group('From outside', () => lookFromOutside(edge, subject));
  const { parties, journal } = await gatherParties(edge, subject);
  const verification = await inspect(edge, parties, { journal, outside, secrets }).finally(() =>
    journal.close(),
  );

  const outcome = verification.failures.length === 0 ? 'verified' : 'failed';
  await recordPhase(edge, subject, 'verify', { command, outcome, changed: false, ...verification });
  const { path, summary } = await writeEvidence(subject, { without: ['checks'] });
  edge.setOutput('evidence', path);
  // Its checks stand below, in verify's own words.
  await edge.summary(`${summary}\n\n${verifySummary(verification)}`);
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

async function inspect(
  edge: Edge,
  parties: Parties,
  {
    journal,
    outside,
    secrets,
  }: { journal: Journal; outside: SeenFromOutside; secrets: Record<string, string> },
): Promise<Verification> {
  const { subject, oldSide, newSide, log } = parties;
  const { config, environment } = subject;
  // A way back that was ended on purpose has left no fence: the journal tells that this side has moved.
  const ended = (await finalizedAt(journal)) !== undefined;
  const fence = ended ? 'closed' : await readFence(oldSide.database, environment.migrationId);
  const writes = await writesAre(newSide.owner);
  const moved = fence === 'closed' && writes === 'open';
  const switchedAt = moved ? ((await switchTime(journal)) ?? parties.clock.now()) : undefined;

  const [app, addOns, configVars] = await Promise.all([
    readApp(newSide.client, targetNames(environment.migrationId, config.application).app),
    readAddOns(oldSide.heroku, oldSide.app),
    readConfigVars(oldSide.heroku, oldSide.app),
  ]);
  maskConfigVars(configVars, edge);

  const { checks: functional, http } = await log.group('Function', () =>
    functionalChecks(parties, { moved, secrets, redact: (text) => edge.redact(text) }),
  );
  const live = (await copiedStrategy(journal)) === 'live';
  const announced = !live ? [] : moved ? ASIDE_ON_HEROKU : SUSPENDED_WHILE_LIVE;
  const parities = await log.group('Compare both sides', () => compareBoth(quietly(parties), announced));
  const configuration = inspectConfiguration(edge, parties, { app, configVars, addOns, moved });
  const checks = [
    ...functional,
    ...(await log.group('Data', () => inspectData(parties, parities, moved))),
    ...(await log.group('Jobs', () => jobChecks(parties, app, switchedAt))),
    ...configuration.checks,
    ...(await log.group('Third parties', () =>
      thirdPartyChecks(parties, {
        configVars,
        addOns,
        expected: configuration.expected,
        workspace: edge.environment.workspace,
        switchedAt,
      }),
    )),
    ...(await log.group('Security', () =>
      securityChecks(parties, outside, { runId: edge.environment.runId, moved }),
    )),
    // Before the switch: afterwards the old side is no measure of what the new one bears.
    ...(moved ? [] : await checkCapacity(edge, parties)),
    ...(await inspectCost(parties, addOns, moved)),
  ].map((check) => presentable(check, edge));
  for (const { id, state, found } of checks) log.info(`${id}: ${state} – ${found}`);
  return {
    state: moved ? 'moved' : 'practice',
    checks,
    variables: configuration.variables,
    http,
    figures: parityFigures(parities),
    explained: movedOn(parities).slice(0, 50),
    failures: [
      ...wrongSides(fence, writes),
      ...http.filter(({ passed }) => !passed).map(({ url, found }) => `${url}: ${found}`),
      ...failedLines(checks),
      ...(moved ? await lateJobs(parties) : []),
    ],
  };
}

/** When the new side was opened; undefined when the journal does not know. */
async function switchTime(journal: Journal): Promise<Date | undefined> {
  const opened = (await journal.steps('cutover')).findLast(({ name }) => name === 'open-new-side');
  return opened?.finishedAt ?? opened?.begunAt;
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
