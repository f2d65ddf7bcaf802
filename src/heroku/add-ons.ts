import { z } from 'zod';
import type { HerokuClient } from './client.ts';
import { inOrder } from './in-order.ts';
import { named } from './named.ts';

const price = z.object({
  cents: z.number().nullable().default(null),
  unit: z.string().nullable().default(null),
});

const addOnSchema = z.object({
  id: z.string(),
  name: z.string(),
  addon_service: named,
  plan: named,
  app: named.nullable().optional(),
  billed_price: price.nullable().optional(),
  config_vars: z.array(z.string()).default([]),
  state: z.string().default('provisioned'),
});

export interface AddOn {
  id: string;
  name: string;
  /** `heroku-postgresql`, `heroku-redis`, `scheduler` … */
  service: string;
  /** `heroku-postgresql:standard-0` */
  plan: string;
  /** What Heroku really bills a month, in cents; `null` when it does not say. */
  billedCentsPerMonth: number | null;
  /** The app that pays for it; another one than ours for a shared add-on. */
  billedTo: string;
  configVars: string[];
  state: string;
}

/** The app's add-ons, with what each is really billed at and the config vars that it provides. */
export async function readAddOns(client: HerokuClient, app: string): Promise<AddOn[]> {
  const found = await client.list(`/apps/${encodeURIComponent(app)}/addons`, addOnSchema);
  return inOrder(
    found.map((one) => toAddOn(one, app)),
    ({ service, name }) => `${service} ${name}`,
  );
}

function toAddOn(one: z.infer<typeof addOnSchema>, appName: string): AddOn {
  const monthly = one.billed_price?.unit === null || one.billed_price?.unit === 'month';
  return {
    id: one.id,
    name: one.name,
    service: one.addon_service.name,
    plan: one.plan.name,
    billedCentsPerMonth: monthly ? (one.billed_price?.cents ?? null) : null,
    billedTo: one.app?.name ?? appName,
    configVars: one.config_vars,
    state: one.state,
  };
}
