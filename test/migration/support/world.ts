import type pg from 'pg';

import { defineStep } from '../../../src/migration/saga.ts';
import type { Step } from '../../../src/migration/saga.ts';

/** A world outside the journal that steps change: switches, each with a count of how often it was turned. */
export interface World {
  read(name: string): Promise<string>;
  turn(name: string, to: string): Promise<void>;
}

export const WORLD_SQL = `
  create table switch (name text primary key, position text not null, turned integer not null default 0);
  insert into switch values ('web', 'on'), ('workers', '3'), ('fence', 'open'), ('moved', 'no'), ('dns', 'old');
`;

export function worldOf(client: pg.Client): World {
  return {
    async read(name) {
      const { rows } = await client.query<{ position: string }>(
        'select position from public.switch where name = $1',
        [name],
      );
      return rows[0]?.position ?? '';
    },
    async turn(name, to) {
      // Turning to where it stands already is what an idempotent API does: nothing.
      await client.query(
        'update public.switch set position = $2, turned = turned + 1 where name = $1 and position <> $2',
        [name, to],
      );
    },
  };
}

/** `hook` is called at the edges of each act and undo, where a test may kill or fail. */
export type Hook = (place: string) => void | Promise<void>;

/** A cutover in small: two changes with an undo, a lock, the point of no return, and one change after it. */
export function cutoverSteps(world: World, hook: Hook): Step[] {
  const turning = (name: string, to: string): Step =>
    defineStep<{ was: string }, { now: string }>({
      name,
      prior: async () => ({ was: await world.read(name) }),
      async act() {
        await hook(`${name}:before act`);
        await world.turn(name, to);
        await hook(`${name}:after act`);
        return { now: to };
      },
      async undo({ was }) {
        await hook(`${name}:before undo`);
        await world.turn(name, was);
        await hook(`${name}:after undo`);
      },
      settle: async () => ((await world.read(name)) === to ? { done: { now: to } } : 'not-done'),
    });
  return [
    turning('workers', '0'),
    turning('web', 'off'),
    defineStep({ ...turning('fence', 'held'), always: true }),
    defineStep({
      name: 'moved',
      pointOfNoReturn: true,
      async act() {
        await hook('moved:before act');
        await world.turn('moved', 'yes');
        await hook('moved:after act');
        return null;
      },
      settle: async () => ((await world.read('moved')) === 'yes' ? 'done' : 'not-done'),
    }),
    turning('dns', 'new'),
  ];
}
