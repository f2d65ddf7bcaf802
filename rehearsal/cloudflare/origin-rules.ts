import { z } from 'zod';
import { ApiError } from './api-error.ts';
import { parse } from './records.ts';
import { newId, type OriginRule, type Zone } from './zone.ts';

const ruleSchema = z.object({
  action: z.literal('route'),
  description: z.string().default(''),
  enabled: z.boolean().default(true),
  expression: z.string().min(1),
  action_parameters: z.looseObject({ host_header: z.string().optional() }),
});

type Ruleset = NonNullable<Zone['originRules']>;

export function replaceRules(zone: Zone, body: unknown): Ruleset {
  const { rules } = parse(z.object({ rules: z.array(z.unknown()).default([]) }), body);
  const ruleset = { id: zone.originRules?.id ?? newId(), rules: rules.map((rule) => asRule(zone, rule)) };
  zone.originRules = ruleset;
  return ruleset;
}

export function addRule(zone: Zone, rulesetId: string, body: unknown): Ruleset {
  const ruleset = rulesetOf(zone, rulesetId);
  ruleset.rules.push(asRule(zone, body));
  return ruleset;
}

export function changeRule(zone: Zone, rulesetId: string, ruleId: string, body: unknown): Ruleset {
  const ruleset = rulesetOf(zone, rulesetId);
  const at = ruleset.rules.findIndex(({ id }) => id === ruleId);
  if (at === -1) throw new ApiError(404, 10003, 'could not find rule');
  ruleset.rules[at] = { ...asRule(zone, body), id: ruleId };
  return ruleset;
}

export function removeRule(zone: Zone, rulesetId: string, ruleId: string): Ruleset {
  const ruleset = rulesetOf(zone, rulesetId);
  const before = ruleset.rules.length;
  ruleset.rules = ruleset.rules.filter(({ id }) => id !== ruleId);
  if (ruleset.rules.length === before) throw new ApiError(404, 10003, 'could not find rule');
  return ruleset;
}

export function rulesOf(zone: Zone): Ruleset {
  if (zone.originRules !== undefined) return zone.originRules;
  throw new ApiError(404, 10003, 'could not find entrypoint ruleset in the "http_request_origin" phase');
}

function rulesetOf(zone: Zone, id: string): Ruleset {
  const ruleset = zone.originRules;
  if (ruleset?.id === id) return ruleset;
  throw new ApiError(404, 10003, 'could not find ruleset');
}

function asRule(zone: Zone, body: unknown): OriginRule {
  const rule = parse(ruleSchema, body);
  // The number of this refusal is not in the public reference; its meaning is ("Origin Rules", availability).
  if (rule.action_parameters.host_header !== undefined && zone.plan !== 'enterprise') {
    throw new ApiError(403, 20161, 'not entitled to use the Host header override');
  }
  return { id: newId(), ...rule };
}

/** The one expression that is understood here: `(http.host eq "shop.example.com")`. */
export function hostOverride(zone: Zone, host: string): string | undefined {
  const rule = zone.originRules?.rules.findLast(
    ({ enabled, expression }) => enabled && expression === `(http.host eq "${host}")`,
  );
  const header = rule?.action_parameters['host_header'];
  return typeof header === 'string' ? header : undefined;
}
