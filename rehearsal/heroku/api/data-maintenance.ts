import { notFound } from './refusal.ts';
import type { AddOn, Platform } from '../platform.ts';
import { addOnOf } from './add-on.ts';
import { read, type Call, type Route } from './route.ts';
import { time } from './view.ts';

/** Maintenances of data add-ons: none is required, unless the world was told so. */
export const maintenanceRoutes: Route[] = [
  ...['/data/maintenances/v1', '/data/v0/maintenances'].map((base) =>
    read(
      `${base}/apps/:app`,
      ({ platform, app }: Call) => ({
        maintenances: platform.addOns
          .filter((one) => one.app === app && one.url !== undefined)
          .map((addOn) => forApp(platform, addOn)),
      }),
      { dialect: 'data' },
    ),
  ),
  ...['/data/maintenances/v1/:addon', '/data/v0/maintenances/addons/:addon'].map((path) =>
    read(path, (call) => forAddOn(call), { dialect: 'data' }),
  ),
];

const window = 'Tuesdays 18:00 to 22:00 UTC';

function forApp(platform: Platform, addOn: AddOn): unknown {
  return {
    addon: addOnFacts(platform, addOn),
    app: { name: addOn.app.name, uuid: addOn.app.id },
    window: null,
    status: 'none',
    required_by: null,
    scheduled_for: null,
    method: null,
    addon_description: null,
    started_at: null,
    completed_at: null,
    duration_seconds: null,
    reason: null,
    server_created_at: null,
  };
}

function forAddOn(call: Call): unknown {
  const addOn = addOnOf(call);
  if (addOn.url === undefined) throw notFound('data add-on');
  const created = time(addOn.createdAt);
  const announced = addOn.behind.maintenance;
  return {
    addon: addOnFacts(call.platform, addOn),
    app: { name: addOn.app.name, uuid: addOn.app.id },
    window,
    status: announced?.status ?? 'none',
    required_by: announced?.requiredBy ?? created,
    scheduled_for: announced?.scheduledFor ?? created,
    method: '',
    addon_description: addOn.plan.service.humanName,
    started_at: null,
    completed_at: null,
    duration_seconds: null,
    reason: announced?.reason ?? '',
    server_created_at: created,
  };
}

function addOnFacts(platform: Platform, addOn: AddOn): unknown {
  return {
    uuid: addOn.id,
    name: addOn.name,
    attachments: platform.attachments.filter((one) => one.addOn === addOn).map(({ name }) => name),
    kind: addOn.plan.service.name,
    plan: addOn.plan.name,
    window,
  };
}
