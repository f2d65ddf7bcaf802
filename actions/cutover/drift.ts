import { z } from 'zod';

import { readConfigVars } from '../../src/heroku/config-vars.ts';
import { readFormation } from '../../src/heroku/formation.ts';
import type { ReleasedSince } from '../../src/heroku/released-since.ts';
import { releasedSince } from '../../src/heroku/released-since.ts';
import type { MigrationRecord } from '../../src/migration/record.ts';
import type { Parties } from '../parties.ts';
import type { Finding } from './findings.ts';
import { schemaFindings } from './schema-drift.ts';

const planned = z.object({
  planDigest: z.string(),
  inventory: z.object({
    formation: z.array(z.object({ type: z.string(), quantity: z.number(), size: z.string() })),
    configVars: z.array(z.object({ name: z.string() })).nullable(),
  }),
});

/** The app as the plan that was approved saw it, and when; `undefined` without a plan in the record. */
function plannedApp(
  record: MigrationRecord,
): (z.infer<typeof planned>['inventory'] & { at: Date }) | undefined {
  for (const { phase, at, data } of record.sections.toReversed()) {
    const parsed = phase === 'assess' ? planned.safeParse(data) : undefined;
    if (parsed?.success) return { ...parsed.data.inventory, at: new Date(at) };
  }
  return undefined;
}

const PLAN_AGAIN =
  'The new side was made from what it was before: run migrate.yml again from assess on, and have the new plan approved.';

type OldApp = Pick<Parties, 'subject' | 'oldSide'>;

/**
 * Whether the app on Heroku is still what the plan saw, and with it the approver: the code that runs, the config vars, the
 * formation, and the schema that was copied. Only before a cutover begins: what it stops itself is no drift.
 */
export async function driftFindings(parties: OldApp & Pick<Parties, 'signal'>): Promise<Finding[]> {
  const { subject, oldSide } = parties;
  const { heroku, app } = oldSide;
  const plan = plannedApp(subject.record);
  if (plan === undefined) {
    return [
      { what: 'changes since the plan', found: 'the record holds no plan', remedy: 'Run assess first.' },
    ];
  }
  const [since, formation, configVars, schema] = await Promise.all([
    releasedSince(heroku, app, plan.at),
    readFormation(heroku, app),
    readConfigVars(heroku, app),
    schemaFindings(parties),
  ]);
  return [
    codeFinding(since),
    formationFinding(plan, formation),
    configFinding(plan, configVars, since),
    ...schema,
  ];
}

/**
 * Throws when the code of the app that was parked is not the plan's: somebody deployed between the first look and the
 * parking. A record without a plan passes here, as the gate let none begin.
 */
export async function refuseNewCode({ subject, oldSide: { heroku, app } }: OldApp): Promise<void> {
  const plan = plannedApp(subject.record);
  if (plan === undefined) return;
  const since = await releasedSince(heroku, app, plan.at);
  const { remedy, found } = codeFinding(since);
  if (remedy !== undefined) throw new Error(`The code of ${app} is not the plan's: ${found}. ${remedy}`);
}

/**
 * Throws when a parked app is to run dynos: somebody, or an autoscaler, has scaled it meanwhile. The forwarder's web dynos
 * may be as many as they like: there is no code of the application in them.
 */
export async function refuseScaled({ subject, oldSide: { heroku, app } }: OldApp): Promise<void> {
  const mayRun = subject.config.traffic === 'front-door' ? 'web' : undefined;
  const running = (await readFormation(heroku, app)).filter(
    ({ type, quantity }) => quantity > 0 && type !== mayRun,
  );
  if (running.length === 0) return;
  throw new Error(
    `Somebody scaled ${app} on Heroku during the cutover (${sizesOf(running)}). Turn autoscalers off, and run this again.`,
  );
}

function codeFinding({ running, deployed }: ReleasedSince): Finding {
  const what = 'code since the plan';
  if (deployed === false) return { what, found: `unchanged (${running})` };
  return {
    what,
    found:
      deployed === true
        ? `${running} was deployed since`
        : 'not known: the releases do not reach back so far',
    remedy: PLAN_AGAIN,
  };
}

type Processes = readonly { type: string; quantity: number; size: string }[];

function formationFinding({ formation: then }: { formation: Processes }, now: Processes): Finding {
  const what = 'formation since the plan';
  const [was, is] = [sizesOf(then), sizesOf(now)];
  if (was === is) return { what, found: `unchanged (${is || 'nothing runs'})` };
  return {
    what,
    found: `${was || 'nothing'} has become ${is || 'nothing'}`,
    remedy: `Scale it back (\`heroku ps:scale\`), or: ${PLAN_AGAIN}`,
  };
}

function sizesOf(formation: Processes): string {
  return formation
    .filter(({ quantity }) => quantity > 0)
    .map(({ type, quantity, size }) => `${type}=${quantity}:${size}`)
    .sort()
    .join(' ');
}

function configFinding(
  { configVars }: { configVars: { name: string }[] | null },
  now: Record<string, string>,
  { configured }: ReleasedSince,
): Finding {
  const what = 'config vars since the plan';
  if (configVars === null) {
    return { what, found: 'the plan could not read them', remedy: 'Run assess with a token that may.' };
  }
  const then = new Set(configVars.map(({ name }) => name));
  const changes = [
    ...Object.keys(now)
      .filter((name) => !then.has(name))
      .map((name) => `${name} came`),
    ...[...then].filter((name) => !Object.hasOwn(now, name)).map((name) => `${name} went`),
  ].sort();
  const found = [...changes, ...configured];
  if (found.length === 0) return { what, found: 'unchanged' };
  return { what, found: found.join(', '), remedy: PLAN_AGAIN };
}
