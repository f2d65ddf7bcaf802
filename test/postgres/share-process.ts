import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { holdSharedCopy, joinSharedCopy, type SharedCopyOptions } from '../../src/migration/shared-copy.ts';
import { copyDatabase, type CopyOptions } from '../../src/postgres/copy.ts';
import { takePart } from '../../src/postgres/take-part.ts';
import type { PostgresAddress } from '../../src/postgres/connect.ts';

/** One runner of a shared copy in a process of its own, which can be killed: run by the tests beside it. */
export interface ShareProcessInput {
  journal: PostgresAddress;
  epoch: number;
  board: Omit<SharedCopyOptions, 'log' | 'clock'>;
  copy: Omit<CopyOptions, 'log' | 'clock' | 'signal'>;
}

const input = JSON.parse(process.env['SHARE_INPUT'] ?? '') as ShareProcessInput;
const { migrationId, source, loader } = input.copy;
const place = { migrationId, address: input.journal };
const both = { log: silentLog, clock: systemClock };
const { runner } = input.board;
try {
  if (runner.shard === 1)
    await holdSharedCopy(place, input.epoch, { ...input.board, ...both }, (others) =>
      copyDatabase({ ...input.copy, ...both, epoch: input.epoch, others }),
    );
  else
    await joinSharedCopy(place, { ...input.board, ...both }, (holder) =>
      takePart({
        ...{ source, loader, migrationId, holder, ...both },
        ...{ shard: runner.shard, shards: runner.shards, everyMs: 50, patienceMs: 10_000 },
      }),
    );
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
}
