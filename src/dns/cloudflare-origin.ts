import { z } from 'zod';

import { ask, type CloudflareZone } from './cloudflare-client.ts';
import type { Origins } from './provider.ts';

const PHASE = 'http_request_origin';
const RULES = 'Zone → Origin Rules → Edit';
const SETTINGS = 'Zone → Zone Settings → Read';

const ruleSchema = z.looseObject({
  id: z.string(),
  description: z.string().optional(),
  enabled: z.boolean().optional(),
  expression: z.string().optional(),
  action_parameters: z.looseObject({ host_header: z.string().optional() }).optional(),
});
const rulesetSchema = z.looseObject({ id: z.string(), rules: z.array(ruleSchema).nullish() });
type Rule = z.infer<typeof ruleSchema>;

/** The origin rules of a zone, and what they depend on. */
export function cloudflareOrigins(zone: CloudflareZone): Origins {
  const { options } = zone;
  return {
    readPlan: () => Promise.resolve(zone.plan),
    readSslMode: () =>
      ask(
        options,
        'reading the SSL mode',
        async () => {
          const answer: unknown = await zone.client.zones.settings.get('ssl', { zone_id: zone.id });
          return z.looseObject({ value: z.string() }).parse(answer).value;
        },
        SETTINGS,
      ),
    readHost: async (name) => {
      const rule = ours(await readRules(zone), name);
      return rule?.enabled === false ? undefined : rule?.action_parameters?.host_header;
    },
    ensureHost: (name, host) => ensureHost(zone, name, host),
    removeHost: (name) =>
      ask(
        options,
        `removing the origin rule of ${name}`,
        async () => {
          const found = await readRules(zone);
          const rule = ours(found, name);
          if (found === undefined || rule === undefined) return;
          await zone.client.rulesets.rules.delete(rule.id, { ruleset_id: found.id, zone_id: zone.id });
        },
        RULES,
      ),
  };
}

function ensureHost(zone: CloudflareZone, name: string, host: string): Promise<boolean> {
  const { client, id, options } = zone;
  let changed = false;
  return ask(
    options,
    `writing the origin rule of ${name}`,
    async () => {
      const found = await readRules(zone);
      const rule = ours(found, name);
      const wanted = {
        action: 'route' as const,
        description: describe(name),
        enabled: true,
        expression: `(http.host eq "${name}")`,
        action_parameters: { host_header: host, sni: { value: host } },
      };
      const params = rule?.action_parameters;
      if (rule?.enabled !== false && rule?.expression === wanted.expression && params?.host_header === host)
        return changed;
      changed = true;
      // The whole phase is written only while it has no rules at all: this call replaces them.
      if (found === undefined) await client.rulesets.phases.update(PHASE, { zone_id: id, rules: [wanted] });
      else if (rule === undefined) await client.rulesets.rules.create(found.id, { zone_id: id, ...wanted });
      else await client.rulesets.rules.edit(rule.id, { ruleset_id: found.id, zone_id: id, ...wanted });
      return true;
    },
    RULES,
  );
}

/** The zone's origin rules; `undefined` while it has never had any. */
function readRules(zone: CloudflareZone): Promise<z.infer<typeof rulesetSchema> | undefined> {
  return ask(
    zone.options,
    'reading the origin rules',
    async () => {
      try {
        const answer: unknown = await zone.client.rulesets.phases.get(PHASE, { zone_id: zone.id });
        return rulesetSchema.parse(answer);
      } catch (error) {
        if ((error as { status?: unknown }).status === 404) return undefined;
        throw error;
      }
    },
    RULES,
  );
}

function ours(ruleset: z.infer<typeof rulesetSchema> | undefined, name: string): Rule | undefined {
  return ruleset?.rules?.find(({ description }) => description === describe(name));
}

/** By its description the rule is found again; rules of others for the same name are left alone. */
function describe(name: string): string {
  return `heroku-to-digitalocean: ${name}`;
}
