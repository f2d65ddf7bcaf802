import { findNamed, type Plan, type Service } from '../catalogue.ts';
import type { Platform } from '../platform.ts';
import { notFound } from './refusal.ts';
import { list, read, type Call, type Route } from './route.ts';
import { identity, times } from './view.ts';

/** Add-on services and their plans. */
export const planRoutes: Route[] = [
  list('/addon-services', ({ platform }) =>
    platform.catalogue.services.map((one) => serviceView(platform, one)),
  ),
  read('/addon-services/:service', (call) => serviceView(call.platform, serviceOf(call))),
  list('/addon-services/:service/plans', (call) => {
    const service = serviceOf(call);
    return call.platform.catalogue.plans
      .filter((plan) => plan.service === service)
      .map((plan) => planView(call.platform, plan));
  }),
  read('/addon-services/:service/plans/:plan', planOf),
  read('/plans/:plan', planOf),
];

function serviceOf({ platform, params }: Call): Service {
  const service = findNamed(platform.catalogue.services, params['service'] ?? '');
  if (!service) throw notFound('add-on service');
  return service;
}

function planOf({ platform, params }: Call): unknown {
  const plan = findNamed(platform.catalogue.plans, params['plan'] ?? '');
  if (!plan) throw notFound('add-on plan');
  return planView(platform, plan);
}

export function serviceView(platform: Platform, service: Service): unknown {
  return {
    cli_plugin_name: null,
    ...times(existing(platform)),
    human_name: service.humanName,
    id: service.id,
    name: service.name,
    state: 'ga',
    supports_multiple_installations: service.name !== 'scheduler',
    supports_sharing: service.name !== 'scheduler',
    supported_generations: [platform.catalogue.cedar],
  };
}

export function planView(platform: Platform, plan: Plan): unknown {
  const [, short = plan.name] = plan.name.split(':');
  const humanName = short.replace(
    /(^|-)(\w)/g,
    (_all, dash: string, letter: string) => `${dash && ' '}${letter.toUpperCase()}`,
  );
  return {
    addon_service: identity(plan.service),
    ...times(existing(platform)),
    compliance: null,
    default: short === 'essential-0' || short === 'mini' || short === 'standard',
    description: `${plan.service.humanName} ${humanName}`,
    human_name: humanName,
    id: plan.id,
    installable_inside_private_network: false,
    installable_outside_private_network: true,
    name: plan.name,
    price: { cents: plan.cents, contract: false, metered: false, unit: 'month' },
    space_default: false,
    state: 'ga',
    visible: true,
  };
}

/** What Heroku sells was there before the account was. */
export function existing(platform: Platform): { createdAt: Date; updatedAt: Date } {
  return { createdAt: platform.account.createdAt, updatedAt: platform.account.createdAt };
}
