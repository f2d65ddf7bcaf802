import { z } from 'zod';

import { describeDomain, newestDeployment, readApp, type App } from '../../src/digitalocean/app.ts';
import type { DigitalOcean } from '../../src/digitalocean/client.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { hasPreboot } from '../../src/heroku/features.ts';
import { readMaintenance, setMaintenance } from '../../src/heroku/maintenance.ts';
import { otherUsersOf } from '../../src/heroku/other-users.ts';
import { currentRelease, isParked } from '../../src/heroku/release.ts';
import type { StepRow } from '../../src/migration/journal.ts';
import { itemSchema, undecidedIn } from '../../src/migration/item.ts';
import type { Json } from '../../src/migration/json.ts';
import { targetNames } from '../../src/migration/names.ts';
import { latestSection } from '../../src/migration/record.ts';
import type { Strategy } from '../../src/migration/strategy.ts';
import { CaptureBroken } from '../../src/postgres/capture.ts';
import { readLag } from '../../src/postgres/live.ts';
import { writesAre } from '../../src/postgres/rights.ts';
import { redisIs } from '../../src/redis/rights.ts';
import { changeableNewApp } from '../changeable-app.ts';
import { checkHosts } from '../http-checks.ts';
import { captureLimits, describeLag, forward, lagProblem, liveOptions } from '../live.ts';
import type { Parties } from '../parties.ts';
import { recordedStrategy } from '../strategy.ts';
import { autoscalerFindings } from './autoscaler-findings.ts';
import { builtCommitFindings } from './built-commit-pre-flight.ts';
import { diskFinding } from './disk.ts';
import { dnsFindings } from './dns-pre-flight.ts';
import type { Finding } from './findings.ts';
import { refuseUnlessWell } from './findings.ts';
import { forecastOf } from './forecast.ts';
import { frontDoorReady } from './front-door-pre-flight.ts';

/**
 * Everything that can be known before anything is touched: the new side is deployed, healthy, certified, closed and large
 * enough, DNS can be written, both tokens may change the app, and the forecast fits the budget. Changes nothing. Throws
 * one ConfigurationError that lists all that is not. `beforeItBegins` is told with it: what only a cutover that has not begun
 * yet must meet. `lowered` is what the journal knows of `provision application`, which lowers the records' lifetime.
 */
export async function preFlight(
  parties: Parties,
  strategy: Strategy,
  beforeItBegins: readonly Finding[] = [],
  lowered: readonly StepRow[] = [],
): Promise<Json> {
  const found = (
    await Promise.all([
      slugApp(parties),
      changeableApp(parties),
      loneRedis(parties),
      listedDynos(parties),
      closedTarget(parties),
      diskFinding(parties),
      deployedApp(parties),
      changeableNewApp(parties, 'remedy'),
      builtCommitFindings(parties),
      dnsFindings(parties, lowered),
      fittingCopy(parties, strategy),
      fittingForecast(parties, strategy),
      decidedPlan(parties),
      frontDoorReady(parties),
      autoscalerFindings(parties),
    ])
  ).flat();
  return refuseUnlessWell([...beforeItBegins, ...found], parties.log);
}

async function slugApp({ oldSide: { heroku, app } }: Parties): Promise<Finding> {
  const what = 'Heroku app runs a slug';
  const release = await currentRelease(heroku, app);
  if (await isParked(heroku, app)) return { what, found: 'parked by this cutover' };
  if (release?.slug) return { what, found: `release v${release.version}` };
  return {
    what,
    found: 'no slug (a container image, or never deployed)',
    remedy: 'This version cannot park such an app, so its Scheduler could still write. Not supported yet.',
  };
}

/**
 * Whether the token may change the app: asked by setting maintenance mode to what it is. A token that may only read
 * would be noticed at the first step that it cannot undo either, with the workers quiet.
 */
export async function changeableApp({
  oldSide: { heroku, app },
}: Pick<Parties, 'oldSide'>): Promise<Finding> {
  const what = 'Heroku token may change the app';
  try {
    await setMaintenance(heroku, app, await readMaintenance(heroku, app));
    return { what, found: 'yes' };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { what, found: 'no', remedy: error.message };
  }
}

/** Postgres is fenced against everybody; Redis has no such lock, and what another app writes after the switch would be lost. */
async function loneRedis({ oldSide: { heroku, app, redis } }: Parties): Promise<Finding[]> {
  if (redis === undefined) return [];
  const what = 'nobody else writes to the old Redis';
  const others = await otherUsersOf(heroku, app, 'REDIS');
  if (others.length === 0) return [{ what, found: 'attached to this app only' }];
  return [
    {
      what,
      found: `attached to ${others.join(', ')}, too`,
      remedy: `Detach it there (\`heroku addons:detach REDIS -a <app>\`) or stop those apps and detach it.`,
    },
  ];
}

/** The wait for the last dyno looks at Heroku's list, and with preboot old dynos serve on for minutes without being in it. */
async function listedDynos({ oldSide: { heroku, app } }: Parties): Promise<Finding> {
  return {
    what: 'every dyno of the old app is listed',
    found: (await hasPreboot(heroku, app)) ? 'preboot is on: the cutover turns it off' : 'no preboot',
  };
}

async function closedTarget({ newSide }: Parties): Promise<Finding[]> {
  const remedy = 'Run migrate-db again: the copy leaves it closed.';
  const findings: Finding[] = [];
  const postgres = await writesAre(newSide.owner);
  findings.push({
    what: 'new Postgres is closed by rights',
    found: postgres,
    ...(postgres === 'closed' ? {} : { remedy }),
  });
  if (newSide.redis !== undefined) {
    const redis = await redisIs(newSide.redis.admin, newSide.redis.appUser);
    findings.push({
      what: 'new Redis is closed by rights',
      found: redis,
      ...(redis === 'closed' ? {} : { remedy }),
    });
  }
  return findings;
}

/**
 * A later deployment than the one that serves: none may be under way in the window, and one that failed often stands for
 * a migration that is pending and could not write to the closed database.
 */
async function newestIsActive(client: DigitalOcean, app: App): Promise<Finding> {
  const what = 'no deployment of the new app is pending or failed';
  const newest = await newestDeployment(client, app);
  if (newest === undefined || newest.id === app.active_deployment?.id) return { what, found: 'none' };
  return {
    what,
    found: `the newest is ${newest.phase}`,
    remedy:
      'Wait until it has ended. If it failed, its log says why: a migration that is pending cannot run on the closed side, so run it on Heroku first; then run provision with `stage: application`.',
  };
}

async function deployedApp({ subject, newSide, clock }: Parties): Promise<Finding[]> {
  const remedy = 'Run provision with `stage: application` and look at its summary.';
  const { app: name } = targetNames(subject.environment.migrationId, subject.config.application);
  const app = await readApp(newSide.client, name);
  const phase = app?.active_deployment?.phase ?? 'never deployed';
  const findings: Finding[] = [
    { what: 'new app is deployed', found: phase, ...(phase === 'ACTIVE' ? {} : { remedy }) },
    ...(app === undefined ? [] : [await newestIsActive(newSide.client, app)]),
  ];
  if (app?.ingressHost !== undefined) {
    for (const { url, passed, found } of await checkHosts([app.ingressHost], subject.config.checks)) {
      findings.push({ what: `warm: ${url}`, found, ...(passed ? {} : { remedy }) });
    }
  }
  // Behind a CDN the app serves its own name only.
  const own = subject.config.traffic === 'cdn' ? [] : subject.environment.domains;
  // The front door leads visitors of a name without a certificate through Heroku until it has one.
  const canWait = subject.config.traffic === 'front-door';
  for (const domain of own) {
    const state = app?.domains?.find(({ spec }) => spec?.domain === domain);
    const expires = state?.certificate_expires_at ?? null;
    const expired = expires !== null && Date.parse(expires) < clock.now().getTime();
    const ready = state?.phase === 'ACTIVE' && !expired;
    findings.push({
      what: `certificate of ${domain}`,
      found: ready
        ? `ready${expires === null ? '' : ` until ${expires.slice(0, 10)}`}`
        : `${state === undefined ? 'domain not in the app' : describeDomain(state)}${canWait ? ': its visitors come through Heroku until it is ready' : ''}`,
      ...(ready || canWait
        ? {}
        : {
            remedy:
              'Without it visitors see TLS errors, reported to last 30 to 60 minutes. Run provision with `stage: application` again and wait.',
          }),
    });
  }
  return findings;
}

/**
 * What assess asked must be answered before production moves; elsewhere an open question is told, and its default
 * happens. Questions about the repository are answered by the image that staging has proved. An earlier version's plan
 * has no questions; without a plan there is nothing approved either, which the gate refuses.
 */
export function decidedPlan({
  subject: { record, environment },
}: Pick<Parties, 'subject'>): Promise<Finding> {
  const what = 'decisions of the plan';
  const plan = latestSection(record, 'assess', z.object({ plan: z.object({ items: z.array(itemSchema) }) }));
  const open = undecidedIn(plan?.plan.items ?? []).filter(({ id }) => !id.startsWith('repository/'));
  if (open.length === 0) return Promise.resolve({ what, found: 'none is open' });
  const found = `${open.length} open (${open.map(({ id }) => id).join(', ')})`;
  return Promise.resolve({
    what,
    found: environment.protected ? found : `${found}: the defaults happen`,
    ...(environment.protected
      ? {
          remedy:
            'Answer them under `decisions` in migration.yml (the summary of assess shows what to write), run migrate.yml again and have the new plan approved.',
        }
      : {}),
  });
}

/** The copy must be of the strategy that was approved, and a live one must follow closely. */
async function fittingCopy(parties: Parties, strategy: Strategy): Promise<Finding[]> {
  const planned = recordedStrategy(parties.subject);
  const findings: Finding[] = [
    {
      what: 'strategy',
      found: strategy,
      ...(planned === undefined || planned === strategy
        ? {}
        : {
            remedy: `The plan says ${planned}, and the copy was made with ${strategy}: run migrate-db with \`command: copy\` again.`,
          }),
    },
  ];
  if (strategy === 'live') findings.push(await smallLag(parties));
  return findings;
}

async function smallLag(parties: Parties): Promise<Finding> {
  const what = 'lag of the new side';
  try {
    const lag = await readLag(forward(parties), liveOptions(parties));
    const problem = lagProblem(lag, captureLimits(parties));
    return { what, found: describeLag(lag), ...(problem === undefined ? {} : { remedy: CATCH_UP_FIRST }) };
  } catch (error) {
    if (error instanceof CaptureBroken)
      return { what, found: 'the capture is broken', remedy: `${error.message} ${COPY_AGAIN}` };
    if (!(error instanceof ConfigurationError)) throw error;
    return { what, found: 'not known', remedy: error.message };
  }
}

const COPY_AGAIN = 'Run migrate-db with `command: uninstall`, then with `command: copy`.';
const CATCH_UP_FIRST = 'Run migrate-db with `command: catch-up`, and again if it does not shrink.';

function fittingForecast({ subject }: Parties, strategy: Strategy): Promise<Finding> {
  const what = 'forecast of the downtime';
  const forecast = forecastOf(subject);
  if (forecast === undefined) {
    return Promise.resolve({ what, found: 'no copy in the record', remedy: 'Run migrate-db first.' });
  }
  const other = strategy === 'window' ? ', or write `strategy: live` or `auto`' : '';
  return Promise.resolve({
    what,
    found: forecast.verdict,
    ...(forecast.fits ? {} : { remedy: `Raise \`downtime-budget\` in migration.yml${other}.` }),
  });
}
