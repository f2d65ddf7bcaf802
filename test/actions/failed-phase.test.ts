import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { CUTOVER_FAILED } from '../../actions/cutover/summary.ts';
import { tellingFailure } from '../../actions/failed-phase.ts';
import type { Subject } from '../../actions/subject.ts';
import { systemClock } from '../../src/clock.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { inputsFrom } from '../../src/github/inputs.ts';
import type { Edge } from '../../src/github/run.ts';
import { readRunEnvironment } from '../../src/github/run-environment.ts';
import { silentLog } from '../../src/log.ts';
import { environmentOf, parseMigrationConfig } from '../../src/migration/config.ts';
import { openJournal } from '../../src/migration/journal.ts';
import { acquireLease } from '../../src/migration/lease.ts';
import { emptyRecord, latestSection, readRecord } from '../../src/migration/record.ts';
import { defineStep, runSteps, type Step } from '../../src/migration/saga.ts';
import { journalDatabase } from '../migration/support/journal-database.ts';
import { CONFIG } from './played-sides.ts';

const SECRET = 'hunter2hunter2';
let directory: string;
let subject: Subject;
let summary: string;
let outputs: Record<string, unknown>;
let warnings: string[];
let edge: Edge;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'failed-'));
  const config = parseMigrationConfig(CONFIG, 'migration.yml');
  const environment = environmentOf(config, 'staging');
  const { migrationId } = environment;
  const record = emptyRecord({ migrationId, application: 'shop', environment: 'staging' });
  subject = { config, environment, recordPath: join(directory, 'record.json'), record };
  [summary, outputs, warnings] = ['', {}, []];
  edge = {
    inputs: inputsFrom(
      () => undefined,
      () => undefined,
    ),
    log: { ...silentLog, warning: (line) => warnings.push(line) },
    clock: systemClock,
    signal: new AbortController().signal,
    environment: readRunEnvironment({ GITHUB_RUN_ID: '7', GITHUB_REPOSITORY: 'acme/shop' }),
    mask: () => undefined,
    maskUrl: () => undefined,
    redact: (text) => text.replaceAll(SECRET, '***'),
    setOutput: (name, value) => {
      outputs[name] = value;
    },
    annotate: () => undefined,
    saveState: () => undefined,
    getState: () => '',
    summary: (markdown) => {
      summary += markdown.replaceAll(/\\(?=[^\w\s])/g, '');
      return Promise.resolve();
    },
  };
});
afterEach(() => rmSync(directory, { recursive: true }));

const recorded = async () =>
  latestSection(await readRecord(subject.recordPath), 'cutover', z.looseObject({ outcome: z.string() }));
const act = (name: string, more: Partial<Step> = {}): Step =>
  defineStep({ name, act: () => Promise.resolve(null), undo: () => Promise.resolve(), ...more });
const breaking = (name: string): Step =>
  act(name, { act: () => Promise.reject(new Error(`no answer from ${SECRET}`)) });
const switching = act('point-of-no-return', {
  pointOfNoReturn: true,
  settle: () => Promise.resolve('not-done'),
});

// Waiting between attempts is the clock's; here it passes at once.
const clock = { ...systemClock, sleep: () => Promise.resolve() };

/** Runs these steps as a cutover on a journal of its own. */
async function cutOver(steps: Step[]): Promise<unknown> {
  const { address } = await journalDatabase();
  const journal = await openJournal(address, 'shop-staging');
  const lease = await acquireLease(journal, { holder: edge.environment, log: silentLog, clock: systemClock });
  try {
    return await tellingFailure(edge, { subject, phase: 'cutover', words: CUTOVER_FAILED }, (onStep) =>
      runSteps(journal, lease, steps, { phase: 'cutover', log: silentLog, clock, onStep }),
    ).catch((error: unknown) => error);
  } finally {
    await lease.release();
    await journal.close();
  }
}

test('an undone cutover tells why, what was undone, and that Heroku serves, in the record and the summary', async () => {
  const error = await cutOver([act('stop-workers'), act('maintenance-mode'), breaking('fence'), switching]);
  expect(error).toHaveProperty('name', 'UndoneError');
  expect(await recorded()).toMatchObject({
    outcome: 'undone',
    changed: false,
    reason: expect.stringContaining('no answer from ***') as unknown,
    steps: [
      { name: 'stop-workers', ended: 'undone' },
      { name: 'maintenance-mode', ended: 'undone' },
      { name: 'fence', ended: 'undone' },
    ],
  });
  expect(summary).toMatch(/^## shop (.*): the cutover was undone, Heroku serves as before\n/);
  expect(summary).toMatch(/The maintenance page stood for \d+ ms/);
  expect(summary).toContain('| maintenance-mode | undone |');
  expect(summary + JSON.stringify(await readRecord(subject.recordPath))).not.toContain(SECRET);
  expect(outputs).toMatchObject({ outcome: 'undone', changed: false, record: subject.recordPath });
});

test('a cutover that stops after the point of no return is told as unfinished, with what to do', async () => {
  const error = await cutOver([act('maintenance-mode'), switching, breaking('smoke')]);
  expect(error).toHaveProperty('name', 'UnfinishedError');
  expect(await recorded()).toMatchObject({ outcome: 'unfinished', changed: true });
  expect(summary).toContain('after its point of no return');
  expect(summary).toContain('run the same job again');
  expect(summary).not.toContain('maintenance page stood');
});

test('half done is told as such: an undo that fails, or an act whose end nobody knows', async () => {
  const undo = (): Promise<void> => Promise.reject(new Error('Heroku is in trouble'));
  const { address } = await journalDatabase();
  const journal = await openJournal(address, 'shop-staging');
  const lease = await acquireLease(journal, { holder: edge.environment, log: silentLog, clock: systemClock });
  await tellingFailure(edge, { subject, phase: 'cutover', words: CUTOVER_FAILED }, (onStep) =>
    runSteps(journal, lease, [act('maintenance-mode', { undo }), breaking('fence')], {
      phase: 'cutover',
      log: silentLog,
      clock,
      onStep,
    }),
  ).catch(() => undefined);
  await lease.release();
  await journal.close();
  expect(await recorded()).toMatchObject({ outcome: 'stuck', changed: true });
  expect(summary).toContain('somebody must look now');
  expect(summary).toContain('| maintenance-mode | undoing it failed |');
});

test('what is refused before the first step touched nothing, and says so', async () => {
  const refused = new ConfigurationError('Another run is working on shop-staging.');
  await expect(
    tellingFailure(edge, { subject, phase: 'cutover', words: CUTOVER_FAILED }, () => Promise.reject(refused)),
  ).rejects.toBe(refused);
  expect(await recorded()).toMatchObject({ outcome: 'refused', changed: false, steps: [] });
  expect(summary).toContain('Nothing was touched by this run');
});

test('a failure that cannot be recorded does not hide what happened', async () => {
  subject = { ...subject, recordPath: join(directory, 'missing', 'record.json') };
  expect(await cutOver([breaking('fence')])).toHaveProperty('name', 'UndoneError');
  expect(summary).toContain('the cutover was undone');
  expect(warnings.join()).toContain('could not be recorded');
});
