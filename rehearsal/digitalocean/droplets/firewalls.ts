import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { covers } from '../addresses.ts';
import { conflict, notFound, parseBody, unprocessable } from '../api/error.ts';
import { page } from '../api/page.ts';
import { accepted, noContent, ok, param, type Call, type Route } from '../api/route.ts';
import { timestamp } from '../platform.ts';
import type { Droplet } from './droplet.ts';

const endpointsSchema = z.object({
  addresses: z.array(z.string()).optional(),
  droplet_ids: z.array(z.number().int()).optional(),
  load_balancer_uids: z.array(z.string()).optional(),
  kubernetes_ids: z.array(z.string()).optional(),
  tags: z.array(z.string()).optional(),
});
const ruleSchema = z.object({
  protocol: z.enum(['tcp', 'udp', 'icmp']),
  // "all" and "0" mean every port, as the API reference says.
  ports: z
    .string()
    .regex(/^(all|\d+(-\d+)?)?$/)
    .default(''),
});
const inboundSchema = ruleSchema.extend({ sources: endpointsSchema });
const outboundSchema = ruleSchema.extend({ destinations: endpointsSchema });
const rulesSchema = z.object({
  inbound_rules: z.array(inboundSchema).max(50).nullish(),
  outbound_rules: z.array(outboundSchema).max(50).nullish(),
});
const firewallSchema = rulesSchema.extend({
  name: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9.-]+$/),
  droplet_ids: z.array(z.number().int()).max(10).nullish(),
  tags: z.array(z.string()).max(5).nullish(),
});

type InboundRule = z.infer<typeof inboundSchema>;
type OutboundRule = z.infer<typeof outboundSchema>;

export interface Firewall {
  id: string;
  name: string;
  status: 'succeeded';
  created_at: string;
  droplet_ids: number[];
  tags: string[];
  inbound_rules: InboundRule[];
  outbound_rules: OutboundRule[];
}

/** Who knocks at a droplet. */
export type Caller = { kind: 'public' | 'vpc'; address: string };

/** Cloud firewalls: once one is attached to a droplet, what no inbound rule allows is refused. */
export class Firewalls {
  readonly #firewalls = new Map<string, Firewall>();

  /**
   * Whether a droplet's firewalls let a caller reach a TCP port. Without a firewall everybody can. Sources that are
   * droplets or tags are kept, but no droplet of this world calls another one.
   */
  admits(droplet: Droplet, port: number, caller: Caller): boolean {
    const attached = this.attachedTo(droplet);
    if (attached.length === 0) return true;
    return attached.some((firewall) =>
      firewall.inbound_rules.some(
        (rule) =>
          rule.protocol === 'tcp' &&
          includesPort(rule.ports, port) &&
          (rule.sources.addresses ?? []).some((range) => covers(range, caller.address)),
      ),
    );
  }

  attachedTo(droplet: Droplet): Firewall[] {
    return [...this.#firewalls.values()].filter(
      (firewall) =>
        firewall.droplet_ids.includes(droplet.id) || firewall.tags.some((tag) => droplet.tags.has(tag)),
    );
  }

  /** Takes a deleted droplet out. */
  forget(dropletId: number): void {
    for (const firewall of this.#firewalls.values()) {
      firewall.droplet_ids = firewall.droplet_ids.filter((id) => id !== dropletId);
    }
  }

  /** `isDroplet` tells whether there is such a droplet. */
  routes(isDroplet: (id: number) => boolean): Route[] {
    const existing = (call: Call): Firewall => {
      const firewall = this.#firewalls.get(param(call, 'id'));
      if (firewall === undefined) throw notFound();
      return firewall;
    };
    const checked = (body: unknown): z.infer<typeof firewallSchema> => {
      const wanted = parseBody(firewallSchema, body);
      if (!wanted.inbound_rules?.length && !wanted.outbound_rules?.length) {
        throw unprocessable('must have at least one rule');
      }
      const missing = (wanted.droplet_ids ?? []).find((id) => !isDroplet(id));
      if (missing !== undefined) throw unprocessable(`droplet ${missing} does not exist`);
      return wanted;
    };
    return [
      {
        method: 'GET',
        path: '/v2/firewalls',
        scope: 'firewall:read',
        handle: (call) => page(call, 'firewalls', [...this.#firewalls.values()].map(show)),
      },
      {
        method: 'POST',
        path: '/v2/firewalls',
        scope: 'firewall:create',
        handle: (call) => {
          const wanted = checked(call.body);
          if ([...this.#firewalls.values()].some(({ name }) => name === wanted.name)) {
            throw conflict('duplicate name');
          }
          const firewall = fill(wanted, { id: randomUUID(), created_at: timestamp() });
          this.#firewalls.set(firewall.id, firewall);
          return accepted({ firewall: show(firewall) });
        },
      },
      {
        method: 'GET',
        path: '/v2/firewalls/:id',
        scope: 'firewall:read',
        handle: (call) => ok({ firewall: show(existing(call)) }),
      },
      {
        method: 'PUT',
        path: '/v2/firewalls/:id',
        scope: 'firewall:update',
        handle: (call) => {
          const firewall = fill(checked(call.body), existing(call));
          this.#firewalls.set(firewall.id, firewall);
          return ok({ firewall: show(firewall) });
        },
      },
      {
        method: 'DELETE',
        path: '/v2/firewalls/:id',
        scope: 'firewall:delete',
        handle: (call) => {
          this.#firewalls.delete(existing(call).id);
          return noContent;
        },
      },
      ...memberRoutes(existing, isDroplet),
      ...ruleRoutes(existing),
    ];
  }
}

function memberRoutes(existing: (call: Call) => Firewall, isDroplet: (id: number) => boolean): Route[] {
  const dropletsOf = (call: Call): number[] =>
    parseBody(z.object({ droplet_ids: z.array(z.number().int()) }), call.body).droplet_ids;
  const tagsOf = (call: Call): string[] => parseBody(z.object({ tags: z.array(z.string()) }), call.body).tags;
  const change = (path: 'droplets' | 'tags', adding: boolean, act: (call: Call) => void): Route => ({
    method: adding ? 'POST' : 'DELETE',
    path: `/v2/firewalls/:id/${path}`,
    scope: 'firewall:update',
    handle: (call) => {
      act(call);
      return noContent;
    },
  });
  return [
    change('droplets', true, (call) => {
      const ids = dropletsOf(call);
      if (!ids.every(isDroplet)) throw unprocessable('droplet does not exist');
      const firewall = existing(call);
      firewall.droplet_ids = [...new Set([...firewall.droplet_ids, ...ids])];
    }),
    change('droplets', false, (call) => {
      const ids = dropletsOf(call);
      const firewall = existing(call);
      firewall.droplet_ids = firewall.droplet_ids.filter((id) => !ids.includes(id));
    }),
    change('tags', true, (call) => {
      const firewall = existing(call);
      firewall.tags = [...new Set([...firewall.tags, ...tagsOf(call)])];
    }),
    change('tags', false, (call) => {
      const tags = tagsOf(call);
      const firewall = existing(call);
      firewall.tags = firewall.tags.filter((tag) => !tags.includes(tag));
    }),
  ];
}

function ruleRoutes(existing: (call: Call) => Firewall): Route[] {
  const path = '/v2/firewalls/:id/rules';
  return [
    {
      method: 'POST',
      path,
      scope: 'firewall:update',
      handle: (call) => {
        const firewall = existing(call);
        const added = parseBody(rulesSchema, call.body);
        firewall.inbound_rules.push(...(added.inbound_rules ?? []));
        firewall.outbound_rules.push(...(added.outbound_rules ?? []));
        return noContent;
      },
    },
    {
      method: 'DELETE',
      path,
      scope: 'firewall:update',
      handle: (call) => {
        const firewall = existing(call);
        const removed = parseBody(rulesSchema, call.body);
        firewall.inbound_rules = without(firewall.inbound_rules, removed.inbound_rules);
        firewall.outbound_rules = without(firewall.outbound_rules, removed.outbound_rules);
        return noContent;
      },
    },
  ];
}

function fill(wanted: z.infer<typeof firewallSchema>, kept: { id: string; created_at: string }): Firewall {
  return {
    id: kept.id,
    name: wanted.name,
    status: 'succeeded',
    created_at: kept.created_at,
    droplet_ids: wanted.droplet_ids ?? [],
    tags: wanted.tags ?? [],
    inbound_rules: wanted.inbound_rules ?? [],
    outbound_rules: wanted.outbound_rules ?? [],
  };
}

function show(firewall: Firewall): object {
  return { ...firewall, pending_changes: [] };
}

function without<Rule>(rules: Rule[], removed: Rule[] | null | undefined): Rule[] {
  const gone = new Set((removed ?? []).map(sameRule));
  return rules.filter((rule) => !gone.has(sameRule(rule)));
}

/** Rules have no id: the same content is the same rule, whatever the order of its keys. */
function sameRule(rule: unknown): string {
  return JSON.stringify(rule, (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a.localeCompare(b)))
      : value,
  );
}

function includesPort(ports: string, port: number): boolean {
  if (ports === 'all' || ports === '0' || ports === '') return true;
  const [from, to = from] = ports.split('-').map(Number);
  return from !== undefined && to !== undefined && from <= port && port <= to;
}
