import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { CUTOVER_FAILED } from '../../actions/cutover/summary.ts';
import { ROLL_BACK_FAILED } from '../../actions/roll-back/summary.ts';
import {
  stepsOfCutover,
  stepsOfRollBack,
  type StepsOfAMove,
} from '../rehearsal/end-to-end/steps-of-a-move.ts';
import { project } from './blocks.ts';

// Whoever is called at two finds each step and each outcome that the code has, with what it means and what to press.
const runbook = readFileSync(join(project, 'docs/runbook.md'), 'utf8');

interface Row {
  names: string[];
  cells: string[];
}

/** The rows of a section's tables, with the names in the first cell: of `dns …` the word before the dots. */
function rowsOf(heading: string): Row[] {
  const [, after] = runbook.split(`\n## ${heading}\n`);
  if (after === undefined) throw new Error(`The runbook has no "${heading}".`);
  const [section = ''] = after.split('\n## ');
  return [...section.matchAll(/^\| (.*) \|$/gm)].flatMap(([, line = '']) => {
    const cells = line.split(' | ').map((cell) => cell.trim());
    const names = [...(cells[0] ?? '').matchAll(/`([a-z-]+)(?: …)?`/g)].map(([, name = '']) => name);
    return names.length === 0 ? [] : [{ names, cells }];
  });
}

const strategies = ['window', 'live'] as const;
const ways = ['dns', 'front-door', 'cdn'] as const;

function namesOf(stepsOf: typeof stepsOfCutover): Set<string> {
  const all = ({ before, pointOfNoReturn, after }: StepsOfAMove) => [...before, pointOfNoReturn, ...after];
  return new Set(
    strategies
      .flatMap((strategy) => ways.flatMap((traffic) => all(stepsOf(strategy, traffic))))
      .map((name) => name.replace(/ .*/, '')),
  );
}

const standing = (heading: string): string[] =>
  [...new Set(rowsOf(heading).flatMap(({ names }) => names))].sort();

test('each step of a cutover has its row, and each row is of a step', () => {
  expect(standing('What you see, and what it means')).toEqual([...namesOf(stepsOfCutover)].sort());
});

test('each step of a way back has its row, and each row is of a step', () => {
  const unopened = readFileSync(join(project, 'actions/roll-back/prove-unwritten.ts'), 'utf8');
  const ofOneThatWasNeverOpened = ['bring-jobs-back', 'prove-no-writes'];
  for (const name of ofOneThatWasNeverOpened) expect(unopened).toContain(`name: '${name}'`);
  expect(standing('Going back')).toEqual([...namesOf(stepsOfRollBack), ...ofOneThatWasNeverOpened].sort());
});

test('the page of the cutover tells what each of them does', () => {
  const page = readFileSync(join(project, 'docs/cutover.md'), 'utf8');
  const steps = [...namesOf(stepsOfCutover), ...namesOf(stepsOfRollBack)];
  // A name's own step has the name behind it.
  expect(steps.filter((name) => !page.includes(`\`${name}\``) && !page.includes(`\`${name} <`))).toEqual([]);
});

test('each outcome of a failed phase has its row', () => {
  expect(standing('When it is red')).toEqual(Object.keys(CUTOVER_FAILED).sort());
  expect(Object.keys(ROLL_BACK_FAILED).sort()).toEqual(Object.keys(CUTOVER_FAILED).sort());
});

test('each row says what it means and what to press', () => {
  for (const heading of ['What you see, and what it means', 'When it is red', 'Going back']) {
    const silent = rowsOf(heading).filter(
      ({ cells }) => cells.length !== 3 || cells.some((cell) => cell === ''),
    );
    expect(silent).toEqual([]);
  }
});
