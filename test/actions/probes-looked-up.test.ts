import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

import type { Finding } from '../../actions/cutover/findings.ts';
import { probeFindings } from '../../actions/cutover/probed.ts';
import { startGitHub, type GitHubWorld, type TokenPermissions } from '../../rehearsal/github/world.ts';
import { silentLog } from '../../src/log.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { addSection, emptyRecord } from '../../src/migration/record.ts';
import { neededProbes, type ProbeId } from '../../src/probe/probes.ts';
import { edgeOf } from './edge-of.ts';

const CONFIG =
  'application: shop\nenvironments: { staging: { heroku-app: shop-staging, region: fra }, production: { heroku-app: shop-production, region: fra } }\n';
const config = parseMigrationConfig(CONFIG, 'migration.yml');
const production = environmentOf(config, 'production');
const NEEDED = neededProbes({ strategy: 'window', traffic: 'dns', redis: false, domains: false });
let github: GitHubWorld;
let directory: string;

beforeEach(async () => {
  github = await startGitHub({ log: silentLog, repository: 'acme/shop' });
  directory = mkdtempSync(join(tmpdir(), 'probed-'));
  writeFileSync(join(directory, 'migration.yml'), CONFIG);
});
afterEach(async () => {
  await github.stop();
  rmSync(directory, { recursive: true });
});

/** As probe.yml keeps it. */
function keep(
  environment: string,
  results: [ProbeId, 'passed' | 'failed'][],
  change = (text: string): string => text,
): void {
  const { id } = github.createRun({ actor: 'ada', event: 'workflow_dispatch' });
  const run = { runId: String(id), runAttempt: 1, actor: 'ada', runUrl: 'https://github.com' };
  const at = new Date();
  const record = addSection(
    emptyRecord({ migrationId: `shop-${environment}-probe`, application: 'shop', environment }),
    'probe',
    {
      ...{ at, run },
      data: {
        probes: results.map(([probe, result]) => ({
          ...{ id: probe, result, seen: 'what was seen', milliseconds: 1 },
          at: at.toISOString(),
        })),
      },
    },
  );
  const folder = join(github.artifacts(id), `migration-record-${environment}-probe`);
  mkdirSync(folder);
  writeFileSync(join(folder, 'migration-record.json'), change(JSON.stringify(record)));
}

const lookUp = (
  permissions: TokenPermissions = { actions: 'read' },
  environment: Record<string, string> = {
    GITHUB_REPOSITORY: 'acme/shop',
    GITHUB_API_URL: github.apiUrl,
  },
): Promise<Finding[]> =>
  probeFindings(
    edgeOf(
      {
        'github-token': github.issueToken(permissions),
        config: join(directory, 'migration.yml'),
        environment: 'production',
      },
      { environment },
    ),
    {
      subject: {
        config,
        environment: production,
        recordPath: '',
        record: emptyRecord({ ...production, application: 'shop', environment: 'production' }),
      },
      // Nothing of it is asked but whether there is one.
      oldSide: { redis: undefined } as Parameters<typeof probeFindings>[1]['oldSide'],
    },
    'window',
  );

const named = (findings: Finding[], what: string): Finding | undefined =>
  findings.find((one) => one.what === what);

test('what was asked for staging counts for production, whichever run answered which probe', async () => {
  const [first, ...others] = NEEDED;
  keep('staging', [[first ?? 'doadmin', 'passed']]);
  keep(
    'production',
    others.map((id) => [id, 'passed']),
  );
  expect(await lookUp()).toEqual([
    { what: 'probes that passed', found: expect.stringMatching(new RegExp(NEEDED.join(',.*'))) },
  ]);
});

test('a probe that failed for either environment stands in the way', async () => {
  keep('staging', [
    ['doadmin', 'failed'],
    ['router-hold', 'failed'],
  ]);
  const findings = await lookUp();
  expect(named(findings, 'probe doadmin')).toMatchObject({
    found: expect.stringMatching(/^failed .* ago: what was seen$/),
    remedy: expect.stringContaining('probe.yml'),
  });
  // Nothing of a front door is in this plan.
  expect(named(findings, 'probe router-hold')).toBeUndefined();
});

test('a record that was altered is told, and what it says counts for nothing', async () => {
  keep('staging', [['doadmin', 'failed']], (text) => text.replace('"failed"', '"passed"'));
  const findings = await lookUp();
  expect(named(findings, 'probes without an answer')?.found).toContain('doadmin was never run');
  expect(named(findings, 'records of the probes')).toMatchObject({
    found: expect.stringContaining('1 records of earlier runs could not be read'),
    advice: 'A probe that failed may be among them.',
  });
});

test('without the permission, and outside of GitHub, that nothing was looked at is told', async () => {
  expect(named(await lookUp({}), 'records of the probes')?.found).toContain('`permissions: actions: read`');
  expect(named(await lookUp({}, {}), 'records of the probes')?.found).toContain('no run of GitHub’s');
});
