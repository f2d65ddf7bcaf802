import { expect, test } from '@jest/globals';
import type { Verdict as Judgement } from '../../rehearsal/load/judge.ts';
import type { LoadReport } from '../../rehearsal/load/report.ts';
import { conclude, type Evidence } from '../../rehearsal/verdict.ts';

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
}

function judged(figures: Figures = {}): string[] {
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
  const { verdict, reasons } = conclude({
    ...{ load, judgement, authoritative: 'digitalocean', expected: 'digitalocean', ended: true },
    sections: [
      { phase: 'cutover', data: { parity: { rows: compared, keys: compared, ...figures.parity } } },
      ...(figures.rolledBack === undefined ? [] : [{ phase: 'roll-back', data: {} }]),
    ],
    ...{ phasesMs: {}, record: 'record.json', evidence: null, conditions: [], ...figures.evidence },
  });
  expect(verdict.verdict).toBe(reasons.length === 0 ? 'passed' : 'failed');
  return reasons;
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
