import { failedLines } from '../../src/checks/result.ts';
import { readApp } from '../../src/digitalocean/app.ts';
import type { Edge } from '../../src/github/run.ts';
import { readAddOns } from '../../src/heroku/add-ons.ts';
import { readConfigVars } from '../../src/heroku/config-vars.ts';
import { targetNames } from '../../src/migration/names.ts';
import { maskConfigVars } from '../../src/migration/source.ts';
import { writesAre } from '../../src/postgres/rights.ts';
import { keepEvidence } from '../evidence-page.ts';
import type { Parties } from '../parties.ts';
import { gatherParties } from '../parties.ts';
import type { Subject } from '../subject.ts';
import { recordPhase } from '../subject.ts';
import { readCheckSecrets } from './check-secrets.ts';
import { inspectConfiguration, type Configuration } from './configuration.ts';
import { functionalChecks } from './function.ts';
import { jobChecks } from './jobs.ts';
import { presentable } from './presentable.ts';
import { compareSummary } from './summary.ts';

/**
 * `command: compare`: the last look before the cutover, while both sides answer. What is declared is asked of the new
 * side, and both sides are asked for the same; config vars and schedules are accounted for. No row is compared: the copy
 * has proven that, and the fence proves it again. Changes nothing; once the new side serves there is nothing to compare.
 */
export async function compare(edge: Edge, subject: Subject): Promise<void> {
  const secrets = readCheckSecrets(edge);
  const { parties, journal } = await gatherParties(edge, subject);
  const seen = await look(edge, parties, secrets).finally(() => journal.close());
  if (seen === undefined) {
    const why = 'DigitalOcean serves: the old side answers nobody any more.';
    edge.log.info(why);
    await recordPhase(edge, subject, 'verify', {
      ...{ command: 'compare', outcome: 'nothing-to-do', changed: false },
      ...{ why, checks: [] },
    });
    return;
  }
  const { checks, variables } = seen;
  for (const { id, state, found } of checks) edge.log.info(`${id}: ${state} – ${found}`);
  const failed = failedLines(checks);
  await recordPhase(edge, subject, 'verify', {
    command: 'compare',
    outcome: failed.length === 0 ? 'verified' : 'failed',
    changed: false,
    checks,
    variables,
  });
  await keepEvidence(edge, subject);
  await edge.summary(compareSummary(checks));
  if (failed.length > 0)
    throw new Error(
      ['The new side is not ready for the cutover:', ...failed.slice(0, 20).map((line) => `  ${line}`)].join(
        '\n',
      ),
    );
}

async function look(
  edge: Edge,
  parties: Parties,
  secrets: Record<string, string>,
): Promise<Pick<Configuration, 'checks' | 'variables'> | undefined> {
  const { subject, oldSide, newSide, log } = parties;
  if ((await writesAre(newSide.owner)) === 'open') return undefined;
  const names = targetNames(subject.environment.migrationId, subject.config.application);
  const [app, addOns, configVars] = await Promise.all([
    readApp(newSide.client, names.app),
    readAddOns(oldSide.heroku, oldSide.app),
    readConfigVars(oldSide.heroku, oldSide.app),
  ]);
  maskConfigVars(configVars, edge);
  const { checks: functional } = await log.group('Function', () =>
    functionalChecks(parties, { moved: false, secrets, redact: (text) => edge.redact(text) }),
  );
  const configuration = inspectConfiguration(edge, parties, { app, configVars, addOns, moved: false });
  const jobs = await log.group('Jobs', () => jobChecks(parties, app, undefined));
  return {
    checks: [...functional, ...jobs, ...configuration.checks].map((check) => presentable(check, edge)),
    variables: configuration.variables,
  };
}
