import { accountEmail } from '../../src/digitalocean/alert-policy.ts';
import {
  ensureClusterAlerts,
  findClusterAlerts,
  missingClusterAlerts,
} from '../../src/digitalocean/cluster-alert.ts';
import { ensureClusterConfig, isSetByApi } from '../../src/digitalocean/cluster-config.ts';
import { setMaintenanceWindow } from '../../src/digitalocean/cluster.ts';
import { ensurePool, findPool, poolIs, type WantedPool } from '../../src/digitalocean/connection-pool.ts';
import { nightHour, timeZoneOf } from '../../src/digitalocean/region.ts';
import { JOURNAL_DATABASE } from '../../src/migration/journal.ts';
import { defineStep, type Step } from '../../src/migration/saga.ts';
import type { Target } from '../../src/migration/target.ts';
import { withConnection } from '../../src/postgres/connect.ts';
import { quoteIdentifier } from '../../src/postgres/names.ts';
import { applySettings, type SettingFate } from '../../src/postgres/settings.ts';
import { missingPreparation, prepareExtensions, refuseMissingExtensions } from '../../src/postgres/target.ts';
import type { Provisioning } from './provision.ts';
import type { SourceDatabase } from './source-database.ts';
import type { ProvisionReport } from './summary.ts';

/** Sunday night where the people of the datacentre are: when the Redis droplet looks after itself, too. */
function maintenanceWindow({ plan }: Provisioning): { day: string; hour: string } {
  const hour = String(nightHour(timeZoneOf(plan.datacentre))).padStart(2, '0');
  return { day: 'sunday', hour: `${hour}:00` };
}

/** What makes the empty database ready for the copy and the application. */
export function postgresSteps(p: Provisioning, target: Target, source: SourceDatabase): Step[] {
  return [
    grantStep(p, target),
    extensionsStep(p, target, source),
    ...poolSteps(p, target),
    maintenanceStep(p, target),
    ...(p.subject.environment.throwAway === undefined ? [alertsStep(p, target)] : []),
  ];
}

function sessionOf({ edge }: Provisioning): {
  applicationName: string;
  log: Provisioning['edge']['log'];
  signal: AbortSignal;
} {
  return { applicationName: 'h2d provision', log: edge.log, signal: edge.signal };
}

/** Since PostgreSQL 15 an ordinary user may create nothing in `public`; only doadmin can grant it. */
function grantStep(p: Provisioning, target: Target): Step {
  const { user: name, database } = target.owner;
  const user = quoteIdentifier(name);
  const granted = (): Promise<boolean> =>
    withConnection(target.loader, sessionOf(p), async (client) => {
      const { rows } = await client.query<{ granted: boolean }>(
        `SELECT has_database_privilege($1, current_database(), 'CREATE')
            AND has_schema_privilege($1, 'public', 'CREATE')
            AND NOT has_database_privilege($1, $2, 'CONNECT') AS granted`,
        [name, JOURNAL_DATABASE],
      );
      return rows[0]?.granted === true;
    });
  return defineStep({
    name: 'grant-application-user',
    settle: async () => ((await granted()) ? { done: { user: name } } : 'not-done'),
    act: () =>
      withConnection(target.loader, sessionOf(p), async (client) => {
        await client.query(
          `GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${quoteIdentifier(database)} TO ${user}`,
        );
        await client.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${user}`);
        // By default everybody may connect everywhere; the journal is none of the application's business.
        await client.query(`REVOKE CONNECT ON DATABASE ${quoteIdentifier(JOURNAL_DATABASE)} FROM PUBLIC`);
        return { user: name };
      }),
  });
}

/** Where the source has them, `heroku_ext` included; the copy finds them there and adds only what is new since. */
function extensionsStep(p: Provisioning, target: Target, { facts }: SourceDatabase): Step {
  return defineStep({
    name: 'extensions',
    settle: async () => {
      const missing = await withConnection(target.loader, sessionOf(p), (client) =>
        missingPreparation(client, facts, target.owner),
      );
      return missing.length === 0 ? 'done' : 'not-done';
    },
    act: () =>
      withConnection(target.loader, sessionOf(p), async (client) => {
        await refuseMissingExtensions(client, facts);
        const made = await prepareExtensions(client, facts, target.owner, p.edge.log);
        for (const what of made) p.edge.log.info(`Made in ${target.owner.database}: ${what}`);
        return { made };
      }),
  });
}

/** The pool that the plan asks for; undefined when it asks for none. */
export function plannedPool({ plan, names }: Provisioning): WantedPool | undefined {
  const { pool } = plan.cluster;
  if (pool === null) return undefined;
  return { ...pool, name: names.pool, database: names.database, user: names.databaseUser };
}

function poolSteps(p: Provisioning, target: Target): Step[] {
  const wanted = plannedPool(p);
  if (wanted === undefined) return [];
  return [
    defineStep({
      name: 'connection-pool',
      settle: async () => {
        const found = await findPool(p.client, target.clusterId, wanted.name);
        return found !== undefined && poolIs(found, wanted) ? 'done' : 'not-done';
      },
      act: async () => {
        const change = await ensurePool(p.client, target.clusterId, wanted);
        p.edge.log.info(
          `Connection pool ${wanted.name}: ${change}, ${wanted.size} connections, ${wanted.mode} mode`,
        );
        if (wanted.mode === 'transaction')
          p.edge.log.warning(
            'In transaction mode prepared statements, session settings, advisory locks and LISTEN do not last: turn prepared ' +
              'statements off in the application and run migrations with DATABASE_DIRECT_URL.',
          );
        return { change };
      },
    }),
  ];
}

/** Once, for a cluster that is new: whatever is set by hand afterwards stays. */
function maintenanceStep(p: Provisioning, target: Target): Step {
  return defineStep({
    name: 'maintenance-window',
    act: async () => {
      const window = maintenanceWindow(p);
      await setMaintenanceWindow(p.client, target.clusterId, window);
      p.edge.log.info(
        `DigitalOcean's own updates of the cluster: ${window.day} at ${window.hour} UTC (plan the cutover for another hour)`,
      );
      return window;
    },
  });
}

/** E-mail to the account's address when disk, memory or CPU run out. */
function alertsStep({ client, names, edge }: Provisioning, { clusterId }: Target): Step {
  const cluster = { id: clusterId, name: names.cluster };
  return defineStep({
    name: 'postgres-alerts',
    settle: async () =>
      missingClusterAlerts(await findClusterAlerts(client, cluster)).length === 0 ? 'done' : 'not-done',
    act: async () => {
      const email = await accountEmail(client);
      if (email === undefined) {
        edge.log.warning(
          'Nobody is told when the disk of the cluster is full: the DigitalOcean account has no verified e-mail address. ' +
            'Verify one, and run this again.',
        );
        return { created: 0 };
      }
      const created = await ensureClusterAlerts(client, cluster, email);
      edge.log.info(`Alerts on disk, memory and CPU of ${names.cluster} go to ${email}.`);
      return { created };
    },
  });
}

/**
 * Gives the new database the settings with which the application's sessions start on Heroku; what only a superuser may
 * set goes through DigitalOcean's API, for the whole cluster. Returns what became of each, and whether something was set.
 */
export async function carrySettings(
  p: Provisioning,
  target: Target,
  source: SourceDatabase,
): Promise<{ changed: boolean; fates: SettingFate[] }> {
  const fates = await applySettings(target.loader, target.owner, source.facts, {
    ...sessionOf(p),
    tell: (fate) => !(fate.fate === 'refused' && isSetByApi(fate.name)),
  });
  const refused = fates.filter(({ name, fate }) => fate === 'refused' && isSetByApi(name));
  const values = new Map(
    refused.flatMap(({ name }): [string, string][] => {
      const value = source.startValues.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const set = await ensureClusterConfig(p.client, target.clusterId, values);
  for (const name of set) p.edge.log.info(`Setting of the whole cluster: ${name}`);
  const final = fates.map((one): SettingFate => {
    if (!values.has(one.name)) return one;
    const why = 'on the whole cluster, by DigitalOcean’s API: PostgreSQL lets only a superuser set it';
    return { name: one.name, fate: set.includes(one.name) ? 'set' : 'kept', why };
  });
  return { changed: final.some(({ fate }) => fate === 'set'), fates: final };
}

/** Extensions and settings for the summary: names only. */
export function databaseNotes(
  { facts }: SourceDatabase,
  fates: readonly SettingFate[],
): ProvisionReport['notes'] {
  const becomes = { kept: 'as on Heroku', set: 'as on Heroku', left: 'left out', refused: 'cannot be set' };
  return [
    {
      title: 'Extensions',
      rows: facts.extensions.map(({ name, version, schema }) => [
        name,
        `in the schema ${schema}`,
        `${version} on Heroku`,
      ]),
    },
    {
      title: 'Settings of the database',
      rows: fates.map(({ name, fate, why }) => [name, becomes[fate], why]),
    },
  ];
}
