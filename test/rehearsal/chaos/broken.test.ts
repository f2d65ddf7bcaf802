import { expect, test } from '@jest/globals';
import { brokenBy, type Outcome } from '../../../rehearsal/chaos/broken.ts';
import type { Verdict as Judgement } from '../../../rehearsal/load/judge.ts';
import type { LoadReport } from '../../../rehearsal/load/report.ts';

// A run that breaks nothing, and then each promise broken, one at a time.

interface Figures {
  writes?: Partial<Judgement['writes']>;
  jobs?: Partial<Judgement['jobs']>;
  schedules?: Partial<Judgement['schedules']>;
  stranded?: number;
  webhooks?: Partial<LoadReport['webhooks']>;
  outcome?: Partial<Outcome>;
}

function broken({ writes, jobs, schedules, stranded = 0, webhooks, outcome }: Figures = {}): string[] {
  const judgement: Judgement = {
    writes: { acknowledged: 5, found: 5, missing: 0, doubled: 0, ...writes },
    jobs: { enqueued: 5, run: 5, retried: 1, waiting: 0, dead: 0, lost: 0, twice: 0, ...jobs },
    schedules: { fired: 4, sideChanges: 0, ...schedules },
    stranded,
    examples: { missing: [], doubled: [], lost: [], twice: [] },
  };
  const quiet: LoadReport['webhooks'] = {
    ...{ sent: 3, acknowledged: 3, attempts: 4, givenUp: 1, outstanding: 0, slowestMs: 5000 },
  };
  return brokenBy({
    judgement,
    // Refused while things went wrong, which may be.
    load: { refusedRequests: 9, forgottenOrders: 0, webhooks: { ...quiet, ...webhooks } },
    late: { refusedRequests: 0, forgottenOrders: 0, webhooks: quiet },
    ...{ conditions: [], authoritative: 'digitalocean', rolledBack: false, ...outcome },
  });
}

const lateSeen = { refusedRequests: 0, forgottenOrders: 0, webhooks: { sent: 0, outstanding: 0 } };
const late = (seen: object): Partial<Outcome> => ({ late: { ...lateSeen, ...seen } as Outcome['late'] });

test('a run in which visitors were refused, and deliveries came again, breaks nothing', () => {
  expect(broken()).toEqual([]);
});

test.each<[string, Figures]>([
  ['1 acknowledged writes missing', { writes: { missing: 1 } }],
  ['1 writes doubled', { writes: { doubled: 1 } }],
  ['1 jobs lost', { jobs: { lost: 1 } }],
  ['1 jobs run on both sides', { jobs: { twice: 1 } }],
  ['1 jobs stranded on the other side', { stranded: 1 }],
  ['1 requests refused after all was over', { outcome: late({ refusedRequests: 1 }) }],
  ['1 orders acknowledged and then not found', { outcome: late({ forgottenOrders: 1 }) }],
  ['2 webhook deliveries never acknowledged', { webhooks: { outstanding: 2 } }],
  ['1 webhook deliveries never acknowledged', { outcome: late({ webhooks: { sent: 1, outstanding: 1 } }) }],
  ['not so: closed', { outcome: { conditions: [{ what: 'closed', holds: false }] } }],
  ['nothing was written: a verdict about nothing', { writes: { found: 0 } }],
  ['no schedule fired: a verdict about nothing', { schedules: { fired: 0 } }],
  ['no webhook was delivered: a verdict about nothing', { webhooks: { sent: 0 }, outcome: late({}) }],
])('broken: %s', (reason, figures) => {
  expect(broken(figures)).toEqual([reason]);
});

test('what is wrong is told with its examples', () => {
  const examples = { missing: ['order 1: its lines'], doubled: [], lost: ['jid: nowhere'], twice: [] };
  const judgement = { writes: {}, jobs: {}, schedules: {}, stranded: 0, examples } as unknown as Judgement;
  expect(broken({ outcome: { judgement } })).toEqual(['order 1: its lines', 'jid: nowhere']);
});

test('before the switch the new side holds the practice copy’s jobs, which nobody runs', () => {
  expect(broken({ stranded: 7, outcome: { authoritative: 'heroku' } })).toEqual([]);
});

test.each([
  ['heroku', false, 0],
  ['digitalocean', false, 1],
  ['heroku', true, 2],
  // A roll-back that came to nothing leaves the new side serving.
  ['digitalocean', true, 1],
] as const)(
  'schedules: %s serves, rolled back %s: the side changes %i times at most',
  (authoritative, rolledBack, most) => {
    const changed = (sideChanges: number): string[] =>
      broken({ schedules: { sideChanges }, outcome: { authoritative, rolledBack } });
    expect(changed(0)).toEqual([]);
    expect(changed(most)).toEqual([]);
    expect(changed(most + 1)).toEqual(['1 changes of the side on which schedules fired, beyond the moves']);
  },
);
