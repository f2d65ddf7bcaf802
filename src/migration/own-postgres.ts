import type { HerokuInventory } from '../heroku/inventory.ts';
import { blocked, type Item } from './item.ts';
import type { Plan } from './plan.ts';

/** Whether the app has a Postgres; `not-known`: nothing that could be read names one, and not all could be read. */
export type OwnPostgres = 'there' | 'none' | 'not-known';

/** Where provision makes things: a plan that is not blocked has a cluster. */
export type PlannedCluster = NonNullable<Plan['cluster']>;
export type PlanWithCluster = Plan & { cluster: PlannedCluster };

/** A database at another maker's counts, too: DATABASE_URL leads to it. */
export function ownPostgresOf(
  { addOns, attachments, configVars, unknown }: HerokuInventory,
  database: object | undefined,
): OwnPostgres {
  if (
    database !== undefined ||
    addOns.some(({ service }) => service === 'heroku-postgresql') ||
    attachments.some(({ name }) => name === 'DATABASE') ||
    configVars?.some(({ name }) => name === 'DATABASE_URL') === true
  )
    return 'there';
  const unread = ['add-ons', 'attachments'];
  return configVars === null || unknown.some(({ what }) => unread.includes(what)) ? 'not-known' : 'none';
}

/** Nothing is wrong with such an app; it is this version that cannot move it. */
export function withoutPostgresItem(): Item {
  return blocked({
    id: 'postgres/none',
    area: 'postgres',
    what: 'the app has no Postgres, and this version cannot move it',
    why: 'no add-on, no attachment and no config var DATABASE_URL leads to one; the journal by which a run that died is continued is kept in the new cluster, and no cluster is made for it alone',
    remedy:
      'Deploy it on App Platform by hand. Or attach the smallest Heroku Postgres (`heroku addons:create heroku-postgresql:essential-0`) and run assess again: then a cluster is made, at the price that the plan shows.',
  });
}
