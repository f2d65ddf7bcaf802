import type { Edge } from '../../src/github/run.ts';
import type { SharingRunner } from '../../src/migration/shared-copy.ts';
import { joinSharedCopy } from '../../src/migration/shared-copy.ts';
import type { PartTaken } from '../../src/postgres/take-part.ts';
import { takePart } from '../../src/postgres/take-part.ts';
import { formatBytes, formatCount } from '../../src/report/format.ts';
import { heading } from '../../src/report/summary.ts';
import { reachBothSides } from '../parties.ts';
import type { Subject } from '../subject.ts';

const LOOK_EVERY_MS = 2_000;
/** The job of shard 1 may wait for a free runner longer than this one did. */
const PATIENCE_MS = 30 * 60_000;

/**
 * `copy` as one of several runners, but the first: copies this runner's share of Postgres's rows under the snapshot, the
 * lease and the journal's steps of the first, which answers for the whole. The record is that runner's to write.
 */
export async function copyShareCommand(edge: Edge, subject: Subject, runner: SharingRunner): Promise<void> {
  const { log, clock, signal } = edge;
  const { migrationId, herokuApp } = subject.environment;
  edge.setOutput('record', subject.recordPath);
  if (edge.inputs.boolean('dry-run')) {
    log.info(
      `Would copy a share of ${herokuApp} (shard ${runner.shard} of ${runner.shards}), as shard 1 deals it.`,
    );
    edge.setOutput('outcome', 'planned');
    edge.setOutput('changed', false);
    return;
  }
  const { database, target, pass, journal } = await reachBothSides(edge, subject);
  try {
    const taken = await log.group(`Copy shard ${runner.shard} of ${runner.shards}`, () =>
      joinSharedCopy(journal, { runner, pass, log, clock }, (holder) =>
        takePart({
          ...{ source: database, loader: target.loader, migrationId, holder, log, clock, signal },
          ...{ shard: runner.shard, shards: runner.shards },
          ...{ everyMs: LOOK_EVERY_MS, patienceMs: PATIENCE_MS },
        }),
      ),
    );
    await tell(edge, runner, taken);
  } finally {
    await journal.close();
  }
}

async function tell(edge: Edge, { shard, shards }: SharingRunner, taken: PartTaken): Promise<void> {
  const { chunks, rows, bytes } = taken;
  const what = `${formatCount(rows)} rows (${formatBytes(bytes)}) in ${formatCount(chunks)} chunks`;
  edge.log.info(`Shard ${shard} of ${shards} is there: ${what} copied by this runner.`);
  edge.setOutput('outcome', chunks === 0 ? 'nothing-to-do' : 'copied');
  edge.setOutput('changed', rows > 0);
  await edge.summary(
    [
      heading(`Copied shard ${shard} of ${shards}: ${what}`, 2),
      'Shard 1 of this run answers for the whole copy: what was copied, compared and measured stands there.',
    ].join('\n\n'),
  );
}
