import { expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { buildEntries, type BuildOptions, type BuildResult } from '../../src/postgres/build.ts';
import { compareDatabases } from '../../src/postgres/parity.ts';
import type { SchemaArchive } from '../../src/postgres/schema-archive.ts';
import { loadedTarget } from './schema-sides.ts';
import { everythingSql, recordingLog, twoSides, type TwoSides } from './two-sides.ts';

const session = { applicationName: 'h2d test 0' };

function build(
  sides: TwoSides,
  archive: SchemaArchive,
  options: Partial<BuildOptions> = {},
): Promise<BuildResult> {
  return buildEntries(archive.entries, {
    owner: sides.owner,
    connections: 3,
    tableReady: () => Promise.resolve(),
    ...session,
    log: silentLog,
    clock: systemClock,
    ...options,
  });
}

test('everything a database holds is built, in parallel, as it was on the source', async () => {
  const sides = await twoSides(everythingSql);
  const archive = await loadedTarget(sides);
  const log = recordingLog();
  const result = await build(sides, archive, { log });
  expect(result).toMatchObject({
    built: archive.entries.filter((entry) => entry.section !== 'pre-data').length,
    reused: 0,
    retries: 0,
  });
  const parity = await compareDatabases({ source: sides.source, target: sides.owner, log: silentLog });
  expect(parity.catalogue).toEqual([]);
  expect(parity).toMatchObject({ equal: true });
  expect(log.lines.filter((line) => line.startsWith('Built INDEX public.orders_open in'))).toHaveLength(1);
  const unanalyzed = await sides.onTarget(
    `SELECT relname FROM pg_class WHERE relkind IN ('r', 'm', 'p') AND reltuples < 0 AND relowner = '${sides.owner.user}'::regrole`,
  );
  expect(unanalyzed).toEqual([]);
});
