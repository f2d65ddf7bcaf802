import { z } from 'zod';
import type { DigitalOcean } from './client.ts';

const ruleSchema = z.looseObject({ uuid: z.string().optional(), type: z.string(), value: z.string() });
type Rule = z.infer<typeof ruleSchema>;

function readRules(client: DigitalOcean, clusterId: string): Promise<Rule[]> {
  const schema = z.object({
    rules: z
      .array(ruleSchema)
      .nullish()
      .transform((rules) => rules ?? []),
  });
  return client.request('GET', `/databases/${clusterId}/firewall`, schema).then(({ rules }) => rules);
}

/** A PUT replaces the whole list, so every rule that is there is sent back as it was read. */
function writeRules(client: DigitalOcean, clusterId: string, rules: Rule[]): Promise<unknown> {
  return client.request('PUT', `/databases/${clusterId}/firewall`, z.unknown(), { rules });
}

/**
 * Lets an address range in, when it is not in yet. An empty list means open to the internet; the first rule closes the
 * cluster to everybody else. Returns whether something was changed.
 */
export async function trust(client: DigitalOcean, clusterId: string, addresses: string[]): Promise<boolean> {
  const rules = await readRules(client, clusterId);
  const missing = addresses.filter(
    (value) => !rules.some((rule) => rule.type === 'ip_addr' && rule.value === value),
  );
  if (missing.length === 0) return false;
  await writeRules(client, clusterId, [...rules, ...missing.map((value) => ({ type: 'ip_addr', value }))]);
  return true;
}

/** Lets this runner in for as long as a job needs it. Call `dismissRunner` in the post step, also after a failure. */
export function admitRunner(client: DigitalOcean, clusterId: string, address: string): Promise<boolean> {
  return trust(client, clusterId, [address]);
}

/** Takes the runner's address out again. Refuses to leave an empty list, which would open the cluster to everybody. */
export async function dismissRunner(client: DigitalOcean, clusterId: string, address: string): Promise<void> {
  const rules = await readRules(client, clusterId);
  const kept = rules.filter((rule) => !(rule.type === 'ip_addr' && rule.value === address));
  if (kept.length === rules.length) return;
  if (kept.length === 0) {
    throw new Error(
      `The runner's address ${address} is the only trusted source of the cluster, and an empty list would open it to ` +
        'the internet. It was left in: add the VPC as a trusted source, then remove the address.',
    );
  }
  await writeRules(client, clusterId, kept);
}
