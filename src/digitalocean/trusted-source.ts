import { z } from 'zod';
import type { DigitalOcean } from './client.ts';
import { MoveAtWorkError, moveAtWork } from './move-at-work.ts';
import {
  errandOf,
  isOver,
  markOf,
  NETWORK_MARK,
  networkMarkOf,
  readMark,
  readNetworkMark,
  type Holder,
  type RunnerPass,
} from './runner-mark.ts';

const ruleSchema = z.looseObject({
  uuid: z.string().optional(),
  type: z.string(),
  value: z.string(),
  description: z.string().nullish(),
});
type Rule = z.infer<typeof ruleSchema>;

/** A rule as it is sent: DigitalOcean takes an address once, so several jobs behind one address share a rule. */
export type NewRule = {
  type: 'ip_addr';
  value: string;
  description: string;
};

/** The rule that lets in everything in the private network: the app's own components among it. */
export function networkRule(range: string): NewRule {
  return { type: 'ip_addr', value: range, description: NETWORK_MARK };
}

export interface Admission {
  /** Whether the address was not let in before. */
  added: boolean;
  /** Whether DigitalOcean kept our mark; without it the rule cannot be told from one of the user's own later. */
  marked: boolean;
  /** Whether the list says that this job is here: what a visit reads before it comes in. */
  told: boolean;
  /** Addresses that jobs which were killed had left, and that are out now. */
  swept: string[];
}

/**
 * Lets a job's address in, beside what must be trusted always (`networkRule`), and takes out what killed jobs have left.
 * An address that the user trusts already stays the user's. An empty list means open to the internet; the first rule
 * closes the cluster to everybody else. Call `dismissRunner` in the post step, also after a failure.
 *
 * A visit throws a MoveAtWorkError while the list says that a move of another run is at work. It looks before it writes,
 * and again at what it has written: of two that come in the same moment each sees the other.
 */
export async function admitRunner(
  client: DigitalOcean,
  clusterId: string,
  pass: RunnerPass,
  always: readonly NewRule[] = [],
): Promise<Admission> {
  const now = client.clock.now();
  let added: boolean | undefined;
  const swept = new Set<string>();
  const errand = errandOf(pass);
  const rules = await amend(client, clusterId, (before) => {
    const move = errand === 'visit' ? moveAtWork(before.map(asSource), pass, now) : undefined;
    if (move !== undefined) throw new MoveAtWorkError(move, now);
    const kept = before.flatMap((rule) => withoutHolders(rule, (one) => isOver(one, pass, now)));
    for (const { value } of before) if (!kept.some((rule) => rule.value === value)) swept.add(value);
    const missing = always.filter(({ value }) => !kept.some((rule) => isAddress(rule, value)));
    const own = kept.find((rule) => isAddress(rule, pass.address));
    added ??= !before.some((rule) => isAddress(rule, pass.address));
    if (own === undefined)
      return [...kept, ...missing, { type: 'ip_addr', value: pass.address, description: markOf([pass]) }];
    const withPass = (holders: readonly Holder[]): Holder[] => [
      ...holders.filter(({ holder }) => holder !== pass.holder),
      pass,
    ];
    const holders = readMark(own.description);
    if (holders === undefined) {
      // The user's own rule: whom a visit must see stands beside the private network.
      const bearing = [...kept, ...missing];
      if (errand === 'visit') return bearing;
      return bearing.map((rule) => {
        const moves = readNetworkMark(rule.description);
        return moves === undefined ? rule : { ...rule, description: networkMarkOf(withPass(moves)) };
      });
    }
    const shared = markOf(withPass(holders));
    return [...kept.map((rule) => (rule === own ? { ...rule, description: shared } : rule)), ...missing];
  });
  swept.delete(pass.address);
  const marked = rules.some(
    (rule) => isAddress(rule, pass.address) && readMark(rule.description) !== undefined,
  );
  const told = rules.some((rule) => asSource(rule).holders?.some(({ holder }) => holder === pass.holder));
  return { added: added === true, marked, told, swept: [...swept] };
}

/**
 * Takes this job's address out again; another job of ours behind the same address keeps it, and a rule of the user's
 * own stays. Refuses to leave an empty list, which would open the cluster to everybody.
 *
 * @param unmarked the rule was made by this job although DigitalOcean does not keep our mark
 * @returns whether another job of ours holds the address: then whatever else is open to it must stay so
 */
export async function dismissRunner(
  client: DigitalOcean,
  clusterId: string,
  pass: Pick<RunnerPass, 'address' | 'holder'>,
  unmarked = false,
): Promise<boolean> {
  const rules = await amend(client, clusterId, (before) => {
    const kept = before.flatMap((rule) => {
      const isOurs = asSource(rule).holders !== undefined;
      if (!isOurs && unmarked && isAddress(rule, pass.address)) return [];
      return withoutHolders(rule, ({ holder }) => holder === pass.holder);
    });
    if (kept.length === 0 && before.length > 0) {
      throw new Error(
        `The runner's address ${pass.address} is the only trusted source of the cluster, and an empty list would open it ` +
          'to the internet. It was left in: add the VPC as a trusted source, then remove the address.',
      );
    }
    return kept;
  });
  return isHeldIn(rules, pass);
}

/** Whether another job of ours holds the address at this moment. */
export async function isHeldByAnother(
  client: DigitalOcean,
  clusterId: string,
  pass: Pick<RunnerPass, 'address' | 'holder'>,
): Promise<boolean> {
  return isHeldIn(await readRules(client, clusterId), pass);
}

function isHeldIn(rules: readonly Rule[], pass: Pick<RunnerPass, 'address' | 'holder'>): boolean {
  const holders = rules
    .filter((rule) => isAddress(rule, pass.address))
    .flatMap(({ description }) => readMark(description) ?? []);
  return holders.some(({ holder }) => holder !== pass.holder);
}

/**
 * Takes out what jobs that are known to be dead have left, by the names of their passes; returns the addresses that are
 * out now.
 */
export async function sweepDeadJobs(
  client: DigitalOcean,
  clusterId: string,
  dead: readonly string[],
): Promise<string[]> {
  const isDead = ({ holder }: Holder): boolean => dead.includes(holder);
  const swept = new Set<string>();
  await amend(client, clusterId, (before) => {
    const kept = before.flatMap((rule) => withoutHolders(rule, isDead));
    for (const { value } of before) if (!kept.some((rule) => rule.value === value)) swept.add(value);
    return kept;
  });
  return [...swept];
}

/** Apps among the trusted sources: DigitalOcean deploys each of them again whenever the list changes. */
export async function trustedApps(client: DigitalOcean, clusterId: string): Promise<string[]> {
  return (await readRules(client, clusterId)).filter(({ type }) => type === 'app').map(({ value }) => value);
}

/** Somebody else may write the list between our reading and our writing; DigitalOcean has no ETag. */
const ATTEMPTS = 3;

/**
 * Reads, changes and writes the list, and looks whether it came out so: a PUT replaces all of it, so every rule that is
 * there is sent back as it was read, and a write of another job in the same moment is noticed and mended.
 */
async function amend(
  client: DigitalOcean,
  clusterId: string,
  change: (rules: Rule[]) => Rule[],
): Promise<Rule[]> {
  let rules = await readRules(client, clusterId);
  let written: Rule[] | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const wanted = change(rules);
    if (same(wanted, rules)) return rules;
    // DigitalOcean may drop or cut a description; written again and again it would still be so.
    if (written !== undefined && same(wanted, written) && sameSources(wanted, rules)) return rules;
    if (attempt > ATTEMPTS) {
      throw new Error(
        `The trusted sources of the cluster were written by somebody else ${ATTEMPTS} times while this run changed them. Run it again.`,
      );
    }
    await client.request('PUT', `/databases/${clusterId}/firewall`, z.unknown(), { rules: wanted });
    written = wanted;
    rules = await readRules(client, clusterId);
  }
}

function readRules(client: DigitalOcean, clusterId: string): Promise<Rule[]> {
  const schema = z.object({
    rules: z
      .array(ruleSchema)
      .nullish()
      .transform((rules) => rules ?? []),
  });
  return client.request('GET', `/databases/${clusterId}/firewall`, schema).then(({ rules }) => rules);
}

function isAddress(rule: Rule, value: string): boolean {
  return rule.type === 'ip_addr' && rule.value === value;
}

/** A rule of ours without those holders, or nothing when it was there for them alone; any other rule as it is. */
function withoutHolders(rule: Rule, gone: (holder: Holder) => boolean): Rule[] {
  const { holders } = asSource(rule);
  if (holders === undefined) return [rule];
  const left = holders.filter((holder) => !gone(holder));
  if (left.length === holders.length) return [rule];
  if (readNetworkMark(rule.description) !== undefined) return [{ ...rule, description: networkMarkOf(left) }];
  return left.length === 0 ? [] : [{ ...rule, description: markOf(left) }];
}

function same(one: readonly Rule[], other: readonly Rule[]): boolean {
  const key = (rules: readonly Rule[]): string =>
    rules
      .map(({ type, value, description }) => JSON.stringify([type, value, description ?? '']))
      .sort()
      .join();
  return key(one) === key(other);
}

function sameSources(one: readonly Rule[], other: readonly Rule[]): boolean {
  const key = (rules: readonly Rule[]): string =>
    rules
      .map(({ type, value }) => `${type} ${value}`)
      .sort()
      .join();
  return key(one) === key(other);
}

/** Everybody who may reach the cluster; `holders` are the jobs of ours that a rule tells of, undefined where it is not ours. */
export async function readTrustedSources(
  client: DigitalOcean,
  clusterId: string,
): Promise<ReturnType<typeof asSource>[]> {
  return (await readRules(client, clusterId)).map(asSource);
}

function asSource({ type, value, description }: Rule): {
  type: string;
  value: string;
  holders: Holder[] | undefined;
} {
  return { type, value, holders: readMark(description) ?? readNetworkMark(description) };
}
