import { expect, test } from '@jest/globals';
import { silentLog } from '../../src/log.ts';
import { measureLink } from '../../src/postgres/link.ts';
import { freshDatabase } from '../support/servers.ts';
import { addressOf } from './draining.ts';

test('nearby fewer chunks travel at the same time while the source serves; connections that are scarce are shared', async () => {
  const address = addressOf(await freshDatabase({ sql: 'SELECT' }));
  const pairsOf = async (options: { serves?: boolean; shards?: number }): Promise<number> => {
    const { pairs } = await measureLink(address, address, {
      applicationName: 'link',
      log: silentLog,
      ...options,
    });
    return pairs;
  };
  expect(await pairsOf({})).toBe(4);
  expect(await pairsOf({ serves: true })).toBe(2);
  expect(await pairsOf({ shards: 3 })).toBe(4);
  expect(await pairsOf({ shards: 1_000 })).toBe(1);
});
