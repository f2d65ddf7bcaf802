import type { DigitalOcean } from '../../src/digitalocean/client.ts';
import type { Vpc } from '../../src/digitalocean/vpc.ts';
import type { Log } from '../../src/log.ts';
import type { TargetNames } from '../../src/migration/names.ts';
import type { LivePrices } from './prices.ts';
import type { Provisioning } from './provision.ts';

/**
 * What happens to a thing, or would in a dry run:
 * `create` it is not there · `change` it is ours and is brought to the plan · `keep` it is as planned ·
 * `drift` it differs from the plan and is not changed by us; `detail` says how, and what to do.
 */
export type Change = 'create' | 'change' | 'keep' | 'drift';

/** One line of the table: a thing that exists on DigitalOcean, or would. */
export interface Resource {
  /** `VPC`, `Postgres cluster`, `Database`, `Redis droplet`, `Firewall`, `App` … */
  kind: string;
  name: string;
  change: Change;
  /** What it is (`PostgreSQL 17, db-s-1vcpu-2gb`); for `change` from what to what; for `drift` see there. */
  detail: string;
  /**
   * What it costs today by DigitalOcean's live price list, in US dollars; 0 for what is free, null for what is part of
   * another line or whose price nobody knows.
   */
  usdPerMonth: number | null;
}

/** Whether something is, or was, to be done about it. */
export function isToDo({ change }: Pick<Resource, 'change'>): boolean {
  return change === 'create' || change === 'change';
}

/** Tells the diff before anything is done about it: one line each, drift as a warning, then what all of it costs. */
export function tellPlan(log: Log, resources: readonly Resource[]): void {
  for (const { change, kind, name, detail, usdPerMonth } of resources) {
    const price = usdPerMonth === null ? '' : `, ${usdPerMonth.toFixed(2)} USD a month`;
    const line = `${kind} ${name}: ${change} (${detail}${price})`;
    if (change === 'drift') log.warning(line);
    else log.info(line);
  }
  log.info(`All of these: ${totalOf(resources).toFixed(2)} USD a month`);
}

/** US dollars a month of everything that has a price. */
export function totalOf(resources: readonly { usdPerMonth: number | null }[]): number {
  const cents = resources.reduce((sum, { usdPerMonth }) => sum + Math.round((usdPerMonth ?? 0) * 100), 0);
  return cents / 100;
}

/** One thing that carries the mark of this migration and of no other. */
export interface Owned {
  kind: string;
  name: string;
  /** DigitalOcean's identifier: what is removed is this and nothing that merely has the name. */
  id: string;
  /** Where the mark was read: `tag heroku-to-digitalocean:shop-staging`, `variable H2D_MIGRATION`. */
  mark: string;
  /** What stops costing when it is gone; as in `Resource`. */
  usdPerMonth: number | null;
  /** What the reader should know before it goes, or becomes of it instead. */
  note?: string;
  /** Removes it. One that has gone meanwhile (404) is a success; the caller waits until it is no longer listed. */
  destroy(): Promise<void>;
}

/**
 * What is needed to find what is ours. It holds no plan and no key: what is to be removed is known by its mark alone,
 * also when the record is lost.
 */
export interface Ownership {
  client: DigitalOcean;
  names: TargetNames;
  prices: LivePrices;
}

/**
 * The diff of one half (`plannedPostgres`, `plannedRedis`): intended against actual, asking with GET only.
 *
 * @param vpc the private network; `undefined` while it is not there.
 */
export type PlannedResources = (p: Provisioning, vpc: Vpc | undefined) => Promise<Resource[]>;

/**
 * What one half (`ownedPostgres`, `ownedRedis`) finds by its exact tag or mark, never by its name alone, in the order in
 * which it is to be removed.
 */
export type OwnedResources = (ownership: Ownership) => Promise<Owned[]>;
