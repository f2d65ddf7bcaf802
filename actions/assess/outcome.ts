import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { HerokuInventory } from '../../src/heroku/inventory.ts';
import { savingPercent } from '../../src/migration/cost.ts';
import { blockersIn, undecidedIn, worthKnowingIn } from '../../src/migration/item.ts';
import type { Plan } from '../../src/migration/plan.ts';
import type { Assessment } from './assessment.ts';
import { totalCosts, type OtherApps } from './other-apps.ts';

export const failChoices = ['blocked', 'decisions', 'never'] as const;
export type FailOn = (typeof failChoices)[number];

/**
 * GitHub shows ten annotations of a level for each step, and the failure of the job is one of them. The last of ours then
 * says how many there are.
 */
const MOST_ANNOTATIONS = 9;

/** Blockers and open decisions as annotations, everything else that a reviewer may look for in the log. */
export function tell(
  edge: Edge,
  { plan, digest, proposed }: Assessment,
  others: OtherApps | undefined,
): void {
  const blockers = blockersIn(plan.items);
  // A first run does not fail for them.
  const level = proposed ? 'warning' : 'error';
  const shown = blockers.length > MOST_ANNOTATIONS ? blockers.slice(0, MOST_ANNOTATIONS - 1) : blockers;
  for (const { what, why, remedy } of shown)
    edge.annotate(level, `Blocked: ${what}`, `${why}. ${remedy ?? ''}`);
  if (shown.length < blockers.length) {
    edge.annotate(level, 'Blocked', `${blockers.length - shown.length} more: see the summary.`);
  }
  const open = undecidedIn(plan.items);
  for (const { id, question, options } of open) {
    edge.log.info(`Decide ${id}: ${question ?? ''} (${options.join(', ')})`);
  }
  if (open.length > 0) {
    edge.annotate(
      'notice',
      `${open.length === 1 ? 'One decision' : `${open.length} decisions`} needed`,
      `Answer under \`decisions\` in migration.yml${proposed ? ', once there is one' : ''}: ${open.map(({ id }) => id).join(', ')}`,
    );
  }
  const elsewhere = others?.assessments.filter((one) => one.plan.verdict === 'blocked') ?? [];
  if (elsewhere.length > 0) {
    edge.annotate(
      'notice',
      'Blocked elsewhere',
      elsewhere.map(({ inventory }) => inventory.app.name).join(', '),
    );
  }
  for (const { what, why } of worthKnowingIn(plan.items)) edge.log.info(`Note: ${what} (${why})`);
  for (const line of plan.strategyChoice.arithmetic) edge.log.info(line);
  edge.log.info(`Strategy ${plan.strategy}: ${plan.strategyChoice.why}`);
  edge.log.info(`Plan digest: ${digest}`);
}

/** Verdict, counts and digest are those of the app that was asked for; costs are those of all apps that were assessed. */
export function setOutputs(edge: Edge, own: Assessment, others: OtherApps | undefined): void {
  const { items, strategy, strategyChoice, verdict } = own.plan;
  const { before, after } = totalCosts(own, others);
  const open = undecidedIn(items).length;
  const blockers = blockersIn(items).length;
  const expected = strategyChoice.forecasts?.[strategy];
  edge.setOutput('moved', false);
  edge.setOutput('verdict', verdict);
  edge.setOutput('items-automatic', items.length - open - blockers);
  edge.setOutput('items-decide', open);
  edge.setOutput('items-blocked', blockers);
  edge.setOutput('plan-digest', own.digest);
  edge.setOutput('commit', commitOf(own.inventory));
  edge.setOutput('image-build', own.config.image === undefined ? 'workflow' : 'app-platform');
  edge.setOutput('strategy', strategy);
  const runners = own.config.postgres.runners ?? 1;
  edge.setOutput('runners', runners);
  edge.setOutput('other-shards', JSON.stringify(otherShards(runners)));
  edge.setOutput('blockers', blockers);
  edge.setOutput('warnings', worthKnowingIn(items).length + open);
  edge.setOutput('cost-before', before.usdPerMonth);
  edge.setOutput('cost-after', after.usdPerMonth);
  edge.setOutput('saving-percent', savingPercent(before, after) ?? '');
  edge.setOutput('downtime-expected-ms', expected?.expected ?? '');
  edge.setOutput('downtime-at-most-ms', expected?.high ?? '');
}

/** What the other runners of a shared copy are told: `2/3` and `3/3` of three. */
function otherShards(runners: number): string[] {
  return Array.from({ length: runners - 1 }, (_, index) => `${index + 2}/${runners}`);
}

/** Of a deployment from git; one of an archive has whatever version its sender gave it. */
export function commitOf({ slugCommit }: HerokuInventory): string {
  return slugCommit !== null && /^[0-9a-f]{40}$/u.test(slugCommit) ? slugCommit : '';
}

/** Fails the job as `fail-on` wants. A first run has nothing to answer in yet: it reports, and does not fail. */
export function failWhen(failOn: FailOn, { plan, proposed }: Pick<Assessment, 'plan' | 'proposed'>): void {
  if (failOn === 'never' || proposed) return;
  refuseBlocked(plan);
  if (failOn === 'decisions') refuseUndecided(plan);
}

function refuseBlocked({ herokuApp, items }: Plan): void {
  const blockers = blockersIn(items);
  if (blockers.length === 0) return;
  throw new ConfigurationError(
    [
      `${herokuApp} cannot move yet. Nothing was changed.`,
      ...blockers.map(({ what, why, remedy }) => `- ${what}: ${why}. ${remedy ?? ''}`),
    ].join('\n'),
  );
}

function refuseUndecided({ herokuApp, items }: Plan): void {
  const open = undecidedIn(items);
  if (open.length === 0) return;
  throw new ConfigurationError(
    [
      `${herokuApp} waits for decisions, and the input fail-on is "decisions". Nothing was changed.`,
      ...open.map(
        ({ id, question, options }) => `- ${id}: ${question ?? ''} Options: ${options.join(', ')}.`,
      ),
      'Answer them under `decisions` in migration.yml.',
    ].join('\n'),
  );
}
