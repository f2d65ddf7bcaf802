import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Waiting, type Visitor } from '../../src/front-door/program/waiting.ts';

async function allIn(waiting: Waiting): Promise<void> {
  while (waiting.length > 0) await delay(5);
}

/** Visitors that write down what becomes of them; each is through a moment after it passes. */
function visitors(limitMs = 5_000): { visitor: (name: string) => Visitor; told: string[] } {
  const told: string[] = [];
  const visitor = (name: string): Visitor => ({
    deadline: performance.now() + limitMs,
    pass: (through) => {
      told.push(`${name} passes`);
      setTimeout(through, 20);
    },
    refuse: (reason) => told.push(`${name} is refused, ${reason}`),
  });
  return { visitor, told };
}

test('first come, first served: who comes while others are let in waits behind them', async () => {
  const waiting = new Waiting();
  const { visitor, told } = visitors();
  const names = Array.from({ length: 120 }, (_, number) => `${number}`);
  for (const name of names) waiting.enter(visitor(name));
  expect([told, waiting.length]).toEqual([[], 120]);
  waiting.open();
  waiting.enter(visitor('late'));
  // Fifty get their connections at a time.
  expect(told).toHaveLength(50);
  await allIn(waiting);
  expect(told).toEqual([...names, 'late'].map((name) => `${name} passes`));
  waiting.enter(visitor('later'));
  await allIn(waiting);
  expect(told.at(-1)).toBe('later passes');
});

test('who is through twice, such as connected and then closed, makes room once', async () => {
  const waiting = new Waiting();
  waiting.open();
  const { visitor, told } = visitors();
  waiting.enter({
    ...visitor('hasty'),
    pass: (through) => {
      through();
      through();
    },
  });
  for (let number = 0; number < 51; number += 1) waiting.enter(visitor(`${number}`));
  expect([told.length, waiting.length]).toEqual([50, 1]);
  await allIn(waiting);
  expect(told).toHaveLength(51);
});

test('shut while some are being let in, the rest waits on, each until its own limit', async () => {
  const waiting = new Waiting();
  const [patient, impatient] = [visitors(), visitors(150)];
  for (let number = 0; number < 80; number += 1) waiting.enter(patient.visitor(`${number}`));
  waiting.enter(impatient.visitor('one'));
  waiting.open();
  waiting.shut();
  await delay(50);
  expect(patient.told).toHaveLength(50);
  await delay(200);
  expect(impatient.told).toEqual(['one is refused, too-long']);
  waiting.open();
  await allIn(waiting);
  expect(patient.told).toHaveLength(80);
});

test('one more than may wait is refused at once, and so is one whose time is over; one that leaves makes room', () => {
  const waiting = new Waiting(1);
  const { visitor, told } = visitors();
  const first = visitor('first');
  waiting.enter(first);
  waiting.enter(visitor('second'));
  waiting.leave(first);
  waiting.enter({ ...visitor('third'), deadline: performance.now() - 1 });
  const fourth = visitor('fourth');
  waiting.enter(fourth);
  expect(told).toEqual(['second is refused, too-many', 'third is refused, too-long']);
  waiting.leave(fourth);
});
