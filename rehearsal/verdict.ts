import { z } from 'zod';
import type { LoadReport } from './load/report.ts';
import type { Verdict as Judgement } from './load/judge.ts';
import { FRONT_DOOR_RESTS_ON } from './heroku/unproved.ts';
import { seenAround, type Seen } from './load/seen.ts';
import { promisesBroken } from './promised.ts';
import { sideChangesTooMany } from './side-changes.ts';
import type { World } from './world.ts';

/** The figures of one rehearsal: the last line of standard output with `--json`. Milliseconds, US dollars. */
export interface Verdict {
  verdict: 'passed' | 'failed';
  authoritative: 'heroku' | 'digitalocean';
  /** From the first step of the cutover on; of everything when none began. */
  downtimeMs: number;
  refusedRequests: number;
  longestHoldMs: number;
  /** Before that, while all that was copied shared the processors of this one machine with the shop; null: no cutover began. */
  beforeCutover: Seen | null;
  /** How much of a hold the dynos of the old release took to end; null without the front door. */
  oldReleaseEndedAfterMs: number | null;
  writes: { acknowledged: number; found: number; missing: number; doubled: number };
  jobs: { enqueued: number; run: number; retried: number; lost: number; twice: number };
  rows: { compared: number; different: number };
  keys: { compared: number; different: number };
  costUsdPerMonth: { before: number | null; after: number | null };
  /** What of Heroku's behaviour was played from its documentation and decides these figures; see docs/assumptions.md. */
  restsOn: readonly string[];
  /** Of the machine: what was measured shares them among three companies, the shop and its visitors. */
  processors: number;
  phasesMs: Record<string, number>;
  /** Path of the migration record. */
  record: string;
  /** Path of the page that shows what it proves; null: none was drawn. */
  evidence: string | null;
}

export interface Evidence {
  load: LoadReport;
  judgement: Judgement;
  authoritative: 'heroku' | 'digitalocean';
  /** Where the run was expected to end. */
  expected: 'heroku' | 'digitalocean';
  /** Whether the workflow ended as expected. */
  ended: boolean;
  /** The sections of the record, or none when there is no record. */
  sections: readonly { phase: string; data: unknown }[];
  processors: number;
  phasesMs: Record<string, number>;
  /** As migration.yml says them; what the record says counts, too. */
  strategy: World['strategy'];
  traffic: World['traffic'];
  /** For how long clients keep a name, milliseconds. */
  namesKeptMs: number;
  /** Something was made to fail while visitors noticed: then nobody promised how long they wait. */
  disturbed: boolean;
  record: string;
  evidence: string | null;
  /** What must hold beside the figures, each true or not. */
  conditions: { what: string; holds: boolean }[];
}

const compared = z.object({ compared: z.number(), different: z.number() });
const journalled = z.object({
  parity: z.object({ rows: compared, keys: compared }),
  /** Before the fence all keys were compared; `null` without a Redis. */
  redis: z.object({ caughtUp: z.object({ compared: z.number() }) }).nullish(),
});
/** A live copy is compared while Heroku serves; inside the fence only what was written since. */
const followed = z.object({
  live: z.object({ proof: z.object({ rows: z.object({ compared: z.number() }) }) }),
});
const held = z.object({ oldReleaseEndedAfterMs: z.number().nullable() });
/** Of a cutover that was begun several times, each has a section. */
const stepped = z.object({ steps: z.array(z.object({ begunAt: z.iso.datetime() })) });
const cost = z.object({ usdPerMonth: z.number().nullable() });
const priced = z.object({ plan: z.object({ costs: z.object({ before: cost, after: cost }) }) });

/** The verdict, with each reason against it; `passed` only when there is none. */
export function conclude(evidence: Evidence): { verdict: Verdict; reasons: string[] } {
  const { load, judgement, sections } = evidence;
  const { parity, redis } = newest(sections, 'cutover', journalled) ?? {};
  const costs = newest(sections, 'assess', priced)?.plan.costs;
  const { acknowledged, found, missing, doubled } = judgement.writes;
  const { enqueued, run, retried, lost, twice } = judgement.jobs;
  const live = newest(sections, 'migrate-db', followed)?.live;
  const oldReleaseEndedAfterMs = newest(sections, 'cutover', held)?.oldReleaseEndedAfterMs ?? null;
  const rows = {
    compared: (live?.proof.rows.compared ?? 0) + (parity?.rows.compared ?? 0),
    different: parity?.rows.different ?? 0,
  };
  const begun = cutoverBegun(sections);
  const { before = null, since: noticed = load } = begun === undefined ? {} : seenAround(load, begun);
  const keys = {
    compared: (redis?.caughtUp.compared ?? 0) + (parity?.keys.compared ?? 0),
    different: parity?.keys.different ?? 0,
  };

  const mustBeZero: [string, number][] = [
    // Nobody is to be turned away by the front door; a maintenance page turns everybody away.
    ['requests refused', evidence.traffic === 'front-door' ? load.refusedRequests : 0],
    ['acknowledged writes missing', missing],
    ['acknowledged writes doubled', doubled],
    ['jobs lost', lost],
    ['jobs run twice', twice],
    // Before the switch the new side holds the practice copy's jobs, and is closed.
    ['jobs stranded on the other side', evidence.authoritative === 'heroku' ? 0 : judgement.stranded],
    ['orders that were acknowledged and then not found', load.forgottenOrders],
    [
      'changes of the side on which schedules fired, beyond the moves',
      sideChangesTooMany(judgement.schedules, {
        authoritative: evidence.authoritative,
        rolledBack: sections.some(({ phase }) => phase === 'roll-back'),
      }),
    ],
    ['webhook deliveries never acknowledged', load.webhooks.outstanding],
    ['rows different at the point of no return', rows.different],
    ['Redis keys different at the point of no return', keys.different],
  ];
  const isLive = evidence.strategy === 'live' || live !== undefined;
  const promised = isLive && evidence.expected === 'digitalocean' && !evidence.disturbed;
  const reasons = [
    ...mustBeZero.filter(([, count]) => count !== 0).map(([what, count]) => `${count} ${what}`),
    ...(promised ? promisesBroken({ ...evidence, load: noticed, oldReleaseEndedAfterMs }) : []),
    ...(evidence.ended ? [] : ['the workflow did not end as it was expected to']),
    ...(evidence.authoritative === evidence.expected
      ? []
      : [`${evidence.authoritative} is authoritative, and ${evidence.expected} was expected to be`]),
    ...evidence.conditions.filter(({ holds }) => !holds).map(({ what }) => `not so: ${what}`),
    ...(acknowledged === 0 ? ['nothing was written: a verdict about nothing'] : []),
    ...(evidence.expected === 'digitalocean' && rows.compared === 0 ? ['no row was compared'] : []),
  ];
  return {
    reasons,
    verdict: {
      verdict: reasons.length === 0 ? 'passed' : 'failed',
      authoritative: evidence.authoritative,
      downtimeMs: noticed.downtimeMs,
      refusedRequests: noticed.refusedRequests,
      longestHoldMs: noticed.longestHoldMs,
      beforeCutover: before,
      oldReleaseEndedAfterMs,
      writes: { acknowledged, found, missing, doubled },
      jobs: { enqueued, run, retried, lost, twice },
      rows,
      keys,
      costUsdPerMonth: { before: costs?.before.usdPerMonth ?? null, after: costs?.after.usdPerMonth ?? null },
      restsOn: evidence.traffic === 'front-door' ? FRONT_DOOR_RESTS_ON : [],
      processors: evidence.processors,
      phasesMs: evidence.phasesMs,
      record: evidence.record,
      evidence: evidence.evidence,
    },
  };
}

/** When the first step of any cutover began, milliseconds since the epoch. */
function cutoverBegun(sections: Evidence['sections']): number | undefined {
  const begun = sections.flatMap(({ phase, data }) => {
    const parsed = phase === 'cutover' ? stepped.safeParse(data) : undefined;
    return parsed?.success === true ? parsed.data.steps.map(({ begunAt }) => Date.parse(begunAt)) : [];
  });
  return begun.length === 0 ? undefined : Math.min(...begun);
}

/** The newest section of a phase that has what is asked for. */
function newest<T>(sections: Evidence['sections'], phase: string, schema: z.ZodType<T>): T | undefined {
  for (const section of sections.toReversed()) {
    const parsed = section.phase === phase ? schema.safeParse(section.data) : undefined;
    if (parsed?.success) return parsed.data;
  }
  return undefined;
}

/** For people: verdict first, then the figures, then what was played. */
export function describeVerdict(world: World, { verdict, reasons }: ReturnType<typeof conclude>): string[] {
  const { writes, jobs, rows, keys, costUsdPerMonth: cost } = verdict;
  const heroku = world.heroku.played;
  const digitalOcean = world.digitalOcean.played;
  const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;
  const ended = verdict.oldReleaseEndedAfterMs;
  const ownTime = ended === null ? '' : ` (the old release took ${seconds(ended)} of it to end)`;
  const before = verdict.beforeCutover;
  const money = (usd: number | null): string => (usd === null ? 'unknown' : `$${usd.toFixed(2)}`);
  return [
    verdict.verdict === 'passed' ? 'PASSED' : `FAILED: ${reasons.join('; ')}`,
    `authoritative      ${verdict.authoritative}`,
    `downtime           ${seconds(verdict.downtimeMs)}, longest hold ${seconds(verdict.longestHoldMs)}${ownTime}, ${verdict.refusedRequests} requests refused (measured from outside, on ${verdict.processors} processors)`,
    ...(before === null
      ? []
      : [
          `before the cutover ${before.refusedRequests} requests refused, longest wait ${seconds(before.longestHoldMs)}, while all that was copied shared this machine with the shop`,
        ]),
    `writes             ${writes.acknowledged} acknowledged, ${writes.found} found, ${writes.missing} missing, ${writes.doubled} doubled`,
    `jobs               ${jobs.enqueued} enqueued, ${jobs.run} run, ${jobs.retried} retried, ${jobs.lost} lost, ${jobs.twice} run twice`,
    `compared           ${rows.compared} rows (${rows.different} different), ${keys.compared} Redis keys (${keys.different} different)`,
    `cost a month       ${money(cost.before)} on Heroku, ${money(cost.after)} on DigitalOcean`,
    `played             resolvers keep names ${world.ttl.playedMs / 1000} s (TTL ${world.ttl.seconds} s); a cluster takes ${digitalOcean.clusterMs / 1000} s, a droplet ${digitalOcean.dropletMs / 1000} s, a deployment ${digitalOcean.deploymentMs / 1000} s, a certificate ${digitalOcean.certificateMs / 1000} s; a minute of both schedulers lasts ${heroku.schedulerMinuteMs / 1000} s; dynos get ${heroku.shutdownSeconds} s to end, a build takes ${heroku.buildMs / 1000} s`,
    ...verdict.restsOn.map(
      (behaviour, at) => `${at === 0 ? 'rests on           ' : '                   '}${behaviour}`,
    ),
    ...(verdict.restsOn.length === 0 ? [] : ['                   none of which a live probe has confirmed']),
    `record             ${verdict.record}`,
  ];
}
