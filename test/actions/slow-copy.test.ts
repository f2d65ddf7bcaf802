import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { endCopy, type Copied } from '../../actions/migrate-db/copy.ts';
import { openSubject } from '../../actions/subject.ts';
import { temporaryDirectory } from '../../rehearsal/servers/process.ts';
import { judged, type Check } from '../../src/checks/result.ts';
import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { judgeCopy } from '../../src/migration/rehearsal-record.ts';
import { CONFIG } from './played-sides.ts';
import { edgeOf } from './edge-of.ts';

// How migrate-db ends after a copy that is complete.

const copied: Copied = {
  ...{
    strategy: 'window',
    tables: 3,
    bytes: 4096,
    keys: 0,
    redis: null,
    removed: [],
    movedOn: [],
    measured: [],
  },
  speed: { copyBytesPerSecond: 1, parityBytesPerSecond: 1 },
};

const read = (passed: boolean): Check =>
  judged('capacity/read/1', 'capacity', 'SELECT * FROM orders', {
    passed,
    found: passed ? '2 ms' : '2 ms on Heroku, 900 ms on DigitalOcean',
    remedy: 'Look at its plan.',
  });

async function end(
  checks: Check[],
): Promise<{ thrown: unknown; verdict: string; summary: string; page: string }> {
  const directory = temporaryDirectory('slow-copy');
  const summaries: string[] = [];
  const edge: Edge = {
    ...edgeOf({ record: join(directory, 'migration-record.json') }),
    setOutput: () => undefined,
    summary: (text) => {
      summaries.push(text);
      return Promise.resolve();
    },
  };
  const config = parseMigrationConfig(CONFIG, 'migration.yml');
  const subject = await openSubject(edge, config, environmentOf(config, 'staging'));
  const thrown = await endCopy(edge, subject, copied, checks).then(
    () => undefined,
    (error: unknown) => error,
  );
  return {
    thrown,
    verdict: judgeCopy(subject.record).verdict,
    summary: summaries.join('\n'),
    page: readFileSync(join(directory, 'migration-evidence.html'), 'utf8'),
  };
}

test('a copy that would be slow at the peak fails its run after it was recorded and told, with what to do', async () => {
  const { thrown, verdict, summary, page } = await end([read(false)]);
  expect(thrown).toBeInstanceOf(ConfigurationError);
  expect(String(thrown)).toMatch(
    /The copy is complete, and the new side would not bear .*\n {2}SELECT \* FROM orders: 2 ms on Heroku, 900 ms on DigitalOcean – Look at its plan\./,
  );
  expect(verdict).toBe('failed');
  expect(summary).toContain('### The new side would not bear this');
  expect(page).toContain('900 ms on DigitalOcean');
});

test('one that bears it ends well', async () => {
  const { thrown, verdict, summary } = await end([read(true)]);
  expect({ thrown, verdict }).toEqual({ thrown: undefined, verdict: 'passed' });
  expect(summary).not.toContain('would not bear');
});
