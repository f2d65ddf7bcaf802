import type { AppOptions } from './app.ts';
import { findNamed, otherPlan, type Plan } from './catalogue.ts';
import { born, newAddOn, type AddOn, type App, type Platform } from './platform.ts';
import { createRelease } from './release.ts';

const colours = [
  'AMBER',
  'AQUA',
  'BLUE',
  'BRONZE',
  'COPPER',
  'CRIMSON',
  'GRAY',
  'JADE',
  'OLIVE',
  'ROSE',
] as const;

/** The app's own add-ons, attached under the names that Heroku gives them, and those of other apps that it uses. */
export function attachAddOns(platform: Platform, app: App, options: AppOptions): void {
  if (options.postgres) {
    const addOn = provision(platform, app, `heroku-postgresql:${options.postgres.plan}`, 'postgresql');
    addOn.url = options.postgres.url;
    addOn.behind = behindOf(addOn, options.postgres);
    // The first database is attached as DATABASE and under a colour that stays its own.
    attach(platform, app, addOn, `HEROKU_POSTGRESQL_${platform.ids.pick(colours)}`);
    attach(platform, app, addOn, 'DATABASE');
  }
  if (options.redis) {
    const addOn = provision(platform, app, `heroku-redis:${options.redis.plan}`, 'redis');
    addOn.url = options.redis.url;
    if (options.redis.maxmemoryPolicy) addOn.settings['maxmemory_policy'] = options.redis.maxmemoryPolicy;
    attach(platform, app, addOn, 'REDIS');
  }
  if (options.scheduler)
    attach(platform, app, provision(platform, app, 'scheduler:standard', 'scheduler'), 'SCHEDULER');
  for (const { plan, cents = 0, config = {}, drain } of options.addOns ?? []) {
    otherPlan(platform.catalogue, platform.ids, plan, cents);
    const [service = plan] = plan.split(':');
    const addOn = provision(platform, app, plan, service);
    addOn.config = config;
    attach(platform, app, addOn, service.toUpperCase().replaceAll('-', '_'));
    if (drain !== undefined) app.drains.push(newDrain(platform, drain, addOn));
  }
  for (const { app: owner, service, as, namespace } of options.attached ?? []) {
    const shared = platform.addOns.find((one) => one.app.name === owner && one.plan.service.name === service);
    if (!shared) throw new Error(`${owner} has no ${service} to attach.`);
    attach(platform, app, shared, as, namespace ?? null);
  }
}

export function newDrain(platform: Platform, url: string, addOn?: AddOn): App['drains'][number] {
  return { ...born(platform), url, token: `d.${platform.ids.uuid()}`, addOn };
}

function behindOf(addOn: AddOn, given: NonNullable<AppOptions['postgres']>): AddOn['behind'] {
  const { followers, forks, credentials, links, backups } = { ...addOn.behind, ...given };
  const { maintenance } = given;
  return { followers, forks, credentials, links, backups, ...(maintenance && { maintenance }) };
}

function provision(platform: Platform, app: App, planName: string, prefix: string): AddOn {
  const plan: Plan | undefined = findNamed(platform.catalogue.plans, planName);
  if (!plan) throw new Error(`This Heroku sells no ${planName}.`);
  const name = `${prefix}-${platform.ids.pick(['angular', 'curved', 'flat', 'round'])}-${platform.ids.digits(5)}`;
  const addOn = newAddOn(platform, app, plan, name);
  platform.addOns.push(addOn);
  return addOn;
}

function attach(
  platform: Platform,
  app: App,
  addOn: AddOn,
  name: string,
  namespace: string | null = null,
): void {
  platform.attachments.push({ ...born(platform), name, app, addOn, namespace });
  createRelease(platform, app, { description: `Attach ${name} (@ref:${addOn.name})` });
}
