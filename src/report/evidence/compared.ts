import { z } from 'zod';

import type { MigrationRecord } from '../../migration/record.ts';
import { latestSection } from '../../migration/record.ts';
import { formatCount } from '../format.ts';
import type { Block, Cell, Section } from './document.ts';
import { tableOf } from './document.ts';
import { readMoved } from './moved.ts';

const count = z.object({ compared: z.number(), different: z.number() });
const parity = z.object({ rows: count, keys: count });
const inLive = z.object({
  live: z.object({ proof: z.object({ rows: z.object({ compared: z.number() }) }) }),
});
const followed = z.object({ caughtUp: z.object({ compared: z.number() }) });
const jobs = z.object({ counts: z.array(z.object({ name: z.string(), size: z.number() })) });
const verified = z.object({ state: z.string(), figures: z.object({ rows: count, keys: count }) });
const carried = z.object({
  carried: z.object({
    rows: z.number(),
    keys: z.number(),
    compared: z.number(),
    jobs: z.array(z.object({ name: z.string(), size: z.number() })),
  }),
});

/** What was proven equal by content: of the whole migration, the figure that stands beside the verdict. */
export function provenOf(record: MigrationRecord): { rows: number; keys: number; jobs: number } | undefined {
  const moved = readMoved(record);
  const inside = parity.safeParse(moved?.parity).data;
  if (moved === undefined || inside === undefined) return undefined;
  const before = latestSection(record, 'migrate-db', inLive)?.live.proof.rows.compared ?? 0;
  const keysBefore = followed.safeParse(moved.redis).data?.caughtUp.compared ?? 0;
  const counts = jobs.safeParse(moved.jobs).data?.counts ?? [];
  return {
    rows: before + inside.rows.compared,
    keys: keysBefore + inside.keys.compared,
    jobs: counts.reduce((sum, { size }) => sum + size, 0),
  };
}

/** Rows, keys and jobs that were compared, when, and what differed. */
export function comparedSection(record: MigrationRecord): Section | undefined {
  const moved = readMoved(record);
  const live = latestSection(record, 'migrate-db', inLive)?.live.proof.rows.compared;
  const inside = parity.safeParse(moved?.parity).data;
  const redis = followed.safeParse(moved?.redis).data?.caughtUp.compared;
  const after = latestSection(record, 'verify', verified);
  const counts = jobs.safeParse(moved?.jobs).data?.counts ?? [];
  const back = latestSection(record, 'roll-back', carried)?.carried;
  const rows: Cell[][] = [
    ...(live === undefined ? [] : [line('Rows, while Heroku served', live, 0)]),
    ...(redis === undefined ? [] : [line('Redis keys, while Heroku served', redis, 0)]),
    ...(inside === undefined
      ? []
      : [
          line('Rows, inside the fence, before the switch', inside.rows.compared, inside.rows.different),
          line(
            'Redis keys, inside the fence, before the switch',
            inside.keys.compared,
            inside.keys.different,
          ),
        ]),
    ...(after === undefined
      ? []
      : [
          later(`Rows, by verify (${STATES[after.state] ?? after.state})`, after.figures.rows),
          later(`Redis keys, by verify (${STATES[after.state] ?? after.state})`, after.figures.keys),
        ]),
  ];
  if (rows.length + counts.length === 0 && back === undefined) return undefined;
  return {
    id: 'compared',
    title: 'Rows, keys and jobs compared',
    blocks: [
      {
        kind: 'text',
        text: 'Compared by content, every row and every key, not by counting. Inside the fence nobody writes: there nothing may differ. What verify finds different afterwards was written since by the log of the new side, or it is told as not known, or it is a failed check.',
      },
      ...tableOf(
        [
          { title: 'Compared' },
          { title: 'How many', align: 'right' },
          { title: 'Different', align: 'right' },
        ],
        rows,
      ),
      ...(counts.length === 0
        ? []
        : jobsTable(
            'The jobs of every queue and set were counted on both sides before the switch, and were equal:',
            counts,
          )),
      ...(back === undefined
        ? []
        : [
            {
              kind: 'text',
              text: `Carried back to Heroku: ${formatCount(back.rows)} rows and ${formatCount(back.keys)} keys that had changed; ${formatCount(back.compared)} rows and keys were compared after it, and none differed.`,
            } as const,
            ...(back.jobs.length === 0
              ? []
              : jobsTable('Jobs carried back, equal on both sides:', back.jobs)),
          ]),
    ],
  };
}

const STATES: Record<string, string> = {
  practice: 'Heroku serves, the copy is older',
  moved: 'DigitalOcean serves and writes',
};

function line(what: string, compared: number, different: number): Cell[] {
  return [
    what,
    formatCount(compared),
    { text: formatCount(different), tone: different === 0 ? 'good' : 'bad' },
  ];
}

/** After the switch, or before the cutover, one side has gone on writing. */
function later(what: string, { compared, different }: z.infer<typeof count>): Cell[] {
  return [what, formatCount(compared), formatCount(different)];
}

function jobsTable(title: string, counts: readonly { name: string; size: number }[]): Block[] {
  return [
    { kind: 'text', text: title },
    ...tableOf(
      [{ title: 'Queue or set' }, { title: 'Waiting', align: 'right' }],
      counts.map(({ name, size }) => [name, formatCount(size)]),
    ),
  ];
}
