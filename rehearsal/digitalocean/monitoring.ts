import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { notFound, parseBody, unprocessable } from './api/error.ts';
import { page } from './api/page.ts';
import { noContent, ok, param, type Call, type Route } from './api/route.ts';

const policySchema = z.object({
  type: z.string().regex(/^v1\/(insights\/(droplet|lbaas)|dbaas\/alerts|droplet\/autoscale_alerts)\/\w+$/),
  description: z.string(),
  compare: z.enum(['GreaterThan', 'LessThan']),
  value: z.number(),
  window: z.enum(['5m', '10m', '30m', '1h']),
  entities: z.array(z.string()),
  tags: z.array(z.string()),
  alerts: z.object({
    email: z.array(z.string()),
    slack: z.array(z.object({ channel: z.string(), url: z.string() })),
  }),
  enabled: z.boolean(),
});

type Policy = z.infer<typeof policySchema> & { uuid: string };

/** Alert policies, which are kept and never fire: nothing here has a load. */
export class AlertPolicies {
  readonly #policies = new Map<string, Policy>();
  readonly #verifiedEmail: string;

  constructor(verifiedEmail: string) {
    this.#verifiedEmail = verifiedEmail;
  }

  list(): Policy[] {
    return [...this.#policies.values()];
  }

  routes(): Route[] {
    const path = '/v2/monitoring/alerts';
    const existing = (call: Call): Policy => {
      const policy = this.#policies.get(param(call, 'uuid'));
      if (policy === undefined) throw notFound();
      return policy;
    };
    return [
      {
        method: 'GET',
        path,
        scope: 'monitoring:read',
        handle: (call) => page(call, 'policies', this.list()),
      },
      {
        method: 'POST',
        path,
        scope: 'monitoring:create',
        handle: (call) => ok({ policy: this.#keep({ ...this.#checked(call.body), uuid: randomUUID() }) }),
      },
      {
        method: 'GET',
        path: `${path}/:uuid`,
        scope: 'monitoring:read',
        handle: (call) => ok({ policy: existing(call) }),
      },
      {
        method: 'PUT',
        path: `${path}/:uuid`,
        scope: 'monitoring:update',
        handle: (call) =>
          ok({ policy: this.#keep({ ...this.#checked(call.body), uuid: existing(call).uuid }) }),
      },
      {
        method: 'DELETE',
        path: `${path}/:uuid`,
        scope: 'monitoring:delete',
        handle: (call) => {
          this.#policies.delete(existing(call).uuid);
          return noContent;
        },
      },
    ];
  }

  #keep(policy: Policy): Policy {
    this.#policies.set(policy.uuid, policy);
    return policy;
  }

  #checked(body: unknown): z.infer<typeof policySchema> {
    const wanted = parseBody(policySchema, body);
    if (wanted.alerts.email.some((address) => address !== this.#verifiedEmail))
      throw unprocessable('email address is not verified');
    return wanted;
  }
}
