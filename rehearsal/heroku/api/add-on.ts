import { z } from 'zod';
import { messageOf } from '../../../src/errors.ts';
import { findNamed, type Plan } from '../catalogue.ts';
import { configVarNames } from '../config.ts';
import { born, newAddOn, type AddOn, type Platform } from '../platform.ts';
import { startStore } from '../ordered-store.ts';
import { createRelease } from '../release.ts';
import { appIdentity } from './app.ts';
import { bodyOf } from './body.ts';
import { planView, serviceView } from './plan.ts';
import { invalid, notFound } from './refusal.ts';
import { change, list, read, type Call, type Route } from './route.ts';
import { identity, times } from './view.ts';

/** Add-ons: https://devcenter.heroku.com/articles/platform-api-reference#add-on */
export const addOnRoutes: Route[] = [
  list('/addons', (call) => call.platform.addOns.filter(isVisible(call)).map(view(call)), {
    ranges: ['id', 'name'],
  }),
  list('/users/:user/addons', (call) => call.platform.addOns.filter(isVisible(call)).map(view(call)), {
    ranges: ['id', 'name'],
  }),
  list('/teams/:team/addons', (call) =>
    call.platform.addOns.filter(({ app }) => app.team?.name === call.params['team']).map(view(call)),
  ),
  list(
    '/apps/:app/addons',
    (call) => call.platform.addOns.filter(({ app }) => app === call.app).map(view(call)),
    {
      ranges: ['id', 'name'],
    },
  ),
  read('/addons/:addon', (call) => view(call)(addOnOf(call))),
  read('/apps/:app/addons/:addon', (call) => view(call)(addOnOf(call))),
  list('/addons/:addon/config', () => []),
  list('/addons/:addon/webhooks', () => []),
  change('POST', '/apps/:app/addons', createAddOn, { status: 201 }),
  change('PATCH', '/apps/:app/addons/:addon', changePlan),
  change('DELETE', '/apps/:app/addons/:addon', destroyAddOn),
  { ...list('/actions/addons/resolve', resolveAddOn), method: 'POST' },
];

/** By id or name, among those that the token may see. @throws Refusal 404 */
export function addOnOf(call: Call, idOrName = call.params['addon'] ?? ''): AddOn {
  const addOn = findNamed(call.platform.addOns.filter(isVisible(call)), idOrName);
  if (!addOn) throw notFound('add-on');
  return addOn;
}

export function isVisible({ token }: Call): (of: { app: { name: string } }) => boolean {
  return ({ app }) => token.apps?.includes(app.name) ?? true;
}

/** Accepts what the CLI sends: a name, an id, an attachment's name, or the name of its config var. */
function resolveAddOn(call: Call): unknown[] {
  const body = bodyOf(
    call,
    z.object({ addon: z.string(), app: z.string().nullish(), addon_service: z.string().nullish() }),
  );
  const wanted = body.addon.replace(/^[a-z0-9-]+::/, '');
  const app = body.app ? findNamed(call.platform.apps, body.app) : undefined;
  const byName = call.platform.addOns.filter(({ id, name }) => id === wanted || name === wanted);
  const byAttachment = call.platform.attachments
    .filter((one) => (!app || one.app === app) && one.name === wanted.toUpperCase().replace(/_URL$/, ''))
    .map(({ addOn }) => addOn);
  const byService = call.platform.addOns.filter(
    ({ plan, app: owner }) => plan.service.name === wanted && owner === app,
  );
  const found = [byName, byAttachment, byService]
    .find((candidates) => candidates.length > 0)
    ?.filter(({ plan }) => (body.addon_service ?? plan.service.name) === plan.service.name)
    .filter(isVisible(call));
  if (!found || found.length === 0) throw notFound('add-on');
  return [...new Set(found)].map(view(call));
}

function createAddOn(call: Call): unknown {
  const { platform, app } = call;
  const plan = planOf(platform, bodyOf(call, z.object({ plan: z.string() })).plan);
  const name = ORDERED[plan.service.name];
  if (name === undefined) throw invalid(`This played Heroku has no ${plan.service.humanName} to be ordered.`);
  const addOn = newAddOn(platform, app, plan, `${plan.service.name}-${platform.ids.digits(5)}`);
  platform.addOns.push(addOn);
  platform.attachments.push({ ...born(platform), name, app, addOn, namespace: null });
  if (plan.service.name === 'scheduler')
    createRelease(platform, app, { description: `Attach ${name} (@ref:${addOn.name})` });
  else {
    addOn.state = 'provisioning';
    void provide(platform, addOn, name);
  }
  return view(call)(addOn);
}

/** Under which name a new add-on is attached. */
const ORDERED: Readonly<Record<string, string>> = {
  scheduler: 'SCHEDULER',
  'heroku-postgresql': 'DATABASE',
  'heroku-redis': 'REDIS',
};

/** Its server takes a while; then its address is a config var, which makes a release. */
async function provide(platform: Platform, addOn: AddOn, name: string): Promise<void> {
  try {
    const { url, stop } = await startStore(platform, addOn);
    // Deleted meanwhile, or the world has ended.
    if (platform.stopped || !platform.addOns.includes(addOn)) {
      await stop();
      return;
    }
    Object.assign(addOn, { url, stop, state: 'provisioned', updatedAt: new Date() });
    createRelease(platform, addOn.app, { description: `Attach ${name} (@ref:${addOn.name})` });
  } catch (error) {
    platform.log.warning(`${addOn.name} cannot be provided: ${messageOf(error)}`);
    addOn.state = 'deprovisioned';
  }
}

function changePlan(call: Call): unknown {
  const addOn = addOnOf(call);
  const plan = planOf(call.platform, bodyOf(call, z.object({ plan: z.string() })).plan);
  if (plan.service !== addOn.plan.service) throw invalid('A plan change stays within the add-on service.');
  addOn.plan = plan;
  addOn.updatedAt = new Date();
  return view(call)(addOn);
}

function destroyAddOn(call: Call): unknown {
  const { platform } = call;
  const addOn = addOnOf(call);
  const last = view(call)(addOn);
  const apps = new Set(platform.attachments.filter((one) => one.addOn === addOn).map(({ app }) => app));
  platform.attachments = platform.attachments.filter((one) => one.addOn !== addOn);
  platform.addOns = platform.addOns.filter((one) => one !== addOn);
  if (addOn.plan.service.name === 'scheduler') addOn.app.jobs = [];
  void addOn.stop?.();
  for (const app of apps) createRelease(platform, app, { description: `Detach ${addOn.name}` });
  return { ...last, state: 'deprovisioned' };
}

function planOf(platform: Platform, name: string): Plan {
  const plan = findNamed(platform.catalogue.plans, name);
  if (!plan) throw notFound('add-on plan');
  return plan;
}

function view(call: Call): (addOn: AddOn) => Record<string, unknown> {
  const expanded = (call.headers['accept-expansion'] ?? '').split(',').map((part) => part.trim());
  return (addOn) => addOnView(call.platform, addOn, expanded);
}

/** `expanded`: `addon_service` and `plan` in full instead of their identities (Accept-Expansion). */
function addOnView(platform: Platform, addOn: AddOn, expanded: string[] = []): Record<string, unknown> {
  const { plan, app } = addOn;
  return {
    actions: [],
    addon_service: expanded.includes('addon_service')
      ? serviceView(platform, plan.service)
      : identity(plan.service),
    billing_entity: app.team ? { ...identity(app.team), type: 'team' } : { ...appIdentity(app), type: 'app' },
    app: appIdentity(app),
    billed_price: { cents: plan.cents, contract: false, metered: false, unit: 'month' },
    config_vars: configVarNames(platform, addOn),
    ...times(addOn),
    id: addOn.id,
    name: addOn.name,
    plan: expanded.includes('plan') ? planView(platform, plan) : identity(plan),
    provider_id: addOn.id,
    provision_message: '',
    state: addOn.state,
    web_url: `https://addons-sso.heroku.com/apps/${app.id}/addons/${addOn.id}`,
  };
}
