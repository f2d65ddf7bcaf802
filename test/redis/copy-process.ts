import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { copyRedis, type RedisCopyOptions } from '../../src/redis/copy.ts';

/** A whole copy in a process of its own, which can be killed at any moment: run by the tests beside it. */
export type CopyProcessInput = Pick<RedisCopyOptions, 'source' | 'target' | 'skip' | 'migrationId'>;

const input = JSON.parse(process.env['COPY_INPUT'] ?? '') as CopyProcessInput;
process.stdout.write('started\n');
await copyRedis({ ...input, log: silentLog, clock: systemClock });
process.stdout.write('copied\n');
