import { readFileSync } from 'node:fs';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { planTables } from '../../src/postgres/chunks.ts';
import { withConnection, type PostgresAddress } from '../../src/postgres/connect.ts';
import { copyTables } from '../../src/postgres/copy-tables.ts';
import { readDatabaseFacts } from '../../src/postgres/facts.ts';
import { exportSnapshot, withSnapshot } from '../../src/postgres/snapshot.ts';
import { claimEpoch } from '../../src/postgres/stamp.ts';

/** A copy in a process of its own, which can be killed and whose memory is its own: run by the tests beside it. */
export interface CopyProcessInput {
  source: PostgresAddress;
  loader: PostgresAddress;
  migrationId: string;
  epoch: number;
  chunkBytes: number;
  pairs: number;
  resume: boolean;
}

/** Its last line of output, as JSON. */
export interface CopyProcessOutput {
  rows: number;
  bytes: number;
  reused: { tables: number; chunks: number };
  milliseconds: number;
  /** The most memory that the process has had at one time, megabytes. */
  peakMb: number;
}

const input = JSON.parse(process.env['COPY_INPUT'] ?? '') as CopyProcessInput;
const session = {
  applicationName: `h2d ${input.migrationId} ${input.epoch}`,
  log: silentLog,
  clock: systemClock,
};
await withConnection(input.loader, session, (client) => claimEpoch(client, input));
const snapshot = await exportSnapshot(input.source, session);
const target = await withConnection(input.loader, session, readDatabaseFacts);
const tables = await withSnapshot(input.source, snapshot, session, async (client) =>
  planTables(client, { source: await readDatabaseFacts(client), target }, input.chunkBytes),
);
const started = performance.now();
const copied = await copyTables({ ...input, snapshot, tables, log: silentLog, clock: systemClock });
const milliseconds = performance.now() - started;
await snapshot.release();
const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'latin1') : '';
const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
const { rows, bytes, reused } = copied;
const output: CopyProcessOutput = {
  ...{ rows, bytes, reused, milliseconds },
  peakMb: peak === undefined ? process.memoryUsage().rss / 1e6 : Number(peak) / 1000,
};
process.stdout.write(`${JSON.stringify(output)}\n`);
