import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { rightClocks } from '../../../rehearsal/chaos/clocks.ts';

/** What a process on that machine says. */
function say(program: string, environment: Record<string, string>): string {
  return execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    env: { PATH: process.env['PATH'], ...environment },
    encoding: 'utf8',
  }).trim();
}

test('a machine whose clock is wrong has it wrong in every way in which a program asks, and keeps its own', () => {
  const clocks = rightClocks();
  expect(clocks.machine('assess')).toEqual({});
  clocks.goWrong(() => 0.99);
  expect(clocks.machine('assess')).toEqual({});
  expect(clocks.wereWrong()).toBe(false);
  const environment = clocks.machine('copy');
  expect(clocks.wereWrong()).toBe(true);
  expect(clocks.machine('copy')).toEqual(environment);
  const program = `
    const again = new (new Date().constructor)();
    console.log(JSON.stringify([Date.now(), +new Date(), Date.parse(Date()), +again, +new Date(0), new Date() instanceof Date]));
  `;
  const [now, ...others] = JSON.parse(say(program, environment)) as [
    number,
    number,
    number,
    number,
    number,
    boolean,
  ];
  const ahead = now - Date.now();
  expect(ahead).toBeGreaterThan(119 * 60_000);
  expect(ahead).toBeLessThan(120 * 60_000);
  const [constructed, printed, again, given, isDate] = others;
  for (const other of [constructed, printed, again]) expect(Math.abs(other - now)).toBeLessThan(2000);
  expect(given).toBe(0);
  expect(isDate).toBe(true);
});

test('the next attempt has machines with the right time again', () => {
  const clocks = rightClocks();
  clocks.goWrong(() => 0);
  expect(clocks.machine('copy')).not.toEqual({});
  clocks.replaceMachines();
  expect(clocks.machine('copy')).toEqual({});
});
