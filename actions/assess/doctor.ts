import { problemsIn, inOrder, type Check } from '../../src/doctor/check.ts';
import { digitalOceanChecks } from '../../src/doctor/digitalocean-checks.ts';
import { githubChecks } from '../../src/doctor/github-checks.ts';
import { herokuChecks } from '../../src/doctor/heroku-checks.ts';
import { keyCheck } from '../../src/doctor/key-check.ts';
import { nextStep } from '../../src/doctor/next-step.ts';
import { runnerChecks } from '../../src/doctor/runner-checks.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { placesOf } from './doctor-places.ts';
import {
  readDeclared,
  readDigitalOcean,
  readGitHub,
  readHeroku,
  readRunner,
  zoneAtDigitalOcean,
} from './doctor-reading.ts';
import { doctorSummary } from './doctor-summary.ts';
import { zoneChecks } from './doctor-zone.ts';
import { failChoices } from './outcome.ts';

/**
 * Instead of assessing: looks at every token, scope, limit, environment and secret that a migration needs, tells for each
 * what was seen and what mends it, what a rehearsal costs, and what to do next. It reads only, works with whatever tokens
 * there are, and takes nothing that it could not see for a yes.
 *
 * @throws ConfigurationError when something is missing for want of which a phase would refuse, after all was told;
 *   with `fail-on: never` it only tells
 */
export async function doctor(edge: Edge): Promise<void> {
  const failOn = edge.inputs.choice('fail-on', failChoices);
  const declared = await readDeclared(edge);
  const heroku = await edge.log.group('Heroku', () => readHeroku(edge, declared));
  const digitalOcean = await edge.log.group('DigitalOcean', () => readDigitalOcean(edge, declared));
  const zone = await edge.log.group('DNS', () => zoneChecks(edge, declared));
  const github = await edge.log.group('GitHub', () => readGitHub(edge, declared));
  const runner = await edge.log.group('This runner', () => readRunner(edge, heroku.databases));
  const { offers, cost, problems } = placesOf(declared, heroku.inventories, digitalOcean.catalogue);

  const checks = inOrder([
    ...declared.checks,
    ...herokuChecks(heroku.access),
    ...heroku.checks,
    keyCheck(edge.inputs.optionalSecret('migration-key')),
    ...digitalOceanChecks({ access: digitalOcean.access, zone: zoneAtDigitalOcean(declared.config), offers }),
    ...digitalOcean.checks,
    ...zone,
    ...problems,
    ...githubChecks(github),
    ...runnerChecks(runner),
  ]);
  const wanted = problemsIn(checks);
  const next = nextStep(checks);
  for (const check of checks) tell(edge, check);
  edge.log.info(`Next: ${next}`);

  edge.setOutput('outcome', wanted.length === 0 ? 'healthy' : 'problems');
  edge.setOutput('changed', false);
  await edge.summary(doctorSummary(checks, next, cost));
  if (wanted.length > 0 && failOn !== 'never') throw refusal(wanted, next);
}

function tell({ log }: Edge, { area, what, state, seen, mend, required }: Check): void {
  const line = `${area}, ${what}: ${state}${state === 'missing' && !required ? ', and can do without' : ''} (${seen})`;
  if (state === 'ok') log.info(line);
  else if (required) log.warning(`${line}. ${mend}`);
  else log.info(`${line}. ${mend}`);
}

function refusal(wanted: readonly Check[], next: string): ConfigurationError {
  return new ConfigurationError(
    [
      `${wanted.length === 1 ? 'One thing is' : `${wanted.length} things are`} missing for a migration. Nothing was changed.`,
      ...wanted.map(({ area, what, seen, mend }) => `- ${area}, ${what}: ${seen}. ${mend}`),
      `Next: ${next}`,
    ].join('\n'),
  );
}
