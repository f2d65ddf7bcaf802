import type { Redis } from 'ioredis';
import { readInfo } from './facts.ts';

/**
 * What stays the same as long as nobody writes to the server: its count of changes since it was last saved, and since
 * when it counts. null where it does not say.
 */
export async function readWriteMark(redis: Redis): Promise<string | null> {
  const [server, persistence] = [await readInfo(redis, 'server'), await readInfo(redis, 'persistence')];
  const mark = [
    server.get('run_id'),
    persistence.get('rdb_last_save_time'),
    persistence.get('rdb_changes_since_last_save'),
  ];
  return mark.includes(undefined) ? null : mark.join(' ');
}
