import type { HerokuInventory } from '../heroku/inventory.ts';
import type { SchedulerJob } from '../heroku/scheduler.ts';
import type { ScheduledJob } from './config.ts';
import { blocked, idPart, type Item } from './item.ts';
import { withoutSecrets } from './no-secrets.ts';

/** What is run and when, by whom it is read from. */
export interface Commands {
  inventory: HerokuInventory;
  scheduler: { jobs: SchedulerJob[] } | { unknown: string };
}

/**
 * What Heroku runs, with the passwords and tokens that stand in its commands taken out: the plan is recorded, and many may
 * read it. Such a command cannot be carried over as it is, since nobody but Heroku holds it whole: an item blocks.
 */
export function withoutSecretsInCommands<T extends Commands>(
  found: T,
  declared: readonly ScheduledJob[],
): { found: T; declared: ScheduledJob[]; items: Item[] } {
  const held = new Map<string, string>();
  const clean = (where: string, command: string): string => {
    const left = withoutSecrets(command);
    if (left !== command) held.set(where, left);
    return left;
  };
  const { inventory, scheduler } = found;
  const processTypes =
    inventory.processTypes &&
    Object.fromEntries(
      Object.entries(inventory.processTypes).map(([type, command]) => [type, clean(type, command)]),
    );
  const cleaned: T = {
    ...found,
    inventory: {
      ...inventory,
      processTypes,
      formation: inventory.formation.map((one) => ({ ...one, command: clean(one.type, one.command) })),
      releasePhase: inventory.releasePhase === null ? null : clean('release', inventory.releasePhase),
    },
    scheduler:
      'jobs' in scheduler
        ? { jobs: scheduler.jobs.map((job) => ({ ...job, command: clean('scheduler', job.command) })) }
        : scheduler,
  };
  const jobs = declared.map((job) => ({ ...job, command: clean('scheduler', job.command) }));
  return { found: cleaned, declared: jobs, items: [...held].map(([where, command]) => item(where, command)) };
}

function item(where: string, command: string): Item {
  return blocked({
    id: `process/secret/${idPart(where)}`,
    area: 'app',
    what: `${where === 'scheduler' ? 'a scheduled command' : `the command of ${where}`} holds a password or token in clear`,
    why: `it is left out of everything that is recorded: ${command}`,
    remedy:
      'Put it into a config var (`heroku config:set …`), name that in the command in its place (`$NAME`), change the secret, since it stood where many could read it, and run assess again.',
  });
}
