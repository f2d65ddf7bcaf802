import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { parseBody, unprocessable } from '../api/error.ts';
import { covers } from '../addresses.ts';
import { timestamp } from '../platform.ts';

/** One trusted source of a cluster. */
export interface Rule {
  uuid: string;
  cluster_uuid: string;
  type: 'droplet' | 'k8s' | 'ip_addr' | 'tag' | 'app';
  value: string;
  created_at: string;
  description?: string;
}

/** OpenAPI: at most 100 rules. */
const rulesSchema = z.object({
  rules: z
    .array(
      z.object({
        uuid: z.string().optional(),
        type: z.enum(['droplet', 'k8s', 'ip_addr', 'tag', 'app']),
        value: z.string().min(1),
        description: z.string().optional(),
      }),
    )
    .max(100),
});

/** The whole new set, as a PUT sends it. What is in the old set keeps its id and date. */
export function replaceRules(body: unknown, clusterId: string, old: readonly Rule[]): Rule[] {
  const { rules } = parseBody(rulesSchema, body);
  return rules.map(({ type, value, description }) => {
    if (type === 'ip_addr' && !isIpv4Range(value)) {
      throw unprocessable(`invalid firewall rule value: ${value} is not an IPv4 address or CIDR`);
    }
    const same = old.find((rule) => rule.type === type && rule.value === value);
    return {
      uuid: same?.uuid ?? randomUUID(),
      cluster_uuid: clusterId,
      type,
      value,
      created_at: same?.created_at ?? timestamp(),
      ...(description === undefined ? {} : { description }),
    };
  });
}

/** An empty set means open to the internet; the first rule shuts everybody else out. */
export function admitsAddress(rules: readonly Rule[], address: string): boolean {
  return rules.length === 0 || rules.some((rule) => rule.type === 'ip_addr' && covers(rule.value, address));
}

export function admitsApp(rules: readonly Rule[], appId: string): boolean {
  return rules.length === 0 || rules.some((rule) => rule.type === 'app' && rule.value === appId);
}

/** Apps named by either set, when the sets differ: DigitalOcean deploys them again. */
export function appsToDeploy(before: readonly Rule[], after: readonly Rule[]): string[] {
  const key = (rules: readonly Rule[]): string =>
    rules
      .map(({ type, value }) => `${type}:${value}`)
      .sort()
      .join();
  if (key(before) === key(after)) return [];
  const named = [...before, ...after].filter(({ type }) => type === 'app').map(({ value }) => value);
  return [...new Set(named)];
}

function isIpv4Range(value: string): boolean {
  const [address, bits, ...rest] = value.split('/');
  const goodBits = bits === undefined || (/^\d{1,2}$/.test(bits) && Number(bits) <= 32);
  return z.ipv4().safeParse(address).success && goodBits && rest.length === 0;
}
