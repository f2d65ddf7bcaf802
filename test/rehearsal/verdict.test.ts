import { expect, test } from '@jest/globals';
import type { Verdict as Judgement } from '../../rehearsal/load/judge.ts';
import type { LoadReport } from '../../rehearsal/load/report.ts';
import { defaultPlayed as digitalOcean } from '../../rehearsal/digitalocean/played.ts';
import { defaultPlayed as heroku } from '../../rehearsal/heroku/played.ts';
import { FRONT_DOOR_RESTS_ON } from '../../rehearsal/heroku/unproved.ts';
import { conclude, describeVerdict, type Evidence } from '../../rehearsal/verdict.ts';
import type { World } from '../../rehearsal/world.ts';

// A verdict that never fails proves nothing: each figure as it may not be, one at a time.

const compared = { compared: 10, different: 0 };

interface Figures {
  load?: Partial<LoadReport>;
  webhooks?: number;
  writes?: Partial<Judgement['writes']>;
  jobs?: Partial<Judgement['jobs']>;
  stranded?: number;
  sideChanges?: number;
  parity?: { rows?: typeof compared; keys?: typeof compared };
  evidence?: Partial<Evidence>;
  rolledBack?: true;
  /** The copy was followed, as the record tells. */
  live?: true;
  oldReleaseEndedAfterMs?: number;
  /** The first step of the cutover. */
  begunAt?: string;
}

function judged(figures: Figures = {}): string[] {
  const { verdict, reasons } = concluded(figures);
  expect(verdict.verdict).toBe(reasons.length === 0 ? 'passed' : 'failed');
  return reasons;
}

function concluded(figures: Figures): ReturnType<typeof conclude> {
  const judgement: Judgement = {
    writes: { acknowledged: 5, found: 5, missing: 0, doubled: 0, ...figures.writes },
    jobs: { enqueued: 5, run: 5, retried: 1, waiting: 0, dead: 0, lost: 0, twice: 0, ...figures.jobs },
    schedules: { fired: 4, sideChanges: figures.sideChanges ?? 1 },
    stranded: figures.stranded ?? 0,
    examples: { missing: [], doubled: [], lost: [], twice: [] },
  };
  const load = {
    ...{ downtimeMs: 900, refusedRequests: 3, longestHoldMs: 0, forgottenOrders: 0, ...figures.load },
    webhooks: { outstanding: figures.webhooks ?? 0 },
  } as LoadReport;
  const ended = figures.oldReleaseEndedAfterMs;
  return conclude({
    ...{ load, judgement, authoritative: 'digitalocean', expected: 'digitalocean', ended: true },
    ...{ strategy: 'window', traffic: 'dns', namesKeptMs: 4500, disturbed: false },
    sections: [
      ...(figures.live === undefined
        ? []
        : [{ phase: 'migrate-db', data: { live: { proof: { rows: compared } } } }]),
      {
        phase: 'cutover',
        data: {
          parity: { rows: compared, keys: compared, ...figures.parity },
          ...(ended === undefined ? {} : { oldReleaseEndedAfterMs: ended }),
          ...(figures.begunAt === undefined ? {} : { steps: [{ begunAt: figures.begunAt }] }),
        },
      },
      ...(figures.rolledBack === undefined ? [] : [{ phase: 'roll-back', data: {} }]),
    ],
    ...{
      processors: 2,
      phasesMs: {},
      record: 'record.json',
      evidence: null,
      conditions: [],
      ...figures.evidence,
    },
  });
}

test('with every figure as it must be the verdict is passed', () => {
  expect(judged()).toEqual([]);
  expect(judged({ sideChanges: 0 })).toEqual([]);
});

test.each<[string, Figures]>([
  ['1 requests refused', { evidence: { traffic: 'front-door' }, load: { refusedRequests: 1 } }],
  ['1 acknowledged writes missing', { writes: { missing: 1 } }],
  ['1 acknowledged writes doubled', { writes: { doubled: 1 } }],
  ['1 jobs lost', { jobs: { lost: 1 } }],
  ['1 jobs run twice', { jobs: { twice: 1 } }],
  ['1 jobs stranded on the other side', { stranded: 1 }],
  ['1 orders that were acknowledged and then not found', { load: { forgottenOrders: 1 } }],
  ['2 changes of the side on which schedules fired, beyond the moves', { sideChanges: 3 }],
  ['1 webhook deliveries never acknowledged', { webhooks: 1 }],
  ['1 rows different at the point of no return', { parity: { rows: { compared: 10, different: 1 } } }],
  ['1 Redis keys different at the point of no return', { parity: { keys: { compared: 9, different: 1 } } }],
  ['the workflow did not end as it was expected to', { evidence: { ended: false } }],
  ['not so: closed', { evidence: { conditions: [{ what: 'closed', holds: false }] } }],
  ['nothing was written: a verdict about nothing', { writes: { acknowledged: 0 } }],
  ['no row was compared', { parity: { rows: { compared: 0, different: 0 } } }],
])('failed: %s', (reason, figures) => {
  expect(judged(figures)).toEqual([reason]);
});

test('the side that serves in the end must be the expected one', () => {
  expect(judged({ evidence: { authoritative: 'heroku' }, sideChanges: 0 })).toEqual([
    'heroku is authoritative, and digitalocean was expected to be',
  ]);
});

test('schedules change their side once with a cutover, twice with a roll-back, and not at all without', () => {
  const stayed: Partial<Evidence> = { authoritative: 'heroku', expected: 'heroku' };
  const words = '1 changes of the side on which schedules fired, beyond the moves';
  expect(judged({ evidence: stayed, sideChanges: 0 })).toEqual([]);
  expect(judged({ evidence: stayed, sideChanges: 1 })).toEqual([words]);
  expect(judged({ evidence: stayed, sideChanges: 2, rolledBack: true })).toEqual([]);
  expect(judged({ evidence: stayed, sideChanges: 3, rolledBack: true })).toEqual([words]);
});

/** What visitors noticed of a copy that was followed. */
const noticed = (load: Partial<LoadReport>, evidence: Partial<Evidence> = {}): string[] =>
  judged({ live: true, load, evidence });

test('live and dns: a downtime of 20 s beyond what clients keep of names passes, a millisecond more fails', () => {
  expect(noticed({ downtimeMs: 24_500 })).toEqual([]);
  const words =
    'a downtime of 24501 ms: at most 20000 ms are promised, beyond the 4500 ms for which clients keep a name';
  expect(noticed({ downtimeMs: 24_501 })).toEqual([words]);
  // By the record, or by what was asked for.
  expect(judged({ load: { downtimeMs: 24_501 }, evidence: { strategy: 'live' } })).toEqual([words]);
});

test('live and front door: a hold of 4 s beyond the old release’s own end passes, a millisecond more fails', () => {
  const frontDoor: Partial<Evidence> = { traffic: 'front-door' };
  const held = (longestHoldMs: number): Figures => ({
    live: true,
    load: { longestHoldMs, refusedRequests: 0 },
    evidence: frontDoor,
  });
  expect(judged({ ...held(5_200), oldReleaseEndedAfterMs: 1_200 })).toEqual([]);
  expect(judged({ ...held(5_201), oldReleaseEndedAfterMs: 1_200 })).toEqual([
    'a hold of 5201 ms: at most 4000 ms are promised, beyond the 1200 ms that the old release took to end',
  ]);
  expect(judged(held(0))).toEqual([
    'how long the old release took to end is in no record, so nobody can tell who waited too long',
  ]);
});

test('how long visitors waited before the cutover began is told and not judged; since then it is', () => {
  const at = (second: number): number => Date.parse('2026-11-23T23:38:00Z') + second * 1000;
  const seen = (from: number): ReturnType<typeof conclude> =>
    concluded({
      ...{ live: true, oldReleaseEndedAfterMs: 0, begunAt: new Date(at(0)).toISOString() },
      evidence: { traffic: 'front-door' },
      load: {
        refusedRequests: 3,
        outages: [{ client: 'one', from: at(from), until: at(from + 2), refused: 3 }],
        answers: [{ from: at(from), until: at(from + 7) }],
      },
    });
  const before = seen(-10);
  // With the front door nobody is refused at any time.
  expect(before.reasons).toEqual(['3 requests refused']);
  expect(before.verdict).toMatchObject({
    beforeCutover: { refusedRequests: 3, downtimeMs: 2_000, longestHoldMs: 7_000 },
    ...{ refusedRequests: 0, downtimeMs: 0, longestHoldMs: 0 },
  });
  // Under way as it began, it is the cutover's.
  for (const from of [-2, 1])
    expect(seen(from).reasons).toEqual([
      '3 requests refused',
      'a hold of 7000 ms: at most 4000 ms are promised, beyond the 0 ms that the old release took to end',
    ]);
});

test('nobody promised how long visitors wait with window, where the run was to stay on Heroku, or when it was disturbed', () => {
  const long = { downtimeMs: 90_000, longestHoldMs: 90_000 };
  expect(judged({ load: long })).toEqual([]);
  expect(noticed(long, { disturbed: true })).toEqual([]);
  expect(noticed(long)).not.toEqual([]);
  const stayed: Partial<Evidence> = { authoritative: 'heroku', expected: 'heroku' };
  expect(judged({ live: true, load: long, evidence: stayed, sideChanges: 0 })).toEqual([]);
});

test('with the front door the verdict says what of Heroku it rests on, that no live probe has confirmed, and what was played', () => {
  const world = {
    heroku: { played: heroku },
    digitalOcean: { played: digitalOcean },
    ttl: { seconds: 30, playedMs: 4500 },
  } as World;
  const figures: Figures = {
    live: true,
    load: { longestHoldMs: 3_140, refusedRequests: 0 },
    oldReleaseEndedAfterMs: 1_260,
  };
  const through = concluded({ ...figures, evidence: { traffic: 'front-door' } });
  expect(through.verdict).toMatchObject({ verdict: 'passed', oldReleaseEndedAfterMs: 1_260 });
  expect(through.verdict.restsOn).toEqual(FRONT_DOOR_RESTS_ON);
  const lines = describeVerdict(world, through);
  for (const behaviour of FRONT_DOOR_RESTS_ON)
    expect(lines.filter((line) => line.endsWith(behaviour))).toHaveLength(1);
  expect(lines.join('\n')).toContain(
    'rests on           the router lets requests wait while web dynos start',
  );
  expect(lines.join('\n')).toContain('none of which a live probe has confirmed');
  expect(through.verdict.processors).toBe(2);
  expect(lines.join('\n')).toContain('requests refused (measured from outside, on 2 processors)');
  expect(lines.join('\n')).toContain('longest hold 3.1 s (the old release took 1.3 s of it to end)');
  expect(lines.join('\n')).toMatch(
    /^played +resolvers keep names 4.5 s \(TTL 30 s\); a cluster takes 2 s, .* a deployment 2 s, .* dynos get 30 s to end/m,
  );

  const led = concluded({ live: true });
  expect(led.verdict.restsOn).toEqual([]);
  expect(describeVerdict(world, led).join('\n')).not.toMatch(/rests on|live probe/);
});
