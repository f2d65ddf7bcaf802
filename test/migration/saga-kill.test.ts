import { execFile } from 'node:child_process';
import { join } from 'node:path';

import { expect, test } from '@jest/globals';

import { freshDatabase } from '../support/servers.ts';
import type { FreshDatabase } from '../support/servers.ts';
import { runSmallCutover } from './support/small-cutover.ts';
import { WORLD_SQL } from './support/world.ts';

// What is killed is a process of its own, with SIGKILL, at every edge between two commits of the journal in turn.

const PROGRAM = join(import.meta.dirname, 'support', 'saga-process.ts');
const SIDE_BY_SIDE = 3;

/** A journal and a world in one database. */
const small = (): Promise<FreshDatabase> => freshDatabase({ name: 'small', sql: WORLD_SQL });

/** The first attempt, killed at an edge. */
function killed(small: FreshDatabase, edge: number, failing = ''): Promise<string> {
  const args = ['--disable-warning=ExperimentalWarning', PROGRAM, small.url, String(edge), failing];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      resolve(error && error.signal !== 'SIGKILL' ? `${stdout}${stderr}` : stdout.trim());
    });
  });
}

/** An attempt that nobody kills: how it ended, and how many edges it passed. */
async function attempt(
  small: FreshDatabase,
  number: number,
  failing = '',
): Promise<{ end: string; edges: number }> {
  let edges = 0;
  const onEdge = (): void => void (edges += 1);
  return { end: await runSmallCutover({ url: small.url, attempt: number, failing, onEdge }), edges };
}

async function positions(small: FreshDatabase): Promise<Record<string, string>> {
  const rows = await small.query<{ name: string; position: string }>(
    'select name, position from public.switch',
  );
  return Object.fromEntries(rows.map(({ name, position }) => [name, position]));
}

async function turns(small: FreshDatabase): Promise<Record<string, number>> {
  const rows = await small.query<{ name: string; turned: number }>('select name, turned from public.switch');
  return Object.fromEntries(rows.map(({ name, turned }) => [name, turned]));
}

/** What each step found before it was first acted, however often it was tried. */
async function priors(small: FreshDatabase): Promise<Record<string, unknown>> {
  const rows = await small.query<{ name: string; prior: { was: string } | null }>(
    `select distinct name, prior from journal.step`,
  );
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  return Object.fromEntries(rows.map(({ name, prior }) => [name, prior?.was]));
}

async function forEachEdge(
  first: number,
  last: number,
  body: (edge: number) => Promise<void>,
): Promise<void> {
  const left = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const worker = async (): Promise<void> => {
    for (let edge = left.shift(); edge !== undefined; edge = left.shift()) await body(edge);
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
}

const BEFORE = { web: 'on', workers: '3', fence: 'open', moved: 'no', dns: 'old' };
const AFTER = { web: 'off', workers: '0', fence: 'held', moved: 'yes', dns: 'new' };
const ONCE = { web: 1, workers: 1, fence: 1, moved: 1, dns: 1 };

test('killed between any two journalled steps, the next run knows the prior state and ends right, each effect once', async () => {
  const { end, edges } = await attempt(await small(), 1);
  expect({ end, edges }).toEqual({ end: 'finished', edges: 5 * 6 });
  await forEachEdge(1, edges, async (edge) => {
    const run = await small();
    expect([edge, await killed(run, edge)]).toEqual([edge, expect.stringMatching(/^died at /)]);
    expect([edge, (await attempt(run, 2)).end]).toEqual([edge, 'finished']);
    expect([edge, await positions(run)]).toEqual([edge, AFTER]);
    expect([edge, await turns(run)]).toEqual([edge, ONCE]);
    expect([edge, await priors(run)]).toEqual([
      edge,
      { workers: '3', web: 'on', fence: 'open', moved: undefined, dns: 'old' },
    ]);
  });
}, 240_000);

test('killed anywhere while undoing, the next run completes the undo and the one after it begins anew', async () => {
  const undone = await small();
  const { end, edges } = await attempt(undone, 1, 'fence');
  expect(end).toBe('UndoneError');
  expect(await positions(undone)).toEqual(BEFORE);
  // Two whole steps and the act of the third: up to there the first test has looked.
  const failure = 2 * 6 + 4;
  await forEachEdge(failure + 1, edges, async (edge) => {
    const run = await small();
    expect([edge, await killed(run, edge, 'fence')]).toEqual([edge, expect.stringMatching(/^died at /)]);
    expect([edge, (await attempt(run, 2, 'fence')).end]).toEqual([edge, 'UndoneError']);
    expect([edge, await positions(run)]).toEqual([edge, BEFORE]);
    expect([edge, (await attempt(run, 3)).end]).toEqual([edge, 'finished']);
    expect([edge, await positions(run)]).toEqual([edge, AFTER]);
  });
}, 240_000);
