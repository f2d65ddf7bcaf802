import { expect, test } from '@jest/globals';
import type { Assessment } from '../../actions/assess/assessment.ts';
import { recordedAssessment } from '../../actions/assess/recorded.ts';
import { addSection, emptyRecord } from '../../src/migration/record.ts';

const table = (number: number) => ({
  schema: 'public',
  name: `table_${number}`,
  bytes: 1_000_000 - number,
  estimatedRows: number,
  key: ['id'],
});

/** Only what the record takes from an assessment. */
function assessmentWith(more: Record<string, unknown>): Assessment {
  const plan = { verdict: 'ready', items: [] };
  return { plan, digest: 'sha256:0', inventory: {}, proposed: false, ...more } as unknown as Assessment;
}

test('of very many tables the largest are kept and the others counted, so that the record takes the section', () => {
  const tables = Array.from({ length: 40_000 }, (_, number) => table(number));
  const data = recordedAssessment(assessmentWith({ database: { sizeBytes: 1, tables } }), undefined);
  const { tables: kept, tablesLeftOut } = data.database as { tables: unknown[]; tablesLeftOut: number };
  expect(kept[0]).toEqual(tables[0]);
  expect(kept.length).toBeGreaterThan(1000);
  expect(kept.length + tablesLeftOut).toBe(tables.length);
  const run = { runId: '1', runAttempt: 1, actor: 'ada', runUrl: 'https://github.com/acme/shop' };
  const record = emptyRecord({ migrationId: 'shop-staging', application: 'shop', environment: 'staging' });
  expect(addSection(record, 'assess', { at: new Date(0), run, data }).sections).toHaveLength(1);
});

test('of Redis the facts are kept, but no name of a single key and no group that looks like a secret', () => {
  const sample = {
    keys: 3,
    prefixes: [{ pattern: 'cache:*' }, { pattern: 'redis://user:s3cret@host/*' }],
    biggest: [{ name: "'session:ada'", type: 'hash', bytes: 5, expires: true, database: 0 }],
    streams: [{ name: "'stream:ada'", entries: 1, groups: 0, database: 0 }],
  };
  const { redis } = recordedAssessment(
    assessmentWith({ redisInDepth: { server: { version: '7.2' }, sample } }),
    undefined,
  );
  expect(redis).toMatchObject({
    server: { version: '7.2' },
    sample: { prefixes: [{ pattern: 'cache:*' }], biggest: [{ type: 'hash', bytes: 5 }] },
  });
  expect(JSON.stringify(redis)).not.toMatch(/ada|s3cret/);
});
